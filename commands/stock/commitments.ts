// The orders that the committed units of a stock item belong to, read from its stream. The item's state does not contain them,
// because they are needed only for missing units.
import type { EventStore } from '../../domain/kernel/event-store.js';
import { type Commitments, follow } from '../../domain/stock/commitments.js';
import type { StockEvent } from '../../domain/stock/events.js';
import { type StockKey, stockStream } from '../../domain/stock/stock-item.js';

export interface StockCommitments {
  /** Reads the whole stream: about a second for 20,000 commits. */
  at(place: StockKey): Promise<Commitments>;
}

export function createStockCommitments({ store }: { store: Pick<EventStore, 'read'> }): StockCommitments {
  return {
    async at(place) {
      const units = new Map<string, number>();
      for await (const { events } of store.read(stockStream(place))) {
        for (const event of events) follow(units, event as unknown as StockEvent);
      }
      return units;
    },
  };
}
