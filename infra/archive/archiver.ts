// The archiver gives every commit of the log an index, writes it to the archive, and signs the tree of all of them.
//
// Several archivers may run at once, and each may stop at any instant: see docs/adr/0027-archive.md. What is signed follows from
// manifests alone, and a manifest is created once. So all archivers sign the same text for a tree of the same size.
import type { Clock, Hlc } from '../../domain/kernel/clock.js';
import { chunksOf, lastOf, valueAt } from '../../domain/kernel/collections.js';
import { GENESIS_HASH, type StoredCommit } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import { afterTime, compareLogEntries, type EventStore, type LogEntry } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { hashOf } from '../event-store/codec.js';
import { checkpointText } from './checkpoint.js';
import { commitLeafHash } from './commit-leaf.js';
import { commitLine } from './commit-line.js';
import {
  ArchiveDamaged,
  checkpointName,
  type Manifest,
  manifestName,
  manifestText,
  readManifest,
  readSegment,
  segmentName,
  sha256,
} from './layout.js';
import { edgeOf, growTree, type Node } from './merkle-tree.js';
import type { ArchivedCommit, ArchiveHead, ArchiveIndex, ArchiveStore } from './port.js';
import { type NoteSigner, signNote } from './signed-note.js';
import { commitAt, compareWithStore, isSameCommit, readable } from './stored-commits.js';

/** Limits of one segment. The archiver holds one in memory. Commits of the same time are in one segment, also beyond its limits. */
export const MAX_SEGMENT_COMMITS = 10_000;
export const MAX_SEGMENT_BYTES = 16 * 1024 * 1024;

/** Each round looks for commits that became visible late among those of this time before the end of the last segment. */
export const LOOK_BACK_MS = 2 * 60_000;

/** Once a day it looks for them in the whole log, in slices of this many entries, one in each round. */
export const LOOK_BACK_ENTRIES = 100_000;
const LOOK_BACK_ALL_EVERY_MS = 24 * 60 * 60_000;

/** Entries of one question to the index. */
const LOOKED_UP_AT_ONCE = 5_000;

/** A stream whose next commit is not what its last archived commit demands. Its commits are not archived meanwhile. */
export interface HeldStream {
  stream: StreamId;
  /** The first commit that cannot be archived. */
  commitNo: number;
  problem: string;
}

export interface ArchiverDeps {
  store: Pick<EventStore, 'stored' | 'read' | 'log' | 'watermark'>;
  archive: ArchiveStore;
  index: ArchiveIndex;
  /** Its name is the origin of the checkpoints. */
  signer: NoteSigner;
  clock: Clock;
  maxSegmentCommits?: number;
  maxSegmentBytes?: number;
}

export interface ArchiveOptions {
  signal?: AbortSignal;
  /** Called after each segment. */
  onSegment?: (head: ArchiveHead) => void;
}

/** What a round of the archiver has found. */
export interface ArchiveRound {
  head: ArchiveHead;
  /** The signed note of the head. Undefined if nothing is archived. */
  checkpoint: string | undefined;
  held: HeldStream[];
}

export interface Archiver {
  /**
   * Archives the log up to the watermark. Throws `Unavailable`, `ArchiveDamaged` or `ArchiveRolledBack`; the next round continues.
   */
  run(options?: ArchiveOptions): Promise<ArchiveRound>;
}

/** The archive has less than what was in it before. Signing would fork the tree. */
export class ArchiveRolledBack extends Error {
  override name = 'ArchiveRolledBack';
  constructor(archive: string, segments: number, problem: string) {
    super(
      `The archive in ${archive} had ${segments} segments, but ${problem}. Nothing more is signed until it is whole again: use the right archive, or restore what is missing from a copy.`,
    );
  }
}

export function createArchiver({
  store,
  archive,
  index,
  signer,
  clock,
  maxSegmentCommits = MAX_SEGMENT_COMMITS,
  maxSegmentBytes = MAX_SEGMENT_BYTES,
}: ArchiverDeps): Archiver {
  const held = new Map<StreamId, HeldStream>();
  /** The daily pass over the whole log: how far it is, and when it began. Between two passes it is at no place. */
  let pass: { at: Hlc | undefined; begunAt: number } = { at: 0, begunAt: clock() };

  async function run({ signal, onSegment = () => {} }: ArchiveOptions = {}): Promise<ArchiveRound> {
    await requireWhole(await index.head());
    let late: StoredCommit[] | undefined;
    let own: Proposal | undefined;
    for (;;) {
      signal?.throwIfAborted();
      const head = await index.head();
      const manifest = await readManifest(archive, head.segments + 1);
      if (manifest) {
        onSegment(await follow(head, manifest, own?.sha256 === manifest.sha256 ? own.commits : undefined));
        continue;
      }
      late ??= await lateCommits(head);
      const batch = await nextBatch(head, late);
      if (batch.commits.length === 0) {
        const checkpoint = head.segments === 0 ? undefined : await checkpointOf(head);
        return { head, checkpoint, held: [...held.values()] };
      }
      own = await propose(head, batch);
    }
  }

  /** The index was made from the archive. If the archive does not have its last segment any more, it is another or an older one. */
  async function requireWhole({ segments, size, root }: ArchiveHead): Promise<void> {
    if (segments === 0) return;
    const last = await readManifest(archive, segments);
    if (!last) throw new ArchiveRolledBack(archive.name, segments, `${manifestName(segments)} is missing`);
    if (last.size !== size || !last.root.equals(root))
      throw new ArchiveRolledBack(archive.name, segments, `${manifestName(segments)} is another one now`);
  }

  /** Writes a segment and tries to make it the next one. If another archiver was faster, the segment stays unused. */
  async function propose(head: ArchiveHead, { commits, upTo }: Batch): Promise<Proposal> {
    const bytes = Buffer.from(commits.map(commitLine).join(''));
    const { root } = await grown(head, commits);
    const manifest: Manifest = {
      number: head.segments + 1,
      sha256: sha256(bytes),
      first: head.size,
      size: head.size + commits.length,
      root,
      upTo,
    };
    const isNew = await archive.create(segmentName(manifest), bytes);
    if (!isNew) await readSegment(archive, manifest); // A manifest must not name a segment that is damaged.
    await archive.create(manifestName(manifest.number), Buffer.from(manifestText(manifest)));
    return { sha256: manifest.sha256, commits };
  }

  /**
   * Signs the tree of a manifest and adds its segment to the index. What this archiver has not read from the event store itself is
   * compared with it before it is signed, because others may be able to write into the archive.
   */
  async function follow(head: ArchiveHead, manifest: Manifest, own?: readonly StoredCommit[]): Promise<ArchiveHead> {
    const name = manifestName(manifest.number);
    if (manifest.first !== head.size || manifest.size <= manifest.first)
      throw new ArchiveDamaged(name, `continues a tree of ${manifest.first} commits, but there are ${head.size}`);
    const commits = own ?? (await readSegment(archive, manifest));
    const { root, nodes } = await grown(head, commits);
    if (!root.equals(manifest.root)) throw new ArchiveDamaged(name, 'has another root than its segment');
    const next: ArchiveHead = { segments: manifest.number, size: manifest.size, root, upTo: manifest.upTo };
    if (!own && !(await archive.read(checkpointName(next.segments)))) await requireStored(head, manifest, commits);
    await checkpointOf(next);
    const archived = commits.map(({ pk, sk, h }, n) => ({ stream: pk, commitNo: sk, index: head.size + n, h }));
    await index.add(next, archived, nodes);
    return next;
  }

  async function requireStored(head: ArchiveHead, manifest: Manifest, commits: readonly StoredCommit[]): Promise<void> {
    const range = { from: head.upTo, upTo: manifest.upTo };
    for await (const { archived, stored } of compareWithStore(store, commits, range)) {
      if (!archived || (stored ? isSameCommit(archived, stored) : await isInStream(archived))) continue;
      const which = `commit ${archived.sk} of ${archived.pk}`;
      throw new ArchiveDamaged(
        segmentName(manifest),
        `has ${which}, which is ${stored ? 'another' : 'not'} in the log`,
      );
    }
  }

  /** The index of the log may be behind. The stream itself is not. */
  async function isInStream(commit: StoredCommit): Promise<boolean> {
    for await (const { position } of store.read(commit.pk, commit.sk - 1))
      return position.commitNo === commit.sk && position.hash === commit.h && hashOf(commit) === commit.h;
    return false;
  }

  async function grown(head: ArchiveHead, commits: readonly StoredCommit[]) {
    const nodes: { node: Node; hash: Buffer }[] = [];
    const edge = await index.nodes(edgeOf(head.size));
    const tree = growTree((node, hash) => nodes.push({ node, hash }), { size: head.size, edge });
    for (const commit of commits) tree.append(commitLeafHash(commit));
    return { root: tree.root(), nodes };
  }

  /** The signed note of this tree. It is created if it does not exist; the text is the same whoever signs. */
  async function checkpointOf({ segments, size, root }: ArchiveHead): Promise<string> {
    const name = checkpointName(segments);
    const text = checkpointText({ origin: signer.name, size, root });
    const own = signNote(text, [signer]);
    const found = (await archive.read(name)) ?? ((await archive.create(name, Buffer.from(own))) ? own : undefined);
    const note = (found ?? (await archive.read(name)))?.toString() ?? '';
    if (note === own) return note;
    throw new ArchiveDamaged(
      name,
      'was not signed with this audit key, or is that of another tree; if the key was replaced, start with the original one',
    );
  }

  /** The next commits in total order: late ones, and those after the last segment up to the watermark or the limits. */
  async function nextBatch(head: ArchiveHead, late: readonly StoredCommit[]): Promise<Batch> {
    const upTo = Math.max(head.upTo, await store.watermark());
    const chains = new Map<StreamId, Chain>();
    const commits: StoredCommit[] = [];
    let bytes = 0;
    const later = readable(store, { after: afterTime(head.upTo), upTo }, ({ entry: { stream, commitNo }, problem }) =>
      hold({ stream, commitNo, problem }),
    );
    for await (const page of chunksOf(inOrder(late, later), LOOKED_UP_AT_ONCE)) {
      await openChains(chains, page);
      for (const commit of page) {
        if (!accept(chains, commit)) continue;
        bytes += commit.ev.length;
        const last = commits.at(-1);
        const isFull = commits.length >= maxSegmentCommits || bytes > maxSegmentBytes;
        if (last && isFull && commit.at > last.at) return { commits, upTo: Math.max(head.upTo, commit.at - 1) };
        commits.push(commit);
      }
    }
    return { commits, upTo };
  }

  async function openChains(chains: Map<StreamId, Chain>, commits: readonly StoredCommit[]): Promise<void> {
    const unknown = commits.map(({ pk }) => pk).filter((stream) => !chains.has(stream));
    if (unknown.length === 0) return;
    const found = await index.lastOf(unknown);
    for (const stream of unknown) chains.set(stream, found.get(stream) ?? { commitNo: 0, h: GENESIS_HASH });
  }

  /** True if this is the next commit of its stream, is whole, and continues the archived chain. */
  function accept(chains: Map<StreamId, Chain>, commit: StoredCommit): boolean {
    const { pk: stream, sk, h } = commit;
    const chain = valueAt(chains, stream);
    if (sk <= chain.commitNo) return false; // It is archived.
    const problem = problemOf(commit, chain);
    if (problem !== undefined) {
      hold({ stream, commitNo: chain.commitNo + 1, problem });
      return false;
    }
    held.delete(stream);
    chains.set(stream, { commitNo: sk, h });
    return true;
  }

  /** The first problem of a stream is kept: those of its later commits follow from it. */
  function hold(found: HeldStream): void {
    if (!held.has(found.stream)) held.set(found.stream, found);
  }

  /** Commits at or before the end of the last segment that are not archived, in total order. */
  async function lateCommits({ upTo }: ArchiveHead): Promise<StoredCommit[]> {
    const recent = upTo - LOOK_BACK_MS * 1000;
    const entries = [...(await entriesOfHeld()), ...(await lateInPass(recent))];
    for await (const page of chunksOf(store.log(recent, upTo), LOOKED_UP_AT_ONCE))
      entries.push(...(await unarchived(page)));
    const late: StoredCommit[] = [];
    for (const entry of entries.sort(compareLogEntries).slice(0, maxSegmentCommits)) {
      const commit = entry.at <= upTo ? await commitAt(store, entry) : undefined;
      if (commit) late.push(commit);
    }
    return late;
  }

  /** Looks again at the streams that the last round has held back. */
  async function entriesOfHeld(): Promise<LogEntry[]> {
    const streams = [...held.keys()];
    if (streams.length === 0) return [];
    const last = await index.lastOf(streams);
    const entries: LogEntry[] = [];
    for (const stream of streams) {
      try {
        for await (const { position } of store.read(stream, last.get(stream)?.commitNo ?? 0))
          entries.push({ at: position.at, stream, commitNo: position.commitNo });
        held.delete(stream);
      } catch (error) {
        if (error instanceof Unavailable) throw error;
        // It still has a commit that cannot be read.
      }
    }
    return entries;
  }

  /** The next slice of the daily pass over all entries up to `recent`. */
  async function lateInPass(recent: Hlc): Promise<LogEntry[]> {
    if (pass.at === undefined && clock() - pass.begunAt >= LOOK_BACK_ALL_EVERY_MS) pass = { at: 0, begunAt: clock() };
    if (pass.at === undefined) return [];
    const late: LogEntry[] = [];
    let seen = 0;
    for await (const page of chunksOf(store.log(pass.at, recent), LOOKED_UP_AT_ONCE)) {
      late.push(...(await unarchived(page)));
      seen += page.length;
      pass.at = lastOf(page).at - 1; // More entries may have the time of the last one.
      if (seen >= LOOK_BACK_ENTRIES) return late;
    }
    pass.at = undefined;
    return late;
  }

  async function unarchived(entries: readonly LogEntry[]): Promise<LogEntry[]> {
    const found = await index.find(entries);
    return entries.filter((_, n) => found[n] === undefined);
  }

  return { run };
}

/** A segment that this archiver has written. */
interface Proposal {
  sha256: string;
  commits: readonly StoredCommit[];
}

interface Batch {
  commits: StoredCommit[];
  upTo: Hlc;
}

/** The last commit of a stream that is archived or in the batch. */
type Chain = Pick<ArchivedCommit, 'commitNo' | 'h'>;

function problemOf(commit: StoredCommit, { commitNo, h }: Chain): string | undefined {
  if (commit.sk !== commitNo + 1) return `it is missing, but commit ${commit.sk} is there`;
  if (hashOf(commit) !== commit.h) return 'its content does not match its hash';
  if (commit.ph !== h) return 'it does not continue the chain of the commits before it';
  return undefined;
}

/** All of the first are before all of the second. */
async function* inOrder<T>(first: readonly T[], second: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* second;
}
