// Compares a stock snapshot with the log: every item is folded from its first commit, whatever earlier snapshots said.
import type { EventStore } from '../../domain/kernel/event-store.js';
import { categoryOf, partsOf, type StreamId } from '../../domain/kernel/stream.js';
import { type StockKey, stockStream } from '../../domain/stock/stock-item.js';
import { stock } from '../models/stock.js';
import { byCharacters, type Day, endOf, foldStock, type StockLevel, type StockSnapshots } from './stock-snapshots.js';

export interface SnapshotDifference extends StockKey {
  /** Absent: the snapshot does not have the item. */
  snapshot?: StockLevel;
  /** Absent: the log does not have the item. */
  log?: StockLevel;
}

export interface ReconcileStockDeps {
  store: Pick<EventStore, 'log' | 'read'>;
  snapshots: Pick<StockSnapshots, 'manifest' | 'levels'>;
}

/** Throws `SnapshotDamaged` if an object of the snapshot is not the one that was written. */
export async function* reconcileStock(
  { store, snapshots }: ReconcileStockDeps,
  day: Day,
  onProgress: (items: number, total: number) => void = () => {},
): AsyncGenerator<SnapshotDifference> {
  const manifest = await snapshots.manifest(day);
  const inLog = await itemsBefore(store, day);
  const total = [...inLog.values()].reduce((sum, { size }) => sum + size, 0);
  const locations = new Set([...inLog.keys(), ...(manifest?.locations ?? []).map(({ location }) => location)]);
  let done = 0;
  for (const location of [...locations].sort(byCharacters)) {
    const unseen = inLog.get(location) ?? new Set();
    const entry = manifest?.locations.find((one) => one.location === location);
    for await (const snapshot of entry ? snapshots.levels(entry) : []) {
      const { sku } = snapshot;
      const log = unseen.delete(sku) ? await levelOf({ sku, location }) : undefined;
      if (JSON.stringify(log) !== JSON.stringify(snapshot)) yield { sku, location, snapshot, ...(log && { log }) };
      onProgress(++done, total);
    }
    for (const sku of [...unseen].sort(byCharacters)) {
      const log = await levelOf({ sku, location });
      if (log) yield { sku, location, log };
      onProgress(++done, total);
    }
  }

  function levelOf(item: StockKey): Promise<StockLevel | undefined> {
    return foldStock(store, stockStream(item), endOf(day));
  }
}

/** The SKUs of all items that have a commit before the end of the day, by location. */
async function itemsBefore(store: Pick<EventStore, 'log'>, day: Day): Promise<Map<string, Set<string>>> {
  const items = new Map<string, Set<string>>();
  for await (const { stream, commitNo } of store.log(0, endOf(day) - 1)) {
    if (commitNo === 1 && categoryOf(stream) === stock.name) add(items, stream);
  }
  return items;
}

function add(items: Map<string, Set<string>>, stream: StreamId): void {
  const [sku = '', location = ''] = partsOf(stream);
  const known = items.get(location);
  if (known) known.add(sku);
  else items.set(location, new Set([sku]));
}
