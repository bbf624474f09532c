// Writes an export: the commits of the event store in total order, and the proof that the newest checkpoint covers them.
import { createHash } from 'node:crypto';
import { hlcOf } from '../../domain/kernel/clock.js';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { OperatorError } from '../../domain/kernel/errors.js';
import type { EventStore, LogEntry } from '../../domain/kernel/event-store.js';
import { defined } from '../../domain/kernel/json.js';
import { categoryOf, type StreamId } from '../../domain/kernel/stream.js';
import { commitLeafHash } from '../archive/commit-leaf.js';
import { commitLine } from '../archive/commit-line.js';
import type { ArchiveHead, ArchiveIndex, ArchiveStore } from '../archive/port.js';
import { LogChanged } from '../archive/prove.js';
import { inBatches } from '../event-store/merge.js';
import { extend, LOOKED_UP, missingFrom, withPlaces } from './archived-places.js';
import {
  endLine,
  headerLine,
  isWholeLog,
  MAX_LISTED_LEAVES,
  MAX_LISTED_TIPS,
  type Run,
  type Selection,
} from './export-format.js';
import { gapsOf } from './tree-of-lines.js';

/** Hashes of the tree that are read with one question. */
const NODES_AT_ONCE = 2_000;
/** Most hashes between the commits of an export. They are in its last line, which a reader has to hold in memory. */
const MAX_GAP_HASHES = 1_000_000;

/** The part of the log that was asked for is in too many pieces of the tree. */
export class TooManyGaps extends OperatorError {
  override name = 'TooManyGaps';
}

export interface ExportDeps {
  store: Pick<EventStore, 'stored'>;
  index: Pick<ArchiveIndex, 'find' | 'nodes'>;
  archive: ArchiveStore;
  /** The archive after a round of the archiver, and its signed note. Without a note nothing is archived. */
  head: Pick<ArchiveHead, 'size' | 'upTo'>;
  checkpoint: string | undefined;
  /** Name of the log in its checkpoints. */
  origin: string;
}

export interface Exported {
  commits: number;
  streams: number;
  /** Commits that the checkpoint covers. */
  covered: number;
  /** Commits in the tree of the checkpoint. */
  size: number;
  /** The categories of the commits that were read, sorted. */
  categories: string[];
}

export interface ExportOptions extends Selection {
  /** Called with the number of commits that were read. */
  onProgress?: (read: number) => void;
}

/**
 * Reads up to the end of the archive, so that the checkpoint covers all commits. Writes whole lines. Throws `Unavailable`,
 * `UnreadableCommit`, `TooManyGaps`; `LogChanged` if the whole log is read and lacks an archived commit.
 */
export async function exportLog(
  { store, index, archive, head, checkpoint, origin }: ExportDeps,
  write: (text: string) => Promise<void> | void,
  { onProgress = () => {}, ...selection }: ExportOptions = {},
): Promise<Exported> {
  const digest = createHash('sha256');
  const put = async (text: string) => {
    digest.update(text);
    await write(text);
  };
  const tips = new Map<StreamId, number>();
  const covered: Run[] = [];
  const leaves: { index: number; hash: Buffer }[] = [];
  let [commits, inTree] = [0, 0];

  await put(headerLine({ origin, ...selection }));
  const categories = new Set<string>();
  const selected = chosen(store.stored(rangeOf(selection, head.upTo)), selection, categories, onProgress);
  const placed = inBatches(selected, LOOKED_UP, (batch) => withPlaces(index, batch, head.size));
  for await (const { commit, place } of placed) {
    await put(commitLine(commit));
    commits++;
    tips.set(commit.pk, commit.sk);
    extend(covered, place);
    if (place === null) continue;
    inTree++;
    if (inTree <= MAX_LISTED_LEAVES) leaves.push({ index: place, hash: commitLeafHash(commit) });
  }

  if (isWholeLog(selection) && inTree < head.size)
    for await (const { pk, sk } of missingFrom(archive, covered, head.size)) throw new LogChanged(pk, sk);

  const signed = checkpoint !== undefined && {
    checkpoint,
    tree: {
      covered,
      gaps: await gapHashes(index, covered, head.size),
      ...(inTree <= MAX_LISTED_LEAVES && { leaves: inOrder(leaves) }),
    },
  };
  const end = defined({
    commits,
    tips: tips.size <= MAX_LISTED_TIPS ? Object.fromEntries(tips) : undefined,
    signed: signed || undefined,
  });
  await write(endLine(end, (text) => digest.update(text).digest('hex')));
  return { commits, streams: tips.size, covered: inTree, size: head.size, categories: [...categories].sort() };
}

/** The first millisecond is included, and so is the last. */
function rangeOf({ from, to }: Selection, upTo: number): { after?: LogEntry; upTo: number } {
  const end = to === undefined ? upTo : Math.min(upTo, hlcOf(to + 1) - 1);
  if (from === undefined) return { upTo: end };
  return { after: { at: hlcOf(from), stream: '' as StreamId, commitNo: 0 }, upTo: end };
}

async function* chosen(
  commits: AsyncIterable<StoredCommit>,
  { category }: Selection,
  categories: Set<string>,
  onProgress: (read: number) => void,
): AsyncGenerator<StoredCommit> {
  let read = 0;
  for await (const commit of commits) {
    const own = categoryOf(commit.pk);
    categories.add(own);
    if (category === undefined || own === category) yield commit;
    if (++read % LOOKED_UP.size === 0) onProgress(read);
  }
  onProgress(read);
}

async function gapHashes(index: ExportDeps['index'], covered: readonly Run[], size: number): Promise<Buffer> {
  const nodes = gapsOf(covered, size);
  if (nodes.length > MAX_GAP_HASHES)
    throw new TooManyGaps(
      `The export has ${nodes.length} gaps between its commits, more than ${MAX_GAP_HASHES}. Export a shorter time, or all categories.`,
    );
  const parts: Buffer[] = [];
  for (let from = 0; from < nodes.length; from += NODES_AT_ONCE)
    parts.push(...(await index.nodes(nodes.slice(from, from + NODES_AT_ONCE))));
  return Buffer.concat(parts);
}

function inOrder(leaves: { index: number; hash: Buffer }[]): Buffer {
  return Buffer.concat(leaves.sort((a, b) => a.index - b.index).map(({ hash }) => hash));
}
