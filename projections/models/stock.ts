// Stock per SKU: each location is the part of its stream.
import { sum } from '../../domain/kernel/money.js';
import type { StockEvent } from '../../domain/stock/events.js';
import { availableOf } from '../../domain/stock/stock-item.js';
import { type Handler, projection } from '../runtime/projection.js';
import { withPart } from './parts.js';

interface Level {
  location: string;
  onHand: number;
  reserved: number;
  committed: number;
}

export interface StockDocument {
  sku: string;
  locations: readonly Level[];
}

/** What callers see of it. */
export interface StockView {
  sku: string;
  locations: (Level & { available: number })[];
  /** Over all locations. */
  available: number;
}

export function stockView({ sku, locations }: StockDocument): StockView {
  const levels = locations.map((level) => ({ ...level, available: availableOf(level) }));
  return { sku, locations: levels, available: sum(levels.map(({ available }) => available)) };
}

export interface StockQueries {
  bySku(sku: string): Promise<StockView | undefined>;
}

type Movement = Exclude<StockEvent, { type: 'StockDepleted' | 'StockReplenished' }>;

/** How an event moves the levels of its item. */
function moves<E extends Movement>(
  deltas: (data: E['data']) => Partial<Omit<Level, 'location'>>,
): Handler<StockDocument, E> {
  return {
    keys: ({ data }) => [data.sku],
    evolve(before, { data }) {
      const { sku, location } = data;
      const known = before?.locations.find((level) => level.location === location);
      const { onHand = 0, reserved = 0, committed = 0 } = deltas(data);
      const level = {
        location,
        onHand: (known?.onHand ?? 0) + onHand,
        reserved: (known?.reserved ?? 0) + reserved,
        committed: (known?.committed ?? 0) + committed,
      };
      return { sku, locations: withPart(before?.locations, level) };
    },
  };
}

export const stock = projection<StockDocument, Movement>({
  name: 'stock',
  version: 1,
  categories: ['stock'],
  fields: {},
  on: {
    StockItemOpened: moves(() => ({})),
    StockReceived: moves(({ quantity }) => ({ onHand: quantity })),
    StockAdjusted: moves(({ delta }) => ({ onHand: delta })),
    StockCounted: moves(({ delta }) => ({ onHand: delta })),
    StockReserved: moves(({ quantity }) => ({ reserved: quantity })),
    ReservationCommitted: moves(({ quantity }) => ({ reserved: -quantity, committed: quantity })),
    ReservationReleased: moves(({ quantity, committed }) => ({ [committed ? 'committed' : 'reserved']: -quantity })),
    ReservationExpired: moves(({ quantity }) => ({ reserved: -quantity })),
    StockShipped: moves(({ quantity }) => ({ onHand: -quantity, committed: -quantity })),
  },
});
