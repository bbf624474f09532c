// What the importer itself has written to the log so far, read from the log. A run sends only what is missing. So a repeat, a
// longer run or a restart is correct, even if others changed products and stock in between.
import type { Actor, RecordedEvent } from '../../../domain/kernel/event.js';
import type { EventStore } from '../../../domain/kernel/event-store.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import type { ProductEvent } from '../../../domain/product/events.js';
import type { StockEvent } from '../../../domain/stock/events.js';

export const IMPORTER: Actor = { type: 'import', id: 'online-retail' };

export interface ProductEntries {
  /** Version of the stream, including writes by others. 0 if there is no stream. */
  version: number;
  /** Discontinued by anyone. Such a product no longer changes. */
  discontinued: boolean;
  /** Titles that the importer has set. Empty if it did not draft the product. */
  titles: Set<string>;
  priced: boolean;
  published: boolean;
}

export async function productEntries(store: EventStore, stream: StreamId): Promise<ProductEntries> {
  const entries: ProductEntries = {
    version: 0,
    discontinued: false,
    titles: new Set(),
    priced: false,
    published: false,
  };
  for await (const commit of store.read(stream)) {
    entries.version = commit.position.version;
    for (const event of commit.events as RecordedEvent<ProductEvent>[]) {
      if (event.type === 'ProductDiscontinued') entries.discontinued = true;
      if (isOwn(event)) enterProduct(entries, event);
    }
  }
  return entries;
}

function enterProduct(entries: ProductEntries, { type, data }: ProductEvent): void {
  if ((type === 'ProductDrafted' || type === 'ProductRevised') && data.title !== undefined)
    entries.titles.add(data.title);
  if ((type === 'VariantAdded' || type === 'VariantPricesSet') && data.prices.length > 0) entries.priced = true;
  if (type === 'ProductPublished') entries.published = true;
}

export interface StockEntries {
  /** The stream has no events, not even from others. */
  isNew: boolean;
  /** The wanted adjustments that were never made. */
  unadjusted: Set<string>;
}

/** Stops reading once everything wanted is found. */
export async function stockEntries(
  store: EventStore,
  stream: StreamId,
  adjustments: readonly string[],
): Promise<StockEntries> {
  const entries: StockEntries = { isNew: true, unadjusted: new Set(adjustments) };
  for await (const commit of store.read(stream)) {
    entries.isNew = false;
    for (const event of commit.events as RecordedEvent<StockEvent>[]) {
      if (event.type === 'StockAdjusted' && isOwn(event)) entries.unadjusted.delete(event.data.movementId);
    }
    if (entries.unadjusted.size === 0) break;
  }
  return entries;
}

export function isOwn({ actor }: RecordedEvent): boolean {
  return actor.type === IMPORTER.type && actor.id === IMPORTER.id;
}
