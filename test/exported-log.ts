// A random log with its archive in memory, and its exports, for tests of what auditors get.
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, hlcOf } from '../domain/kernel/clock.js';
import { type Position, START, type StoredCommit } from '../domain/kernel/commit.js';
import { type StreamId, streamId } from '../domain/kernel/stream.js';
import { type ArchiverDeps, createArchiver } from '../infra/archive/archiver.js';
import { publicKeyText } from '../infra/archive/audit-key.js';
import { noteSigner, noteVerifier } from '../infra/archive/signed-note.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../infra/event-store/memory.js';
import { type ExportDeps, type Exported, type ExportOptions, exportLog } from '../infra/log-file/export-log.js';
import { noteCommit, notes } from './contracts/notes.js';
import { createMemoryArchive, createMemoryIndex, emptyIndex } from './memory-archive.js';
import { the } from './the.js';

const STARTED = 1_800_000_000_000;
const CATEGORIES = ['note', 'memo', 'order'];
const TEXTS = ['', 'plain', '"quoted" \\ text', 'Ünï ☕ 😀', '\u0000\u001f\u007f\u2028', '\ud800', '{"ev":[]}', '</x>'];

export const below = (random: () => number, limit: number): number => Math.floor(random() * limit);
export const oneOf = <T>(random: () => number, items: readonly T[]): T => the(items[below(random, items.length)]);

export interface TestLog {
  publicKey: (origin: string) => ReturnType<typeof noteVerifier>;
  /** As `commerce audit-key` prints it. */
  publicKeyText(): string;
  /** Adds random commits. */
  grow(commits: number): Promise<void>;
  /** Archives all, and gives the text of an export. With `isArchived: false` the newest commits are not covered. */
  exported(options?: ExportOptions & { isArchived?: boolean }): Promise<{ text: string; result: Exported }>;
  /** The time of the log, in ms. */
  now(): number;
  streams(): StreamId[];
  stored(): Promise<StoredCommit[]>;
}

export function createTestLog(random: () => number, origin = 'commerce-core/test', startedAt = STARTED): TestLog {
  let now = startedAt;
  const clock = () => now;
  const log = createMemoryLog();
  const store = createMemoryEventStore({ codec: createCommitCodec(notes), log, clock, watermarkLagMs: 0 });
  const ends = new Map<StreamId, Position>();
  const archived = archiveOf(store, origin, clock);
  let last: Pick<ExportDeps, 'head' | 'checkpoint'> = { head: { size: 0, upTo: 0 }, checkpoint: undefined };

  async function append(): Promise<void> {
    const fresh = streamId(oneOf(random, CATEGORIES), `s${ends.size}`, oneOf(random, ['', 'Straße 1/☕']));
    const stream = ends.size === 0 || random() < 0.25 ? fresh : oneOf(random, [...ends.keys()]);
    const after = ends.get(stream) ?? START;
    const texts = Array.from({ length: 1 + below(random, 3) }, () => ({ text: oneOf(random, TEXTS) }));
    const commandId = oneOf(random, ['c', 'ä"\\', '☕ 😀', '\n\u0001\u007f']) + ends.size;
    if (random() < 0.7) now += below(random, 50);
    const at = Math.max(hlcOf(now), after.at + 1);
    const result = await store.append(stream, after, { ...noteCommit(after, commandId, ...texts), at });
    if (!result.appended) throw new Error('met a conflict');
    ends.set(stream, result.position);
  }

  return {
    publicKey: () => noteVerifier(archived.signer.verifierKey),
    publicKeyText: () => publicKeyText(archived.signer),
    async grow(commits) {
      for (let n = 0; n < commits; n++) await append();
      now += 1_000;
    },
    async exported({ isArchived = true, ...options } = {}) {
      if (isArchived) last = await archived.archiver.run();
      const head = isArchived ? last.head : { size: last.head.size, upTo: hlcOf(now) };
      return exportOf({ ...archived, store, head, checkpoint: last.checkpoint, origin }, options);
    },
    async stored() {
      const commits: StoredCommit[] = [];
      for await (const commit of store.stored()) commits.push(commit);
      return commits;
    },
    now: clock,
    streams: () => [...ends.keys()],
  };
}

export type TestStore = ArchiverDeps['store'];

function archiveOf(store: TestStore, origin: string, clock: Clock) {
  const index = createMemoryIndex(emptyIndex());
  const signer = noteSigner(origin, generateKeyPairSync('ed25519').privateKey);
  const archive = createMemoryArchive();
  return {
    index,
    archive,
    signer,
    archiver: createArchiver({ store, archive, index, signer, clock, maxSegmentCommits: 50 }),
  };
}

/** Archives all that the store shows. */
export async function archived(store: TestStore, origin: string): Promise<ExportDeps> {
  const { index, archive, archiver } = archiveOf(store, origin, Date.now);
  const { head, checkpoint } = await archiver.run();
  return { store, index, archive, head, checkpoint, origin };
}

export async function exportOf(
  deps: ExportDeps,
  options: ExportOptions = {},
): Promise<{ text: string; result: Exported }> {
  let text = '';
  const write = (line: string) => {
    text += line;
  };
  const result = await exportLog(deps, write, options);
  return { text, result };
}

let files = 0;

/** Writes a file of its own. */
export async function fileOf(folder: string, content: string | Uint8Array, ending = '.jsonl'): Promise<string> {
  const file = join(folder, `${++files}${ending}`);
  await writeFile(file, content);
  return file;
}
