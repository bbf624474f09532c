// Verifies the log in the event store: all chains up to the watermark, in one pass, in the memory of the streams' ends.
import { type Hlc, hlcOf } from '../../domain/kernel/clock.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { MAX_CLOCK_SKEW_MS } from '../../domain/kernel/limits.js';
import { readable } from '../archive/stored-commits.js';
import { type BadCommit, checkChains } from './chains.js';

/** Commits between two reports of progress. */
const REPORT_EVERY = 1_000;

export interface StoreReport {
  commits: number;
  streams: number;
  problems: BadCommit[];
  /** Commits that are newer than the newest checkpoint, and so rest on their chain alone. */
  beyond: number;
  /** Commits behind the watermark. They are checked next time, because earlier ones may still appear. */
  unchecked: number;
}

export interface VerifyStoreOptions {
  /** The log up to here is covered by a checkpoint. */
  coveredUpTo: Hlc;
  /** In ms. */
  now: number;
  onProgress?: (commits: number) => void;
}

/** Throws `Unavailable`. */
export async function verifyStore(
  store: Pick<EventStore, 'stored' | 'newest' | 'watermark'>,
  { coveredUpTo, now, onProgress = () => {} }: VerifyStoreOptions,
): Promise<StoreReport> {
  const chains = checkChains();
  const upTo = await store.watermark();
  let beyond = 0;
  const commits = readable(store, { upTo }, ({ entry: { stream, commitNo }, problem }) =>
    chains.report({ stream, commitNo, problem }),
  );
  for await (const commit of commits) {
    chains.add(commit);
    if (commit.at > coveredUpTo) beyond++;
    if (chains.commits % REPORT_EVERY === 0) onProgress(chains.commits);
  }
  onProgress(chains.commits);

  let unchecked = 0;
  const tooLate = hlcOf(now + MAX_CLOCK_SKEW_MS);
  for await (const { at, stream, commitNo } of store.newest(upTo)) {
    unchecked++;
    if (at > tooLate) chains.report({ stream, commitNo, problem: 'its at is in the future' });
  }
  return {
    commits: chains.commits,
    streams: [...chains.streams()].length,
    problems: [...chains.bad.values()],
    beyond,
    unchecked,
  };
}
