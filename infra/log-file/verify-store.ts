// Verifies the log in the event store in one pass, in the memory of the streams' ends: all chains up to the watermark, and that it has
// the commits that are archived.
import { hlcOf } from '../../domain/kernel/clock.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { MAX_CLOCK_SKEW_MS } from '../../domain/kernel/limits.js';
import { ArchiveDamaged } from '../archive/layout.js';
import type { ArchiveHead, ArchiveIndex, ArchiveStore } from '../archive/port.js';
import { readable } from '../archive/stored-commits.js';
import { inBatches } from '../event-store/merge.js';
import { extend, LOOKED_UP, missingFrom, type PlacedCommit, withPlaces } from './archived-places.js';
import { type BadCommit, type Chains, checkChains } from './chains.js';
import type { Run } from './export-format.js';

/** Commits between two reports of progress. */
const REPORT_EVERY = 1_000;

export interface StoreReport {
  commits: number;
  streams: number;
  /** The first bad commit of each stream, and what is damaged in the archive. */
  problems: (BadCommit | { where: string; problem: string })[];
  /** Commits that the newest checkpoint does not cover, and that so rest on their chain alone. */
  beyond: number;
  /** Commits behind the watermark. They are checked next time, because earlier ones may still appear. */
  unchecked: number;
}

export interface VerifyStoreDeps {
  store: Pick<EventStore, 'stored' | 'newest' | 'watermark'>;
  index: Pick<ArchiveIndex, 'find'>;
  archive: ArchiveStore;
  /** The archive before the store is read. The log has at least its commits. */
  head: Pick<ArchiveHead, 'size' | 'upTo'>;
}

export interface VerifyStoreOptions {
  /** In ms. */
  now: number;
  onProgress?: (commits: number) => void;
}

/** Trusts the index of the archive; `verifyArchive` does not. Throws `Unavailable`. */
export async function verifyStore(
  { store, index, archive, head }: VerifyStoreDeps,
  { now, onProgress = () => {} }: VerifyStoreOptions,
): Promise<StoreReport> {
  const chains = checkChains();
  const upTo = Math.max(head.upTo, await store.watermark());
  const runs: Run[] = [];
  let beyond = 0;
  const commits = readable(store, { upTo }, ({ entry: { stream, commitNo }, problem }) =>
    chains.report({ stream, commitNo, problem }),
  );
  for await (const placed of inBatches(commits, LOOKED_UP, (batch) => withPlaces(index, batch, head.size))) {
    const { commit, place } = placed;
    chains.add(commit);
    if (place === null) beyond++;
    else extend(runs, place);
    const problem = placeProblem(placed, head);
    if (problem !== undefined) chains.report({ stream: commit.pk, commitNo: commit.sk, problem });
    if (chains.commits % REPORT_EVERY === 0) onProgress(chains.commits);
  }
  onProgress(chains.commits);
  const damage = await reportMissing(chains, archive, runs, head.size);

  let unchecked = 0;
  const tooLate = hlcOf(now + MAX_CLOCK_SKEW_MS);
  for await (const { at, stream, commitNo } of store.newest(upTo)) {
    unchecked++;
    if (at > tooLate) chains.report({ stream, commitNo, problem: 'its at is in the future' });
  }
  return {
    commits: chains.commits,
    streams: [...chains.streams()].length,
    problems: [...chains.bad.values(), ...damage],
    beyond,
    unchecked,
  };
}

function placeProblem({ commit, archived }: PlacedCommit, { upTo }: VerifyStoreDeps['head']): string | undefined {
  if (archived && archived.h !== commit.h) return 'it is not the commit that was archived';
  if (!archived && commit.at <= upTo) return 'it is older than the end of the archive, but not archived';
  return undefined;
}

/** Archived commits that the log does not have any more. Returns what is damaged in the archive, if that hides their names. */
async function reportMissing(chains: Chains, archive: ArchiveStore, runs: readonly Run[], size: number) {
  try {
    for await (const { pk: stream, sk: commitNo } of missingFrom(archive, runs, size))
      chains.report({ stream, commitNo, problem: 'it is archived, but it is not in the log any more' });
    return [];
  } catch (error) {
    if (!(error instanceof ArchiveDamaged)) throw error;
    const { object: where, problem } = error;
    return [{ where, problem: `${problem}; it had commits that are not in the log any more` }];
  }
}
