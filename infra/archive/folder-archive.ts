// The archive in a folder, for the profile embedded. Names are written once and read-only; whoever owns the folder can change that,
// so copy it elsewhere, or post the checkpoints.
import { randomBytes } from 'node:crypto';
import { link, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Unavailable } from '../../domain/kernel/errors.js';
import { makeFolder } from '../make-folder.js';
import { reasonOf } from '../retry.js';
import type { ArchiveStore } from './port.js';

const READ_ONLY = 0o444;

/** Drafts are not part of the archive. Those of a killed process stay there. */
const DRAFTS = 'drafts';

export function createFolderArchive(folder: string): ArchiveStore {
  const naming = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw Object.assign(new Unavailable(`The archive in ${folder}`, reasonOf(error)), { cause: error });
    }
  };

  return {
    name: folder,

    /** A link appears whole or not at all, and only if the name is free. Then its folder is flushed to the disk. */
    create: (name, content) =>
      naming(async () => {
        const path = join(folder, name);
        const draft = join(folder, DRAFTS, randomBytes(8).toString('hex'));
        await Promise.all([makeFolder(dirname(path)), makeFolder(dirname(draft))]);
        try {
          const file = await open(draft, 'wx', READ_ONLY);
          try {
            await file.writeFile(content);
            await file.sync();
          } finally {
            await file.close();
          }
          await link(draft, path);
          await flush(dirname(path));
          return true;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
          throw error;
        } finally {
          await rm(draft, { force: true });
        }
      }),

    read: (name) => naming(() => unlessMissing(readFile(join(folder, name)))),

    async *list(prefix) {
      const parent = dirname(`${prefix}-`);
      const found = await naming(() => unlessMissing(readdir(join(folder, parent))));
      const names = (found ?? []).map((name) => `${parent}/${name}`);
      yield* names.filter((name) => name.startsWith(prefix)).sort();
    },
  };
}

async function flush(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
