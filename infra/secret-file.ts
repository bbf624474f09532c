// A secret in a file of the data folder that only its owner can read. The first program that needs it creates it.
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from './make-folder.js';

export async function keptSecret(path: string, make: () => Promise<string>): Promise<string> {
  return (await readIfThere(path)) ?? (await create(path, await make()));
}

/**
 * Written to a draft and linked into place, so that nobody reads an incomplete secret. If two programs compete, the first one
 * wins.
 */
async function create(path: string, secret: string): Promise<string> {
  await makeFolder(dirname(path));
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(secret);
      await file.sync();
    } catch (error) {
      throw Object.assign(error as Error, { path }); // the error of a write does not name the path
    } finally {
      await file.close();
    }
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
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
