// Verifies the archive: its segments, the tree, all checkpoints, and that every archived commit is still the same in the event store.
// Memory is flat: one segment at a time. What is damaged is reported, and the rest is still checked: the tree goes on from the index,
// if its root there is that of the manifest.
import type { Hlc } from '../../domain/kernel/clock.js';
import { pairs } from '../../domain/kernel/collections.js';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { compareLogEntries, type EventStore, entryOf } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { hashOf } from '../event-store/codec.js';
import { openCheckpoint } from './checkpoint.js';
import { commitLeafHash } from './commit-leaf.js';
import { InvalidLine, parseCommitLine } from './commit-line.js';
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
import { edgeOf, growTree } from './merkle-tree.js';
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
/** Commits of one question to the index. */
const LOOKED_UP_AT_ONCE = 5_000;

const DAMAGED = Symbol('damaged');

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
  /** Unknown after what cannot be read, until the index has the tree of a manifest. */
  let tree: ReturnType<typeof growTree> | undefined = growTree();
  let hasUnread = false;
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
    const manifest = await readOr(() => readManifest(archive, number));
    if (manifest === undefined) {
      if (number > (await highestManifest())) break;
      hasUnread = true;
      report({ where: manifestName(number), problem: 'is missing' });
    }
    if (manifest === undefined || manifest === DAMAGED) {
      tree = undefined;
      continue;
    }
    const segment = await readOr(
      () => readSegment(archive, manifest),
      () => firstBadIn(manifest),
    );
    const commits = segment === DAMAGED ? [] : segment;
    if (segment === DAMAGED) tree = undefined;
    if (tree) {
      for (const commit of commits) {
        tree.append(commitLeafHash(commit));
        if (expected.has(tree.size)) roots.set(tree.size, tree.root());
      }
      if (manifest.size !== tree.size || !manifest.root.equals(tree.root()))
        report({ where: manifestName(number), problem: 'its root is not that of the commits up to here' });
    } else {
      tree = await treeInIndex(manifest);
      if (tree) roots.set(tree.size, tree.root());
    }
    checkCommits(manifest, commits);
    await checkIndex(manifest, commits);
    await checkStore(last?.upTo ?? 0, manifest, commits);
    // An archiver may be about to sign the last one. It signs before it goes on.
    if (last && lastIsUnsigned) report({ where: checkpointName(last.number), problem: 'is missing' });
    const note = await readCheckpoint(archive, number);
    lastIsUnsigned = note === undefined;
    const checkpoint = note === undefined ? undefined : checkpointIn(note, manifest);
    if (checkpoint) checkpoints++;
    newest = checkpoint ?? newest;
    last = manifest;
    onProgress(manifest.size, Math.max(known.size, manifest.size));
  }

  const segments = last?.number ?? 0;
  const size = tree?.size ?? last?.size ?? 0;
  await checkNothingBehind(segments);
  for (const [posted, { where, root }] of expected) {
    if (posted === 0 || roots.get(posted)?.equals(root)) continue;
    if (hasUnread && posted <= size && !roots.has(posted)) continue; // Its tree cannot be computed.
    const problem = posted > size ? `but the archive has ${size}` : 'of another tree than the archive';
    report({ where, problem: `states ${posted} commits, ${problem}` });
  }
  if (hasUnread) await dropIndexed();
  for (const commit of missing.values())
    report(inLog(commit, 'it is older than the end of the archive, but not archived'));
  const beyond = (await countAfter(last?.upTo ?? 0)) + (size - (newest?.size ?? 0));
  return { segments, commits: size, checkpoints, newest, beyond, unused: await countUnused(segments), problems };

  async function highestManifest(): Promise<number> {
    let highest = 0;
    for await (const name of archive.list(MANIFESTS)) highest = Math.max(highest, numberIn(name));
    return highest;
  }

  /** Reports what is damaged, with a commit if it can be named. */
  async function readOr<T>(read: () => Promise<T>, nameBad?: () => Promise<StoredCommit | undefined>) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ArchiveDamaged)) throw error;
      hasUnread = true;
      const bad = await nameBad?.();
      const { object: where, problem } = error;
      report({ where, ...(bad && { stream: bad.pk, commitNo: bad.sk }), problem });
      return DAMAGED;
    }
  }

  /** The first commit of a damaged segment that is not as it was archived. */
  async function firstBadIn(manifest: Manifest): Promise<StoredCommit | undefined> {
    const lines = (await archive.read(segmentName(manifest)))?.toString().split('\n') ?? [];
    const commits = lines.flatMap(commitsInLine);
    const isIndexed = known.segments >= manifest.number;
    const found = isIndexed ? await index.find(commits.map(entryOf)) : [];
    return commits.find((commit, n) => hashOf(commit) !== commit.h || (isIndexed && found[n]?.h !== commit.h));
  }

  /** The tree of a manifest as the index has it. Undefined if that is another one. */
  async function treeInIndex({ size, root }: Manifest): Promise<ReturnType<typeof growTree> | undefined> {
    if (known.size < size) return undefined;
    const found = growTree(() => {}, { size, edge: await index.nodes(edgeOf(size)) });
    return found.root().equals(root) ? found : undefined;
  }

  /** What the log has in place of commits that cannot be read is archived if the index has it. */
  async function dropIndexed(): Promise<void> {
    const commits = [...missing.values()];
    for (let from = 0; from < commits.length; from += LOOKED_UP_AT_ONCE) {
      const batch = commits.slice(from, from + LOOKED_UP_AT_ONCE);
      const found = await index.find(batch.map(entryOf));
      for (const [n, commit] of batch.entries()) if (found[n]?.h === commit.h) missing.delete(nameOf(commit));
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
        if (hasUnread && missing.size >= MAX_MISSING) await dropIndexed();
        if (missing.size < MAX_MISSING) missing.set(nameOf(stored), stored);
        else report(inLog(stored, 'it is older than the end of the archive, but not archived'));
      }
    }
  }

  function checkpointIn(note: string, manifest: Manifest): ArchiveReport['newest'] {
    const where = checkpointName(manifest.number);
    const size = tree?.size ?? manifest.size;
    const root = tree?.root() ?? manifest.root;
    try {
      const opened = openCheckpoint(note, log, witnesses);
      if (opened.size === size && opened.root.equals(root)) {
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

function commitsInLine(line: string): StoredCommit[] {
  try {
    return [parseCommitLine(line)];
  } catch (error) {
    if (!(error instanceof InvalidLine)) throw error;
    return [];
  }
}

function nameOf({ pk, sk }: Pick<StoredCommit, 'pk' | 'sk'>): string {
  return `${sk} ${pk}`;
}

function inLog({ pk: stream, sk: commitNo }: StoredCommit, problem: string): ArchiveProblem {
  return { where: 'the log', stream, commitNo, problem };
}
