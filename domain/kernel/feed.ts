// The change feed port: a hint of what was committed. It may repeat, reorder and lose; whoever reads it trusts positions alone.
import type { Commit } from './commit.js';
import type { StreamId } from './stream.js';

export interface ChangeFeed {
  /**
   * Hands batches of commits to `handle`, from the consumer's checkpoint on (the beginning of the feed for a new
   * one), until aborted. The checkpoint moves after `handle` resolved; if it rejects, the batch comes again.
   * Resolves when aborted; survives an engine that goes away and comes back.
   */
  run(consumer: string, handle: (commits: readonly Commit[]) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** Called when the feed shows that a stored commit was modified or removed, which nothing legitimate ever does. */
export type TamperAlarm = (stream: StreamId, commitNo: number, what: 'modified' | 'removed') => void;
