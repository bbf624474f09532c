// Stock per SKU. Each location is the part of its stream.
import { defined } from '../../domain/kernel/json.js';
import { sum } from '../../domain/kernel/money.js';
import type { StockEvent, StockPolicy } from '../../domain/stock/events.js';
import { availableOf } from '../../domain/stock/stock-item.js';
import { type Handler, projection } from '../runtime/projection.js';
import { withPart } from './parts.js';

interface Units {
  onHand: number;
  reserved: number;
  committed: number;
}

interface Level extends Units, StockPolicy {
  location: string;
}

export interface StockDocument {
  sku: string;
  locations: readonly Level[];
}

/** Stock as callers see it. */
export interface StockView {
  sku: string;
  locations: (Level & { available: number })[];
  /** Sum over all locations. */
  available: number;
}

export function stockView({ sku, locations }: StockDocument): StockView {
  const levels = locations.map((level) => ({ ...level, available: availableOf(level) }));
  return { sku, locations: levels, available: sum(levels.map(({ available }) => available)) };
}

export interface StockQueries {
  bySku(sku: string): Promise<StockView | undefined>;
}

type StockModelEvent = Exclude<
  StockEvent,
  {
    type:
      | 'StockDepleted'
      | 'StockReplenished'
      | 'LowStockReached'
      | 'ReservationExtended'
      | 'ReservationParked'
      | 'StockShortfallRecorded'
      | 'StockShortfallEnded';
  }
>;

/** A handler that changes the level of its item. */
function changes<E extends StockModelEvent>(
  change: (level: Level, data: E['data']) => Level,
): Handler<StockDocument, E> {
  return {
    keys: ({ data }) => [data.sku],
    evolve(before, { data }) {
      const { sku, location } = data;
      const known = before?.locations.find((level) => level.location === location);
      const level = change(known ?? { location, onHand: 0, reserved: 0, committed: 0 }, data);
      return { sku, locations: withPart(before?.locations, level) };
    },
  };
}

/** A handler that moves the units of its item. */
function moves<E extends StockModelEvent>(deltas: (data: E['data']) => Partial<Units>): Handler<StockDocument, E> {
  return changes((level, data) => {
    const { onHand = 0, reserved = 0, committed = 0 } = deltas(data);
    return {
      ...level,
      onHand: level.onHand + onHand,
      reserved: level.reserved + reserved,
      committed: level.committed + committed,
    };
  });
}

export const stock = projection<StockDocument, StockModelEvent>({
  name: 'stock',
  version: 1,
  categories: ['stock'],
  fields: {},
  on: {
    StockItemOpened: moves(() => ({})),
    StockReceived: moves(({ quantity }) => ({ onHand: quantity })),
    StockAdjusted: moves(({ delta }) => ({ onHand: delta })),
    StockCounted: moves(({ delta }) => ({ onHand: delta })),
    StockTransferredOut: moves(({ quantity }) => ({ onHand: -quantity })),
    StockTransferredIn: moves(({ quantity }) => ({ onHand: quantity })),
    StockReturned: moves(({ quantity }) => ({ onHand: quantity })),
    StockWrittenOff: moves(() => ({})),
    StockReserved: moves(({ quantity }) => ({ reserved: quantity })),
    ReservationCommitted: moves(({ quantity }) => ({ reserved: -quantity, committed: quantity })),
    ReservationReleased: moves(({ quantity, committed }) => ({ [committed ? 'committed' : 'reserved']: -quantity })),
    ReservationExpired: moves(({ quantity }) => ({ reserved: -quantity })),
    StockShipped: moves(({ quantity, atOnce }) =>
      atOnce ? { onHand: -quantity } : { onHand: -quantity, committed: -quantity },
    ),
    StockPolicySet: changes(({ location, onHand, reserved, committed }, { backorderLimit, lowStockAt }) => ({
      location,
      onHand,
      reserved,
      committed,
      ...defined({ backorderLimit, lowStockAt }),
    })),
  },
});
