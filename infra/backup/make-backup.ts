// Makes a backup of a shop, which may go on meanwhile. It has everything that was acknowledged before it began.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, millisOf } from '../../domain/kernel/clock.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { ObjectStore } from '../../domain/kernel/objects.js';
import { ARCHIVE_PREFIX, archiveIn } from '../archive/archive-objects.js';
import type { Archiver } from '../archive/archiver.js';
import { numberIn } from '../archive/layout.js';
import type { ArchiveIndex, ArchiveStore } from '../archive/port.js';
import { type Exported, exportLog } from '../log-file/export-log.js';
import { writeWhole } from '../log-file/written-file.js';
import { makeFolder } from '../make-folder.js';
import { readIfThere } from '../secret-file.js';
import type { Mark } from '../stores/store.js';
import { forgetIn, type KeysHead, type NamedKey, SECRET_FILES, writeKeys } from './keys-file.js';
import { KEYS_FILE, type KnownBackups } from './known-backups.js';
import {
  BackupRefused,
  digestOfObjects,
  LOG_FILE,
  MANIFEST_FILE,
  objectsIn,
  sha256Of,
  writeManifest,
} from './manifest.js';

const LOOK_EVERY_MS = 200;
const ARCHIVED = ['manifests/', 'segments/', 'checkpoints/', 'cosignatures/'];

export interface BackupDeps {
  mark: Mark;
  store: Pick<EventStore, 'stored' | 'watermark'>;
  archiver: Archiver;
  archive: ArchiveStore;
  index: ArchiveIndex;
  /** Stock snapshots. */
  objects: ObjectStore;
  /** Name of the log in its checkpoints. */
  origin: string;
  keys: {
    all(): AsyncIterable<NamedKey>;
    /** Who was forgotten since that time of the store's clock or shortly before. */
    forgottenSince(time: number): Promise<string[]>;
  };
  known: KnownBackups;
  dataDir: string;
  clock: Clock;
}

export interface BackupOptions {
  keysExpireAfterMs: number;
  onProgress?: (job: string, done: number, total: number) => void;
}

export interface Backup extends Pick<Exported, 'commits' | 'streams'> {
  madeAt: string;
  keys: number;
  keysExpireAt: string;
  /** Whether the file of the keys has the master key. It has not if the key is set in the environment. */
  hasMasterKey: boolean;
  /** Files of keys of earlier backups that had expired and were deleted. */
  expired: string[];
}

/** The folder must be new or empty. Throws `BackupRefused`, `Unavailable`. */
export async function makeBackup(folder: string, deps: BackupDeps, options: BackupOptions): Promise<Backup> {
  const { mark, store, archiver, known, clock } = deps;
  await requireEmpty(folder);
  const expired = await known.expire(clock());
  // Known before it has keys: whoever is forgotten from now on is also taken out of them.
  await known.add(folder);
  const beganAt = clock();
  while (millisOf(await store.watermark()) < beganAt) await delay(LOOK_EVERY_MS);
  const { head, checkpoint } = await archiver.run();
  await copyArchive(deps.archive, archiveIn(objectsIn(folder)), head.segments);
  await copyObjects(deps.objects, objectsIn(folder));
  const log = join(folder, LOG_FILE);
  const onProgress = (read: number) => options.onProgress?.('Backed up commits', read, Math.max(read, head.size));
  const { commits, streams } = await writeWhole(log, (write) =>
    exportLog({ ...deps, head, checkpoint }, write, { onProgress }),
  );
  // After the log, so that no commit is there whose key is not.
  const madeAt = new Date(beganAt).toISOString();
  const keysExpireAt = new Date(beganAt + options.keysExpireAfterMs).toISOString();
  const secrets = await secretsIn(deps.dataDir);
  const keysFile = join(folder, KEYS_FILE);
  const keysHead = { log: mark.log, madeAt, expiresAt: keysExpireAt, secrets };
  const keys = await writeKeys(keysFile, keysHead, deps.keys.all());
  // Whoever was forgotten while the keys were written may not have been found in them.
  const forgotten = await deps.keys.forgottenSince(beganAt);
  if (forgotten.length > 0) await forgetIn(keysFile, new Set(forgotten));
  const digests = { sha256: await sha256Of(log), objects: await digestOfObjects(folder) };
  await writeManifest(folder, { madeAt, mark, commits, streams, ...digests });
  return { madeAt, commits, streams, keys, keysExpireAt, hasMasterKey: 'master.key' in secrets, expired };
}

async function requireEmpty(folder: string): Promise<void> {
  await makeFolder(folder);
  const entries = await readdir(folder);
  if (entries.length === 0) return;
  const what = entries.includes(MANIFEST_FILE) ? 'already has a backup' : 'is not empty';
  throw new BackupRefused(`${folder} ${what}; name a new folder for each backup.`);
}

async function secretsIn(dataDir: string): Promise<KeysHead['secrets']> {
  const secrets: KeysHead['secrets'] = {};
  for (const name of SECRET_FILES) {
    const text = await readIfThere(join(dataDir, name));
    if (text !== undefined) secrets[name] = text;
  }
  return secrets;
}

/** The first segments, and what belongs to them. Later ones may have commits that the backup of the log does not have. */
export async function copyArchive(
  from: ArchiveStore,
  to: ArchiveStore,
  segments = Number.POSITIVE_INFINITY,
): Promise<void> {
  for (const prefix of ARCHIVED) {
    for await (const name of from.list(prefix)) {
      if (!(numberIn(name) <= segments)) continue;
      const content = await from.read(name);
      if (!content || (await to.create(name, content))) continue;
      const there = await to.read(name);
      if (!there?.equals(content)) throw new BackupRefused(`${to.name} has another ${name}; use an empty folder.`);
    }
  }
}

/** Without the archive, which is copied as a whole. */
export async function copyObjects(from: ObjectStore, to: ObjectStore): Promise<void> {
  for await (const name of from.list('')) {
    if (name.startsWith(ARCHIVE_PREFIX)) continue;
    const content = await from.get(name);
    if (!content || (await to.putOnce(name, content))) continue;
    const there = await to.get(name);
    if (!there || Buffer.compare(there, content) !== 0)
      throw new BackupRefused(`${to.place} has another ${name}; use an empty folder.`);
  }
}
