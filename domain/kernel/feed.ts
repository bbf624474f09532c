// The change feed port: a hint of new commits. It may repeat, reorder and lose them, so readers trust positions alone.
import type { Commit } from './commit.js';
import type { StreamId } from './stream.js';

export interface ChangeFeed {
  /**
   * Passes batches of commits to `handle` until aborted. It starts at the consumer's checkpoint (a new consumer: at the beginning
   * of the feed). The checkpoint moves once `handle` has resolved; if it rejects, the batch is delivered again. Resolves when
   * aborted. It survives an outage of the engine.
   */
  run(consumer: string, handle: (commits: readonly Commit[]) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/**
 * Called when a stored commit was modified or removed, or when the log's table was replaced or lost what protects it
 * (`unprotected`). No legitimate operation does that. Without a stream: it is not known which commit it was.
 */
export type TamperAlarm = (
  stream: StreamId | undefined,
  commitNo: number | undefined,
  what: 'modified' | 'removed' | 'unprotected',
) => void;
