// The stock of one SKU at one location. available = onHand − reserved − committed never falls below −BACKORDER_LIMIT,
// and every movement and reservation id acts once.
import type { Decider } from '../kernel/decider.js';
import { type Rejection, reject } from '../kernel/errors.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { MAX_QUANTITY, type StockEvent, stockEvents } from './events.js';

/** Units that may be promised beyond what is there. */
const BACKORDER_LIMIT = 0;

/** Ids that have acted are kept in batches of this size, so that remembering and forgetting one copies little. */
const ACTED_BATCH = 64;

/** Which stock is meant; its events repeat it. */
export interface StockKey {
  sku: string;
  location: string;
}

/** `productId` is whose SKU it is: the first movement opens the item with it. */
type Movement = StockKey & { movementId: string; productId: string };

export type StockCommand =
  | ({ type: 'ReceiveStock'; quantity: number; reason?: string } & Movement)
  | ({ type: 'AdjustStock'; delta: number; reason: string } & Movement)
  | ({ type: 'CountStock'; quantity: number; expected?: number } & Movement)
  | ReservationCommand;

type ReservationCommand = StockKey & { reservationId: string } & (
    | { type: 'ReserveStock'; quantity: number; expiresAt?: number }
    | { type: 'CommitReservation' }
    | { type: 'ReleaseReservation' }
    | { type: 'ExpireReservation' }
    | { type: 'ShipReservation' }
  );

/** What became of an id that has acted. */
type Acted = 'moved' | 'released' | 'expired' | 'shipped';

interface Reservation {
  quantity: number;
  committed: boolean;
  expiresAt?: number;
}

export interface StockItem {
  /** Null until the first movement. */
  productId: string | null;
  onHand: number;
  reserved: number;
  committed: number;
  /** Reservations that hold stock. */
  reservations: Readonly<Record<string, Reservation>>;
  /** Ids that acted within the retry horizon, oldest batch first; `lastAt` in ms of the log's clock. */
  acted: readonly { lastAt: number; ids: Readonly<Record<string, Acted>> }[];
}

export const stockItem: Decider<StockCommand, StockItem, StockEvent> = {
  category: 'stock',
  events: stockEvents,
  initialState: { productId: null, onHand: 0, reserved: 0, committed: 0, reservations: {}, acted: [] },
  decide,
  evolve,
  snapshot: { foldVersion: 1, every: 200 },
};

export function stockStream({ sku, location }: StockKey): StreamId {
  return streamId('stock', sku, location);
}

export function availableOf({ onHand, reserved, committed }: Pick<StockItem, 'onHand' | 'reserved' | 'committed'>) {
  return onHand - reserved - committed;
}

function decide(command: StockCommand, item: StockItem, now: number): readonly StockEvent[] | Rejection {
  const { sku, location } = command;
  const key = { sku, location };
  switch (command.type) {
    case 'ReceiveStock': {
      const { movementId, quantity, reason } = command;
      const why = reason === undefined ? {} : { reason };
      return move(command, item, quantity, { type: 'StockReceived', data: { ...key, movementId, quantity, ...why } });
    }
    case 'AdjustStock': {
      const { movementId, delta, reason } = command;
      return move(command, item, delta, { type: 'StockAdjusted', data: { ...key, movementId, delta, reason } });
    }
    case 'CountStock': {
      const { movementId, quantity, expected } = command;
      const delta = quantity - item.onHand;
      if (expected !== undefined && expected !== item.onHand && !actedAs(item, movementId)) {
        return reject('conflict', `${sku} at ${location} has ${item.onHand} on hand, not ${expected}.`);
      }
      return move(command, item, delta, { type: 'StockCounted', data: { ...key, movementId, delta, quantity } });
    }
    default:
      return decideReservation(command, item, now);
  }
}

function move(command: Movement, item: StockItem, delta: number, moved: StockEvent): readonly StockEvent[] | Rejection {
  const { sku, location } = command;
  if (actedAs(item, command.movementId)) return [];
  if (Math.abs(delta) > MAX_QUANTITY) {
    return reject(
      'rule_violated',
      `One movement is at most ${MAX_QUANTITY} units; ${sku} at ${location} needs ${delta}.`,
    );
  }
  const available = availableOf(item);
  if (delta < 0 && available + delta < -BACKORDER_LIMIT) {
    return reject('rule_violated', `${sku} at ${location} can lose at most ${available}; the rest is promised.`);
  }
  const productId = item.productId ?? command.productId;
  const opened: StockEvent[] = item.productId ? [] : [{ type: 'StockItemOpened', data: { sku, location, productId } }];
  return [...opened, moved, ...availabilityNews({ sku, location }, productId, available, delta)];
}

function decideReservation(
  command: ReservationCommand,
  item: StockItem,
  now: number,
): readonly StockEvent[] | Rejection {
  const { sku, location, reservationId } = command;
  const id = { sku, location, reservationId };
  const held = ownEntry(item.reservations, reservationId);
  const ended = actedAs(item, reservationId);
  const named = `Reservation ${reservationId} of ${sku} at ${location}`;
  const quantity = held?.quantity ?? 0;
  const news = (delta: number) => availabilityNews({ sku, location }, item.productId, availableOf(item), delta);

  switch (command.type) {
    case 'ReserveStock': {
      if (held || ended === 'shipped') {
        return held && held.quantity !== command.quantity
          ? reject('conflict', `${named} holds ${held.quantity}, not ${command.quantity}.`)
          : [];
      }
      if (ended) return reject('conflict', `${named} was ${ended} before it was made.`);
      if (command.quantity > MAX_QUANTITY) {
        return reject('rule_violated', `${named} is at most ${MAX_QUANTITY} units, not ${command.quantity}.`);
      }
      const available = availableOf(item);
      if (available - command.quantity < -BACKORDER_LIMIT) {
        return reject('out_of_stock', `${sku} at ${location} has ${available} available, not ${command.quantity}.`, {
          available: { [sku]: available },
        });
      }
      const until = command.expiresAt === undefined ? {} : { expiresAt: command.expiresAt };
      return [
        { type: 'StockReserved', data: { ...id, quantity: command.quantity, ...until } },
        ...news(-command.quantity),
      ];
    }
    case 'CommitReservation':
      if (held?.committed || ended === 'shipped') return [];
      if (!held) return reject('conflict', `${named} does not hold any stock.`);
      return [{ type: 'ReservationCommitted', data: { ...id, quantity } }];
    case 'ShipReservation':
      if (ended === 'shipped') return [];
      if (!held?.committed) return reject('conflict', `${named} is not committed, so it cannot be shipped.`);
      return [{ type: 'StockShipped', data: { ...id, quantity } }];
    case 'ReleaseReservation':
      if (ended === 'shipped') return reject('conflict', `${named} was shipped.`);
      if (ended) return [];
      return [
        { type: 'ReservationReleased', data: { ...id, quantity, ...(held?.committed && { committed: true }) } },
        ...news(quantity),
      ];
    case 'ExpireReservation':
      if (ended || held?.committed) return [];
      if (held && (held.expiresAt === undefined || held.expiresAt > now)) {
        return reject('rule_violated', `${named} has not run out.`);
      }
      return [{ type: 'ReservationExpired', data: { ...id, quantity } }, ...news(quantity)];
  }
}

/** Read models follow whether there is any, not every movement. */
function availabilityNews(key: StockKey, productId: string | null, available: number, delta: number): StockEvent[] {
  const after = available + delta;
  if (productId === null || available > 0 === after > 0) return [];
  return [{ type: after > 0 ? 'StockReplenished' : 'StockDepleted', data: { ...key, productId } }];
}

function evolve(item: StockItem, { type, data }: StockEvent, at: number): StockItem {
  switch (type) {
    case 'StockItemOpened':
      return { ...item, productId: data.productId };
    case 'StockReceived':
      return remember({ ...item, onHand: item.onHand + data.quantity }, data.movementId, 'moved', at);
    case 'StockAdjusted':
    case 'StockCounted':
      return remember({ ...item, onHand: item.onHand + data.delta }, data.movementId, 'moved', at);
    case 'StockReserved': {
      const { reservationId, quantity, expiresAt } = data;
      const made = { quantity, committed: false, ...(expiresAt !== undefined && { expiresAt }) };
      return {
        ...item,
        reserved: item.reserved + quantity,
        reservations: { ...item.reservations, [reservationId]: made },
      };
    }
    case 'ReservationCommitted': {
      const { reservationId, quantity } = data;
      const { expiresAt, ...held } = item.reservations[reservationId]!;
      return {
        ...item,
        reserved: item.reserved - quantity,
        committed: item.committed + quantity,
        reservations: { ...item.reservations, [reservationId]: { ...held, committed: true } },
      };
    }
    case 'ReservationReleased':
      return end(item, data.reservationId, 'released', at);
    case 'ReservationExpired':
      return end(item, data.reservationId, 'expired', at);
    case 'StockShipped':
      return end({ ...item, onHand: item.onHand - data.quantity }, data.reservationId, 'shipped', at);
    case 'StockDepleted':
    case 'StockReplenished':
      return item;
  }
}

/** A reservation that was never made ends as well: what is remembered is the tombstone. */
function end(item: StockItem, reservationId: string, how: Acted, at: number): StockItem {
  const { [reservationId]: held, ...reservations } = item.reservations;
  const quantity = held?.quantity ?? 0;
  const pool = held?.committed ? 'committed' : 'reserved';
  return remember({ ...item, reservations, [pool]: item[pool] - quantity }, reservationId, how, at);
}

function remember(item: StockItem, id: string, how: Acted, at: number): StockItem {
  const recent = item.acted.filter(({ lastAt }) => lastAt + RETRY_HORIZON_MS >= at);
  const last = recent.at(-1);
  if (!last || Object.keys(last.ids).length >= ACTED_BATCH) {
    return { ...item, acted: [...recent, { lastAt: at, ids: { [id]: how } }] };
  }
  return { ...item, acted: [...recent.slice(0, -1), { lastAt: at, ids: { ...last.ids, [id]: how } }] };
}

function actedAs(item: StockItem, id: string): Acted | undefined {
  for (const { ids } of item.acted) {
    const how = ownEntry(ids, id);
    if (how) return how;
  }
  return undefined;
}

function ownEntry<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
