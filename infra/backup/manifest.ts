// What a backup consists of: a folder with
//   backup.json    this manifest, written last, so that an unfinished backup has none
//   log.jsonl.gz   the log, in the format of `commerce export`
//   keys.jsonl     data keys, tombstones and secrets: see keys-file.ts
//   objects/       the archive of the log, in objects/archive/, and stock snapshots, as they are in the data folder

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import type { ObjectStore } from '../../domain/kernel/objects.js';
import { sha256 } from '../archive/layout.js';
import { createFolderObjects } from '../objects/folder-objects.js';
import { type Mark, STORE_GENERATION } from '../stores/store.js';

export const MANIFEST_FILE = 'backup.json';
export const LOG_FILE = 'log.jsonl.gz';
export const OBJECTS_FOLDER = 'objects';

const FORMAT = 'commerce-backup/1';

const schema = z.strictObject({
  format: z.literal(FORMAT),
  madeAt: z.iso.datetime(),
  /** The mark of the log. */
  mark: z.strictObject({ generation: z.int(), log: z.string(), key: z.string(), eventStore: z.string().optional() }),
  commits: z.int().min(0),
  streams: z.int().min(0),
  /** SHA-256 of the file of the log, in hex. */
  sha256: z.string(),
  /** All objects: how many, and the SHA-256, in hex, of a line for each in the order of their names: its own SHA-256, and its name. */
  objects: z.strictObject({ count: z.int().min(0), sha256: z.string() }),
});

export type Manifest = Omit<z.output<typeof schema>, 'format' | 'mark'> & { mark: Mark };

/** The folder is no whole backup, or one that this build cannot read. */
export class BackupRefused extends OperatorError {
  override name = 'BackupRefused';
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const path = join(folder, MANIFEST_FILE);
  await writeFile(`${path}.new`, `${JSON.stringify({ format: FORMAT, ...manifest }, undefined, 2)}\n`, { flush: true });
  await rename(`${path}.new`, path);
}

/** Throws `BackupRefused`. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_FILE);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    throw new BackupRefused(
      `${folder} is no backup: it has no ${MANIFEST_FILE}. Name a folder that \`commerce backup\` has finished.`,
    );
  });
  const { format, mark: found, ...manifest } = parsed(text, path);
  const mark = defined(found);
  const { generation } = mark;
  if (generation === STORE_GENERATION) return { ...manifest, mark };
  throw new BackupRefused(
    `${folder} is the backup of another build (generation ${generation}; this build reads ${STORE_GENERATION}); restore it with that build.`,
  );
}

function parsed(text: string, path: string): z.output<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new BackupRefused(`${path} is damaged, or was written by a newer build; use another backup.`);
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

export const objectsIn = (folder: string): ObjectStore => createFolderObjects(folder).of(OBJECTS_FOLDER);

/** Reads the objects from the disk, one at a time. */
export async function digestOfObjects(folder: string): Promise<Manifest['objects']> {
  const objects = objectsIn(folder);
  const hash = createHash('sha256');
  let count = 0;
  for await (const name of objects.list('')) {
    hash.update(`${sha256((await objects.get(name)) ?? Buffer.alloc(0))}  ${name}\n`);
    count++;
  }
  return { count, sha256: hash.digest('hex') };
}
