// Restores a backup into stores that are empty. The mark of the log is left last: until then no process starts on the stores, so an
// interrupted restore is never taken for a shop.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { ObjectStore } from '../../domain/kernel/objects.js';
import { archiveIn } from '../archive/archive-objects.js';
import { originOf } from '../archive/audit-key.js';
import { commitLine } from '../archive/commit-line.js';
import type { ArchiveStore } from '../archive/port.js';
import type { SubjectKeys } from '../crypto/subject-keys.js';
import type { LogLoader } from '../event-store/log-loader.js';
import { loadExport, readExport } from '../log-file/import-log.js';
import type { FileReport } from '../log-file/verify-file.js';
import { keptSecret } from '../secret-file.js';
import { isSealedWith } from '../stores/claim.js';
import type { Store } from '../stores/store.js';
import { type KeysHead, readKeys } from './keys-file.js';
import { KEYS_FILE } from './known-backups.js';
import { copyArchive, copyObjects } from './make-backup.js';
import {
  BackupRefused,
  digestOfObjects,
  LOG_FILE,
  type Manifest,
  OBJECTS_FOLDER,
  objectsIn,
  readManifest,
  sha256Of,
} from './manifest.js';

/** Progress is reported after each so many commits. */
const REPORTED_COMMITS = 1_000;

/** The stores or the data folder have something that a restore would mix with. */
export class NotEmpty extends BackupRefused {
  override name = 'NotEmpty';
}

/** A whole backup, with keys that have not expired. */
export interface CheckedBackup {
  folder: string;
  manifest: Manifest;
  report: FileReport;
  keys: Awaited<ReturnType<typeof readKeys>>;
}

export interface RestoreOptions {
  onProgress?: (job: string, done: number, total: number) => void;
}

/** Reads the whole backup. Throws `BackupRefused` or `KeysRefused` unless all of it is as it was written. */
export async function checkBackup(
  folder: string,
  now: number,
  { onProgress = () => {} }: RestoreOptions = {},
): Promise<CheckedBackup> {
  const manifest = await readManifest(folder);
  const { log } = manifest.mark;
  const keysFile = join(folder, KEYS_FILE);
  const keys = await readKeys(keysFile);
  if (keys.head.log !== log) throw new BackupRefused(`${keysFile} has the keys of another shop than ${LOG_FILE}.`);
  if (Date.parse(keys.head.expiresAt) <= now)
    throw new BackupRefused(`${keysFile} has expired at ${keys.head.expiresAt}; use a newer backup.`);
  const path = join(folder, LOG_FILE);
  if ((await sha256Of(path).catch(() => undefined)) !== manifest.sha256)
    throw new BackupRefused(`${path} is damaged or missing; use another backup.`);
  await requireObjects(folder, manifest);
  const report = await readExport(path, {
    onProgress: (done, total) => onProgress('Checking the backup', done, total),
  });
  const problem = report.problems.find((one) => 'stream' in one) ?? report.problems[0];
  if (problem) {
    const place = 'stream' in problem ? `commit ${problem.commitNo} of ${problem.stream}` : `line ${problem.line}`;
    throw new BackupRefused(`${path} is not the log as it was written: ${place}: ${problem.problem}.`);
  }
  if (report.header?.origin !== originOf(log) || report.commits !== manifest.commits)
    throw new BackupRefused(`${path} is not the log that the backup was made of; use another backup.`);
  return { folder, manifest, report, keys };
}

async function requireObjects(folder: string, { objects: { count, sha256 } }: Manifest): Promise<void> {
  const found = await digestOfObjects(folder);
  if (found.count === count && found.sha256 === sha256) return;
  const what = found.count === count ? 'is damaged' : `has ${found.count} objects, but ${count} were written`;
  throw new BackupRefused(`${join(folder, OBJECTS_FOLDER)} ${what}; use another backup.`);
}

/** The master key of the backup, which must be the one that is in use at the new place, if there is one. Throws `BackupRefused`. */
export function requireMasterKey(
  { manifest, keys, folder }: CheckedBackup,
  current: { key: Buffer | undefined; place: string },
): void {
  const kept = keys.head.secrets['master.key'];
  const key = current.key ?? (kept === undefined ? undefined : Buffer.from(kept, 'base64'));
  if (!key)
    throw new BackupRefused(
      `The backup in ${folder} does not have the master key, because it was kept elsewhere; set COMMERCE_MASTER_KEY to it.`,
    );
  if (!isSealedWith(key, manifest.mark))
    throw new BackupRefused(`${current.place} is the master key of another shop than the backup in ${folder}.`);
}

export interface RestoreDeps {
  /** The store of the log, and all others. */
  stores: { log: Store; others: readonly Store[] };
  /** Makes the tables. Called once everything else is checked. */
  prepare(): Promise<LogLoader>;
  store: Pick<EventStore, 'stored'>;
  keys: SubjectKeys;
  archive: ArchiveStore;
  objects: ObjectStore;
  dataDir: string;
}

export interface Restored {
  commits: number;
  streams: number;
  keys: number;
  /** People whose keys were not restored, because the backup, its log or the stores say that they are forgotten. */
  forgotten: number;
}

export async function restoreBackup(
  backup: CheckedBackup,
  deps: RestoreDeps,
  { onProgress = () => {} }: RestoreOptions = {},
): Promise<Restored> {
  const { folder, manifest, report, keys } = backup;
  const { stores } = deps;
  for (const store of [stores.log, ...stores.others]) {
    if ((await store.mark()) !== undefined) throw notEmpty(store.name);
  }
  const into = await deps.prepare();
  const forgotten = new Set<string>();
  const given = createHash('sha256');
  const loader: LogLoader = {
    isEmpty: into.isEmpty,
    async load(commits) {
      await into.load(commits);
      for (const commit of commits) {
        given.update(commitLine(commit));
        for (const subject of forgottenIn(commit)) forgotten.add(subject);
      }
    },
  };
  await loadExport(join(folder, LOG_FILE), report, loader, (done, total) =>
    onProgress('Restored commits', done, total),
  );
  await copyArchive(archiveIn(objectsIn(folder)), deps.archive);
  await copyObjects(objectsIn(folder), deps.objects);
  const restored = await restoreKeys(keys.keys(), deps.keys, forgotten);
  await requireSame(deps.store, given.digest('hex'), manifest, onProgress);
  await writeSecrets(keys.head.secrets, deps.dataDir);
  await stores.log.leaveMark(manifest.mark);
  return { commits: report.commits, streams: report.streams, keys: restored, forgotten: forgotten.size };
}

/** A tombstone that the store has already is never replaced by a key. */
async function restoreKeys(
  keys: ReturnType<CheckedBackup['keys']['keys']>,
  into: SubjectKeys,
  forgotten: Set<string>,
): Promise<number> {
  let restored = 0;
  for await (const [subject, key] of keys) {
    if ('forgotten' in key || forgotten.has(subject)) {
      forgotten.add(subject);
      continue;
    }
    const current = await into.createIfAbsent(subject, key.wrapped);
    if ('forgotten' in current) forgotten.add(subject);
    else restored++;
  }
  for (const subject of forgotten) await into.forget(subject);
  return restored;
}

/** Reads the log back from the store. */
async function requireSame(
  store: Pick<EventStore, 'stored'>,
  given: string,
  { commits }: Manifest,
  onProgress: NonNullable<RestoreOptions['onProgress']>,
): Promise<void> {
  const found = createHash('sha256');
  let read = 0;
  for await (const commit of store.stored()) {
    found.update(commitLine(commit));
    if (++read % REPORTED_COMMITS === 0) onProgress('Checking what was restored', read, commits);
  }
  onProgress('Checking what was restored', read, commits);
  if (read !== commits || found.digest('hex') !== given)
    throw new Error(`The store has other commits than the backup: ${read} of ${commits}.`);
}

async function writeSecrets(secrets: KeysHead['secrets'], dataDir: string): Promise<void> {
  for (const [name, text] of Object.entries(secrets)) await keptSecret(join(dataDir, name), async () => text);
}

function forgottenIn({ pk, ev }: StoredCommit): string[] {
  if (!pk.startsWith('customer#') || !ev.includes('"SubjectForgotten"')) return [];
  const events = JSON.parse(ev) as { type: string; data: { customerId: string } }[];
  return events.flatMap(({ type, data }) => (type === 'SubjectForgotten' ? [data.customerId] : []));
}

const notEmpty = (name: string) =>
  new NotEmpty(
    `${name} is not empty; restore into an empty one, named with --data or DATABASE_URL. If an earlier restore was interrupted, run \`commerce reset\` first.`,
  );
