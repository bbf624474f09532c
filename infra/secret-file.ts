// A secret in a file of the data folder that only its owner can read. The first program that needs it creates it.
import { readFile } from 'node:fs/promises';
import { writeOnce } from './write-once.js';

export async function keptSecret(path: string, make: () => Promise<string>): Promise<string> {
  return (await readIfThere(path)) ?? (await create(path, await make()));
}

/** If two programs compete, the first one wins. */
async function create(path: string, secret: string): Promise<string> {
  await writeOnce(path, secret, 0o600);
  return readFile(path, 'utf8');
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
