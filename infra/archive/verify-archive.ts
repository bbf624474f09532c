// Verifies the archive: its segments, the tree, all checkpoints, and that every archived commit is still the same in the event store.
// Memory is flat: one segment at a time.
import type { Hlc } from '../../domain/kernel/clock.js';
import { pairs } from '../../domain/kernel/collections.js';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { compareLogEntries, type EventStore, entryOf } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { hashOf } from '../event-store/codec.js';
import { openCheckpoint } from './checkpoint.js';
import { commitLeafHash } from './commit-leaf.js';
import {
  ArchiveDamaged,
  CHECKPOINTS,
  checkpointName,
  MANIFESTS,
  type Manifest,
  manifestName,
  numberIn,
  readCheckpoint,
  readManifest,
  readSegment,
  SEGMENTS,
  segmentName,
} from './layout.js';
import { growTree } from './merkle-tree.js';
import type { ArchiveIndex, ArchiveStore } from './port.js';
import { InvalidNote, type NoteVerifier } from './signed-note.js';
import { compareWithStore, isSameCommit } from './stored-commits.js';

export interface ArchiveProblem {
  /** The object of the archive, `the log` or `the index`. */
  where: string;
  stream?: StreamId;
  commitNo?: number;
  problem: string;
}

export interface ArchiveReport {
  segments: number;
  /** Commits in the archive. */
  commits: number;
  checkpoints: number;
  /** The newest checkpoint, with the names of the witnesses that have cosigned it. */
  newest: { size: number; root: string; note: string; cosignedBy: string[] } | undefined;
  /** Commits of the log that no checkpoint covers. They rest on the hash chains alone. */
  beyond: number;
  /** Segments that lost against another archiver's, or that a crash has left. They are not part of the archive. */
  unused: number;
  problems: number;
}

export interface VerifyArchiveDeps {
  archive: ArchiveStore;
  index: ArchiveIndex;
  store: Pick<EventStore, 'stored' | 'newest'>;
  /** The public key of the log. */
  log: NoteVerifier;
  witnesses?: readonly NoteVerifier[];
  /** Checkpoints that were posted outside. */
  posted?: readonly string[];
}

export interface VerifyOptions {
  onProblem(problem: ArchiveProblem): void;
  onProgress?(commits: number, total: number): void;
  signal?: AbortSignal | undefined;
}

/** Commits of the log that may be in a later segment. More of them are reported at once. */
const MAX_MISSING = 100_000;

/** Throws `Unavailable`. */
export async function verifyArchive(
  { archive, index, store, log, witnesses = [], posted = [] }: VerifyArchiveDeps,
  { onProblem, onProgress = () => {}, signal }: VerifyOptions,
): Promise<ArchiveReport> {
  let problems = 0;
  const report = (problem: ArchiveProblem) => {
    problems++;
    onProblem(problem);
  };
  const tree = growTree();
  const missing = new Map<string, StoredCommit>();
  const roots = new Map<number, Buffer>();
  const expected = expectedRoots(posted, log, report);
  const known = await index.head();
  let last: Manifest | undefined;
  let newest: ArchiveReport['newest'];
  let checkpoints = 0;
  let lastIsUnsigned = false;

  for (let number = 1; ; number++) {
    signal?.throwIfAborted();
    const segment = await readNext(number);
    if (!segment) break;
    const { manifest, commits } = segment;
    for (const commit of commits) {
      tree.append(commitLeafHash(commit));
      if (expected.has(tree.size)) roots.set(tree.size, tree.root());
    }
    if (manifest.size !== tree.size || !manifest.root.equals(tree.root())) {
      report({ where: manifestName(number), problem: 'its root is not that of the commits up to here' });
    }
    checkCommits(manifest, commits);
    await checkIndex(manifest, commits);
    await checkStore(last?.upTo ?? 0, manifest, commits);
    // An archiver may be about to sign the last one. It signs before it goes on.
    if (last && lastIsUnsigned) report({ where: checkpointName(last.number), problem: 'is missing' });
    const note = await readCheckpoint(archive, number);
    lastIsUnsigned = note === undefined;
    const checkpoint = note === undefined ? undefined : checkpointIn(note, number);
    if (checkpoint) checkpoints++;
    newest = checkpoint ?? newest;
    last = manifest;
    onProgress(tree.size, Math.max(known.size, tree.size));
  }

  const segments = last?.number ?? 0;
  await checkNothingBehind(segments);
  for (const [size, { where, root }] of expected) {
    if (size !== 0 && !roots.get(size)?.equals(root)) {
      const problem = size > tree.size ? `but the archive has ${tree.size}` : 'of another tree than the archive';
      report({ where, problem: `states ${size} commits, ${problem}` });
    }
  }
  for (const commit of missing.values())
    report(inLog(commit, 'it is older than the end of the archive, but not archived'));
  const beyond = (await countAfter(last?.upTo ?? 0)) + (tree.size - (newest?.size ?? 0));
  return { segments, commits: tree.size, checkpoints, newest, beyond, unused: await countUnused(segments), problems };

  async function readNext(number: number): Promise<{ manifest: Manifest; commits: StoredCommit[] } | undefined> {
    let manifest: Manifest | undefined;
    try {
      manifest = await readManifest(archive, number);
      return manifest && { manifest, commits: await readSegment(archive, manifest) };
    } catch (error) {
      if (!(error instanceof ArchiveDamaged)) throw error;
      report({ where: error.object, problem: error.problem });
      return undefined; // Without this segment no later root can be computed.
    }
  }

  function checkCommits(manifest: Manifest, commits: readonly StoredCommit[]): void {
    const where = segmentName(manifest);
    for (const [n, commit] of commits.entries()) {
      const { pk: stream, sk: commitNo } = commit;
      const previous = commits[n - 1];
      if (hashOf(commit) !== commit.h)
        report({ where, stream, commitNo, problem: 'its content does not match its hash' });
      if (previous && compareLogEntries(entryOf(previous), entryOf(commit)) >= 0)
        report({ where, stream, commitNo, problem: 'it is not in the order of the log' });
    }
  }

  /** Each commit has one index, after that of the stream's previous commit, whose hash it names. */
  async function checkIndex({ first, number }: Manifest, commits: readonly StoredCommit[]): Promise<void> {
    if ((await index.head()).segments < number) return; // The archiver has not added it yet.
    const places = commits.map(({ pk, sk }) => ({ stream: pk, commitNo: sk }));
    const own = await index.find(places);
    const before = await index.find(places.map(({ stream, commitNo }) => ({ stream, commitNo: commitNo - 1 })));
    for (const [n, [commit, found]] of pairs(commits, own).entries()) {
      const { pk: stream, sk: commitNo, h, ph } = commit;
      const where = 'the index';
      const previous = before[n];
      if (found?.index !== first + n || found.h !== h)
        report({ where, stream, commitNo, problem: `it does not have this commit at ${first + n}` });
      else if (commitNo > 1 && !(previous && previous.index < first + n))
        report({ where, stream, commitNo, problem: `commit ${commitNo - 1} is not archived before it` });
      else if (previous && previous.h !== ph)
        report({ where, stream, commitNo, problem: 'it does not continue the chain of the commits before it' });
    }
  }

  async function checkStore(from: Hlc, { upTo }: Manifest, commits: readonly StoredCommit[]): Promise<void> {
    for await (const { archived, stored } of compareWithStore(store, commits, { from, upTo })) {
      if (archived) missing.delete(nameOf(archived));
      if (archived && !stored) report(inLog(archived, 'it is archived, but it is not in the log any more'));
      else if (archived && stored && !isSameCommit(archived, stored))
        report(inLog(archived, 'it is not the commit that was archived'));
      else if (stored && !archived) {
        if (missing.size < MAX_MISSING) missing.set(nameOf(stored), stored);
        else report(inLog(stored, 'it is older than the end of the archive, but not archived'));
      }
    }
  }

  function checkpointIn(note: string, number: number): ArchiveReport['newest'] {
    const where = checkpointName(number);
    const { size } = tree;
    try {
      const opened = openCheckpoint(note, log, witnesses);
      if (opened.size === size && opened.root.equals(tree.root())) {
        const cosignedBy = opened.signatures.filter(({ at }) => at !== undefined).map(({ name }) => name);
        return { size, root: opened.root.toString('base64'), note, cosignedBy };
      }
      report({ where, problem: `states another tree of ${opened.size} commits than the segments make` });
    } catch (error) {
      if (!(error instanceof InvalidNote)) throw error;
      report({ where, problem: error.message });
    }
    return undefined;
  }

  /** Nothing may be left of segments that were removed. Manifests that an archiver has added meanwhile follow each other. */
  async function checkNothingBehind(segments: number): Promise<void> {
    let next = segments + 1;
    for await (const name of archive.list(MANIFESTS)) {
      if (numberIn(name) <= segments) continue;
      if (numberIn(name) !== next) report({ where: name, problem: `there is no manifest ${next} before it` });
      next = numberIn(name) + 1;
    }
    for await (const name of archive.list(CHECKPOINTS)) {
      if (numberIn(name) > segments && !(await archive.read(manifestName(numberIn(name)))))
        report({ where: name, problem: 'its manifest is missing' });
    }
    if (known.segments > segments) {
      const problem = `it was made from ${known.segments} segments, but ${segments} can be read`;
      report({ where: 'the index', problem });
    }
  }

  async function countAfter(at: Hlc): Promise<number> {
    let count = 0;
    for await (const _ of store.newest(at)) count++;
    return count;
  }

  async function countUnused(segments: number): Promise<number> {
    let found = 0;
    for await (const name of archive.list(SEGMENTS)) if (numberIn(name) <= segments + 1) found++;
    return Math.max(0, found - segments);
  }
}

/** What posted checkpoints state, by size. */
function expectedRoots(
  posted: readonly string[],
  log: NoteVerifier,
  report: (problem: ArchiveProblem) => void,
): Map<number, { where: string; root: Buffer }> {
  const expected = new Map<number, { where: string; root: Buffer }>();
  for (const [n, note] of posted.entries()) {
    const where = `posted checkpoint ${n + 1}`;
    try {
      const { size, root } = openCheckpoint(note, log);
      const earlier = expected.get(size);
      if (earlier && !earlier.root.equals(root))
        report({ where, problem: `states another tree of ${size} commits than ${earlier.where}: the log was forked` });
      expected.set(size, { where, root });
    } catch (error) {
      if (!(error instanceof InvalidNote)) throw error;
      report({ where, problem: error.message });
    }
  }
  return expected;
}

function nameOf({ pk, sk }: Pick<StoredCommit, 'pk' | 'sk'>): string {
  return `${sk} ${pk}`;
}

function inLog({ pk: stream, sk: commitNo }: StoredCommit, problem: string): ArchiveProblem {
  return { where: 'the log', stream, commitNo, problem };
}
