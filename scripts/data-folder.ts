// The folder for local data: its entries, and which of them belong to this product. Nothing else is ever deleted.
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BACKUPS_FILE } from '../infra/backup/known-backups.js';
import { ClosedFolder } from '../infra/engines/errors.js';
import { REBUILD_FOLDER } from '../infra/rebuild/file-spill.js';

/** Keys, and drafts of keys that a killed program has left. */
const KEY_FILE = /^(master\.key|token-key\.json|audit\.key)(\.\d+-[0-9a-f]+)?$/;
/** The folder `postgres`. It is ours if it contains our log or lies beside our keys. */
const POSTGRES = 'postgres';
const POSTGRES_LOG = 'postgres.log';
const POSTGRES_ENTRY = /^(postgres\.log|lock(\.[0-9a-f-]+)?|cluster|cluster\.new-\d+-[0-9a-f]+)$/;

/** The folder of objects. Its entries are named by the id of their log. */
const OBJECTS = 'objects';
const LOG_ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** Folders of this product that are removed once they are empty. */
export const OWN_FOLDERS = [POSTGRES, OBJECTS];

/** Paths relative to the data folder. */
export interface FolderEntries {
  own: string[];
  foreign: string[];
}

/** Undefined if the folder does not exist. */
export async function entriesOf(folder: string): Promise<FolderEntries | undefined> {
  const entries: FolderEntries = { own: [], foreign: [] };
  const names = await namesIn(folder);
  if (!names) return undefined;
  for (const name of names) {
    const inner = OWN_FOLDERS.includes(name) ? await namesIn(join(folder, name)) : undefined;
    const isBesideKeys = names.some((other) => KEY_FILE.test(other));
    const isOurs = name === OBJECTS || inner?.includes(POSTGRES_LOG) || isBesideKeys;
    const pattern = name === OBJECTS ? LOG_ID : POSTGRES_ENTRY;
    for (const entry of inner ?? []) entries[isOurs && pattern.test(entry) ? 'own' : 'foreign'].push(join(name, entry));
    const isOwn = KEY_FILE.test(name) || ((name === BACKUPS_FILE || name === REBUILD_FOLDER) && isBesideKeys);
    if (!inner) entries[isOwn ? 'own' : 'foreign'].push(name);
  }
  return entries;
}

async function namesIn(folder: string): Promise<string[] | undefined> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new ClosedFolder(folder, `${error.message}; use the account that created it`, { cause: error });
  });
}

/** The path itself, or its nearest existing parent. A path that we cannot access is reported later, when it is opened. */
export function nearest(path: string): { path: string; isFolder: boolean } {
  let at = path;
  for (;;) {
    try {
      return { path: at, isFolder: statSync(at).isDirectory() };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') return { path, isFolder: true };
      at = dirname(at);
    }
  }
}
