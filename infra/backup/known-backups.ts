// The backups that were made of a data folder, so that a person who is forgotten is taken out of their keys, too. A backup that was
// moved away is not found any more; its keys expire.
import { access, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../make-folder.js';
import { readIfThere } from '../secret-file.js';
import { forgetIn, readKeys } from './keys-file.js';

/** In the data folder, beside the keys. */
export const BACKUPS_FILE = 'backups.json';
export const KEYS_FILE = 'keys.jsonl';

const schema = z.strictObject({ folders: z.array(z.string()) });

export interface KnownBackups {
  add(folder: string): Promise<void>;
  /** Leaves tombstones in the keys of all backups that are still where they were made. */
  forget(subject: string): Promise<void>;
  /** Deletes keys that have expired. Returns their paths. */
  expire(now: number): Promise<string[]>;
}

export function createKnownBackups(dataDir: string): KnownBackups {
  const list = join(dataDir, BACKUPS_FILE);

  async function folders(): Promise<string[]> {
    const text = await readIfThere(list);
    return text === undefined ? [] : schema.parse(JSON.parse(text)).folders;
  }

  async function keysFiles(): Promise<string[]> {
    const paths = (await folders()).map((folder) => join(folder, KEYS_FILE));
    const there = await Promise.all(
      paths.map((path) =>
        access(path).then(
          () => true,
          () => false,
        ),
      ),
    );
    return paths.filter((_, n) => there[n]);
  }

  return {
    async add(folder) {
      const known = new Set([...(await folders()), folder]);
      await makeFolder(dataDir);
      const draft = `${list}.new`;
      await writeFile(draft, `${JSON.stringify({ folders: [...known] }, undefined, 2)}\n`);
      await rename(draft, list);
    },
    async forget(subject) {
      for (const path of await keysFiles()) await forgetIn(path, new Set([subject]));
    },
    async expire(now) {
      const expired: string[] = [];
      for (const path of await keysFiles()) {
        const { head } = await readKeys(path);
        if (Date.parse(head.expiresAt) > now) continue;
        await rm(path);
        expired.push(path);
      }
      return expired;
    },
  };
}
