// Views in memory: the stream delivers at once, to documents in memory.
import type { ViewStream } from '../commands/view/ports.js';
import { type BrowsingStore, recordEntries } from '../projections/recommendation/browsing.js';
import { memoryBrowsing } from '../scripts/recommend-eval/models.js';

export function createMemoryViews(
  browsing: BrowsingStore = memoryBrowsing(),
): ViewStream & { browsing: BrowsingStore } {
  return {
    browsing,
    record: (view) => recordEntries(browsing, [view]),
    forget: (session) => recordEntries(browsing, [{ forget: session }]),
  };
}
