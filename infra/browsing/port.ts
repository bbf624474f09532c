// The stream of views with its consumer. It carries views, and orders to forget a session.
import type { ViewStream } from '../../commands/view/ports.js';
import type { BrowsingEntry } from '../../projections/recommendation/browsing.js';

/** Handles entries in order for each session. Entries may come again. */
export type HandleEntries = (entries: readonly BrowsingEntry[]) => Promise<void>;

export interface ConsumedViewStream extends ViewStream {
  /**
   * Delivers entries until the signal aborts, also those of earlier processes. If `handle` rejects, the same entries come again.
   * One process consumes at a time.
   */
  consume(handle: HandleEntries, signal: AbortSignal): Promise<void>;
}
