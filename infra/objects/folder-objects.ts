// Objects in a folder of this machine, for the profile `embedded`: one read-only file for each object.
import type { Dirent } from 'node:fs';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DRAFT_SUFFIX, writeOnce } from '../write-once.js';
import { checkedName, type ObjectPlace } from './place.js';

const READ_ONLY = 0o444;

export function createFolderObjects(root: string): ObjectPlace {
  return {
    name: root,

    of(log) {
      const folder = join(root, checkedName(log));
      return {
        place: folder,
        async putOnce(name, body) {
          const path = join(folder, checkedName(name));
          const isNew = await writeOnce(path, body, READ_ONLY);
          if (isNew) await syncFolder(dirname(path));
          return isNew;
        },
        get: (name) => readFile(join(folder, checkedName(name))).catch(unlessMissing),
        list: (prefix, after = '') => namesBelow(folder, '', prefix, after),
      };
    },

    erase: (log) => rm(join(root, checkedName(log)), { recursive: true, force: true }),
  };
}

/** Names in order: a folder sorts by its name with a slash, because its entries do. */
async function* namesBelow(folder: string, path: string, prefix: string, after: string): AsyncGenerator<string> {
  const entries = (await readdir(join(folder, path), { withFileTypes: true }).catch(unlessMissing)) ?? [];
  const names = entries
    .filter(({ name }) => !DRAFT_SUFFIX.test(name))
    .map((entry: Dirent) => `${path}${entry.name}${entry.isDirectory() ? '/' : ''}`)
    .sort(byCharacters);
  for (const name of names) {
    const isBeside = !name.startsWith(prefix) && !(name.endsWith('/') && prefix.startsWith(name));
    const isBefore = name <= after && !after.startsWith(name);
    if (isBeside || isBefore) continue;
    if (name.endsWith('/')) yield* namesBelow(folder, name, prefix, after);
    else if (name > after) yield name;
  }
}

const byCharacters = (a: string, b: string) => (a < b ? -1 : 1);

/** The entry of a new file survives a power failure only after its folder is written. Windows has no such call. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
