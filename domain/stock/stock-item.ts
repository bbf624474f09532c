// The stock of one SKU at one location. available = onHand − reserved − committed never falls below −backorderLimit,
// every movement and reservation id acts once, and every operation once on each reservation.
import type { Decider } from '../kernel/decider.js';
import { type Rejection, reject } from '../kernel/errors.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { sum } from '../kernel/money.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { MAX_QUANTITY, type StockEvent, type StockPolicy, stockEvents } from './events.js';
import {
  type Reservation,
  type Reservations,
  reservationOf,
  withoutReservation,
  withReservation,
} from './reservations.js';

/** Ids that have acted are kept in batches of this size, so that remembering and forgetting one copies little. */
const ACTED_BATCH = 64;

/** Which stock is meant; its events repeat it. */
export interface StockKey {
  sku: string;
  location: string;
}

/** `productId` is whose SKU it is: the first movement or policy opens the item with it. */
type Opening = StockKey & { productId: string };
type Movement = Opening & { movementId: string };

export type StockCommand =
  /** Before anything is known to lie there, so that something can come back to it. */
  | ({ type: 'OpenStockItem' } & Opening)
  | ({ type: 'ReceiveStock'; quantity: number; reason?: string } & Movement)
  | ({ type: 'AdjustStock'; delta: number; reason: string } & Movement)
  | ({ type: 'CountStock'; quantity: number; expected?: number } & Movement)
  | ({ type: 'TransferOut'; quantity: number; to: string } & Movement)
  | ({ type: 'TransferIn'; quantity: number; from: string } & Movement)
  /** What of one return is restocked and what is written off are two movements. */
  | ({ type: 'ReturnStock'; quantity: number; writtenOff: boolean } & Omit<Movement, 'productId'>)
  | ({ type: 'SetStockPolicy' } & StockPolicy & Opening)
  /** Units that came and left before they were written down: they need none of what is here, and leave none. */
  | ({ type: 'ShipAtOnce'; reservationId: string; quantity: number } & StockKey)
  | ReservationCommand;

type ReservationCommand = StockKey & { reservationId: string } & (
    | { type: 'ReserveStock'; quantity: number; expiresAt?: number }
    | { type: 'ExtendReservation'; expiresAt: number }
    /** One that has run out is made again, if there is stock. */
    | { type: 'CommitReservation'; quantity?: number }
    | ({ type: 'ReleaseReservation' } & Part)
    | { type: 'ExpireReservation' }
    | ({ type: 'ShipReservation' } & Part)
  );

/** A part of a committed reservation has to name its operation, a shipment or a cancellation; otherwise all that is left is meant. */
type Part = { operationId?: string; quantity?: never } | { operationId: string; quantity: number };

/** What became of an id that has acted. */
type Acted = 'moved' | 'released' | 'expired' | 'shipped';

export interface StockItem {
  /** Null until the first movement. */
  productId: string | null;
  onHand: number;
  reserved: number;
  committed: number;
  policy: StockPolicy;
  /** Reservations that have not ended. */
  reservations: Reservations;
  /** Ids that acted within the retry horizon, oldest batch first; `lastAt` in ms of the log's clock. */
  acted: readonly { lastAt: number; ids: Readonly<Record<string, Acted>> }[];
}

export const stockItem: Decider<StockCommand, StockItem, StockEvent> = {
  category: 'stock',
  events: stockEvents,
  initialState: { productId: null, onHand: 0, reserved: 0, committed: 0, policy: {}, reservations: {}, acted: [] },
  decide,
  evolve,
  snapshot: { foldVersion: 2, every: 200 },
};

export function stockStream({ sku, location }: StockKey): StreamId {
  return streamId('stock', sku, location);
}

export function availableOf({ onHand, reserved, committed }: Pick<StockItem, 'onHand' | 'reserved' | 'committed'>) {
  return onHand - reserved - committed;
}

/** Units that can still be promised: what is available, and what the policy lets be promised beyond it. */
export function promisableOf(item: StockItem): number {
  return availableOf(item) + backorderLimitOf(item.policy);
}

/** Units that a reservation holds which is not committed. */
export function heldFor({ reservations }: Pick<StockItem, 'reservations'>, reservationId: string): number {
  const reservation = reservationOf(reservations, reservationId);
  return reservation?.status === 'reserved' ? reservation.quantity : 0;
}

function decide(command: StockCommand, item: StockItem, now: number): readonly StockEvent[] | Rejection {
  const { sku, location } = command;
  const key = { sku, location };
  switch (command.type) {
    case 'OpenStockItem':
      return opening(command, item).opened;
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
    case 'TransferOut': {
      const { movementId, quantity, to, productId } = command;
      const data = { ...key, movementId, quantity, to, productId };
      return move(command, item, -quantity, { type: 'StockTransferredOut', data });
    }
    case 'TransferIn': {
      const { movementId, quantity, from } = command;
      return move(command, item, quantity, {
        type: 'StockTransferredIn',
        data: { ...key, movementId, quantity, from },
      });
    }
    case 'ReturnStock': {
      const { movementId, quantity, writtenOff } = command;
      const { productId } = item;
      if (!productId) return reject('rule_violated', `There was never any ${sku} at ${location} that could come back.`);
      const data = { ...key, movementId, quantity };
      return writtenOff
        ? move({ ...command, productId }, item, 0, { type: 'StockWrittenOff', data })
        : move({ ...command, productId }, item, quantity, { type: 'StockReturned', data });
    }
    case 'SetStockPolicy':
      return setPolicy(command, item);
    case 'ShipAtOnce':
      return shipAtOnce(command, item);
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
  const { onHand } = item;
  const free = Math.max(0, Math.min(onHand, promisableOf(item)));
  if (-delta > free) {
    const rest = free < onHand ? `can lose at most ${free} of ${onHand} units; the rest is promised` : `has ${onHand}`;
    return reject('rule_violated', `${sku} at ${location} ${rest}.`);
  }
  const { opened, productId } = opening(command, item);
  return [...opened, moved, ...alerts({ sku, location }, productId, item, { delta })];
}

function setPolicy(command: StockCommand & { type: 'SetStockPolicy' }, item: StockItem) {
  const { sku, location, backorderLimit = 0, lowStockAt } = command;
  const policy = { ...(backorderLimit > 0 && { backorderLimit }), ...(lowStockAt !== undefined && { lowStockAt }) };
  if (backorderLimit === backorderLimitOf(item.policy) && lowStockAt === item.policy.lowStockAt) return [];
  const owed = -availableOf(item);
  if (backorderLimit < owed) {
    return reject(
      'rule_violated',
      `${owed} of ${sku} at ${location} are promised beyond what is there; the limit cannot be ${backorderLimit}.`,
    );
  }
  const { opened, productId } = opening(command, item);
  const key = { sku, location };
  const set: StockEvent = { type: 'StockPolicySet', data: { ...key, productId, ...policy } };
  return [...opened, set, ...alerts(key, productId, item, { policy })];
}

/** What is available stays as it was, so nobody is told of more or less of it. */
function shipAtOnce(
  { sku, location, reservationId, quantity }: StockCommand & { type: 'ShipAtOnce' },
  item: StockItem,
): readonly StockEvent[] | Rejection {
  if (actedAs(item, reservationId)) return [];
  if (!item.productId) return reject('rule_violated', `There was never any ${sku} at ${location} that could be sent.`);
  if (quantity > MAX_QUANTITY) {
    return reject(
      'rule_violated',
      `${reservationId} takes ${quantity} of ${sku}; at most ${MAX_QUANTITY} leave at once.`,
    );
  }
  const key = { sku, location };
  return [
    { type: 'StockReceived', data: { ...key, movementId: reservationId, quantity } },
    { type: 'StockShipped', data: { ...key, reservationId, quantity, atOnce: true } },
  ];
}

function opening({ sku, location, productId }: Opening, item: StockItem) {
  if (item.productId) return { opened: [], productId: item.productId };
  const opened: StockEvent[] = [{ type: 'StockItemOpened', data: { sku, location, productId } }];
  return { opened, productId };
}

function decideReservation(
  command: ReservationCommand,
  item: StockItem,
  now: number,
): readonly StockEvent[] | Rejection {
  const { sku, location, reservationId } = command;
  const key = { sku, location };
  const id = { ...key, reservationId };
  const held = reservationOf(item.reservations, reservationId);
  const ended = held ? undefined : actedAs(item, reservationId);
  const named = `Reservation ${reservationId} of ${sku} at ${location}`;
  const left = held ? leftOf(held) : 0;
  const told = (delta: number) => alerts(key, item.productId, item, { delta });

  switch (command.type) {
    case 'ReserveStock': {
      if (held?.status === 'expired') return reject('conflict', `${named} has run out.`);
      if (held && held.quantity !== command.quantity) {
        return reject('conflict', `${named} holds ${held.quantity}, not ${command.quantity}.`);
      }
      if (held || ended === 'shipped') return [];
      if (ended) return reject('conflict', `${named} was ${ended} before it was made.`);
      if (command.quantity > MAX_QUANTITY) {
        return reject('rule_violated', `${named} is at most ${MAX_QUANTITY} units, not ${command.quantity}.`);
      }
      const until = command.expiresAt === undefined ? {} : { expiresAt: command.expiresAt };
      return (
        shortOf(command.quantity, key, item) ?? [
          { type: 'StockReserved', data: { ...id, quantity: command.quantity, ...until } },
          ...told(-command.quantity),
        ]
      );
    }
    case 'ExtendReservation': {
      if (held?.status === 'committed' || ended === 'shipped') return [];
      if (held?.status !== 'reserved') return reject('conflict', `${named} does not hold any stock.`);
      const { expiresAt } = command;
      if (held.expiresAt === undefined || held.expiresAt >= expiresAt) return [];
      return [{ type: 'ReservationExtended', data: { ...id, expiresAt } }];
    }
    case 'CommitReservation': {
      if (!held) return ended === 'shipped' ? [] : reject('conflict', `${named} does not hold any stock.`);
      const { quantity } = held;
      if (command.quantity !== undefined && command.quantity !== quantity) {
        return reject('conflict', `${named} is of ${quantity}, not ${command.quantity}.`);
      }
      if (held.status === 'committed') return [];
      const committed: StockEvent = { type: 'ReservationCommitted', data: { ...id, quantity } };
      if (held.status === 'reserved') return [committed];
      const reserved: StockEvent = { type: 'StockReserved', data: { ...id, quantity } };
      return shortOf(quantity, key, item) ?? [reserved, committed, ...told(-quantity)];
    }
    case 'ShipReservation': {
      if (hasActed(item, held, command)) return [];
      if (ended === 'shipped' && !command.operationId) return [];
      if (held?.status !== 'committed')
        return reject('conflict', `${named} is not committed, so it cannot be shipped.`);
      const { operationId, quantity = left } = command;
      if (quantity > left) return reject('conflict', `${named} has ${left} left, not ${quantity}.`);
      return [{ type: 'StockShipped', data: { ...id, quantity, ...(operationId && { operationId }) } }];
    }
    case 'ReleaseReservation': {
      if (hasActed(item, held, command)) return [];
      if (ended === 'shipped') return reject('conflict', `${named} was shipped.`);
      if (ended) return [];
      const { operationId, quantity = left } = command;
      if (quantity > left) return reject('conflict', `${named} has ${left} left, not ${quantity}.`);
      const committed = held?.status === 'committed';
      if (quantity < left && !committed)
        return reject('conflict', `${named} is not committed, so it is released whole.`);
      const part = { ...(operationId && { operationId }), ...(committed && { committed }) };
      return [{ type: 'ReservationReleased', data: { ...id, quantity, ...part } }, ...told(quantity)];
    }
    case 'ExpireReservation':
      if (ended || (held && held.status !== 'reserved')) return [];
      if (held && (held.expiresAt === undefined || held.expiresAt > now)) {
        return reject('rule_violated', `${named} has not run out.`);
      }
      return [{ type: 'ReservationExpired', data: { ...id, quantity: left } }, ...told(left)];
  }
}

function shortOf(quantity: number, { sku, location }: StockKey, item: StockItem): Rejection | undefined {
  const available = promisableOf(item);
  if (quantity <= available) return undefined;
  return reject('out_of_stock', `${sku} at ${location} has ${available} available, not ${quantity}.`, {
    available: { [sku]: available },
  });
}

/** For those who do not follow every movement: whether any can be promised, and that it runs low. */
function alerts(
  key: StockKey,
  productId: string | null,
  item: StockItem,
  { delta = 0, policy = item.policy }: { delta?: number; policy?: StockPolicy },
): StockEvent[] {
  if (productId === null) return [];
  const data = { ...key, productId };
  const available = availableOf(item) + delta;
  const before = promisableOf(item) > 0;
  const after = available + backorderLimitOf(policy) > 0;
  const told: StockEvent[] = [];
  if (before !== after) told.push({ type: after ? 'StockReplenished' : 'StockDepleted', data });
  const { lowStockAt } = policy;
  if (lowStockAt !== undefined && available <= lowStockAt && !isLow(item)) {
    told.push({ type: 'LowStockReached', data: { ...data, available, lowStockAt } });
  }
  return told;
}

function isLow(item: StockItem): boolean {
  return item.policy.lowStockAt !== undefined && availableOf(item) <= item.policy.lowStockAt;
}

function evolve(item: StockItem, { type, data }: StockEvent, at: number): StockItem {
  switch (type) {
    case 'StockItemOpened':
      return { ...item, productId: data.productId };
    case 'StockPolicySet': {
      const { sku, location, productId, ...policy } = data;
      return { ...item, policy };
    }
    case 'StockReceived':
    case 'StockTransferredIn':
    case 'StockReturned':
      return remember({ ...item, onHand: item.onHand + data.quantity }, data.movementId, 'moved', at);
    case 'StockTransferredOut':
      return remember({ ...item, onHand: item.onHand - data.quantity }, data.movementId, 'moved', at);
    case 'StockAdjusted':
    case 'StockCounted':
      return remember({ ...item, onHand: item.onHand + data.delta }, data.movementId, 'moved', at);
    case 'StockWrittenOff':
      return remember(item, data.movementId, 'moved', at);
    case 'StockReserved': {
      const { reservationId, quantity, expiresAt } = data;
      const made = { quantity, status: 'reserved', ...(expiresAt !== undefined && { expiresAt }) } as const;
      return hold({ ...item, reserved: item.reserved + quantity }, reservationId, made);
    }
    case 'ReservationExtended': {
      const { reservationId, expiresAt } = data;
      return hold(item, reservationId, { ...reservationOf(item.reservations, reservationId)!, expiresAt });
    }
    case 'ReservationCommitted': {
      const { reservationId, quantity } = data;
      const { reserved, committed } = item;
      const moved = { ...item, reserved: reserved - quantity, committed: committed + quantity };
      return hold(moved, reservationId, { quantity, status: 'committed' });
    }
    case 'ReservationExpired': {
      const { reservationId, quantity } = data;
      // One that was never made ends as well: what is remembered is the tombstone.
      if (!reservationOf(item.reservations, reservationId)) return remember(item, reservationId, 'expired', at);
      return hold({ ...item, reserved: item.reserved - quantity }, reservationId, { quantity, status: 'expired' });
    }
    case 'ReservationReleased':
      return take(item, data, 'released', at);
    case 'StockShipped': {
      const without = { ...item, onHand: item.onHand - data.quantity };
      return data.atOnce ? remember(without, data.reservationId, 'shipped', at) : take(without, data, 'shipped', at);
    }
    case 'LowStockReached':
    case 'StockDepleted':
    case 'StockReplenished':
      return item;
  }
}

function hold(item: StockItem, reservationId: string, reservation: Reservation): StockItem {
  return { ...item, reservations: withReservation(item.reservations, reservationId, reservation) };
}

/** A reservation remembers its operations while it has units left, and its id and theirs for the retry horizon from then on. */
function take(
  item: StockItem,
  {
    reservationId,
    quantity,
    operationId,
  }: { reservationId: string; quantity: number; operationId?: string | undefined },
  how: Acted,
  at: number,
): StockItem {
  const held = reservationOf(item.reservations, reservationId);
  const pool = held?.status === 'committed' ? 'committed' : 'reserved';
  const lessened = { ...item, [pool]: item[pool] - quantity };
  const taken = { ...held?.taken, ...(operationId && { [operationId]: quantity }) };
  if (held?.status === 'committed' && quantity < leftOf(held)) return hold(lessened, reservationId, { ...held, taken });
  const operations = Object.keys(taken).map((operation) => operationOn(reservationId, operation));
  return [reservationId, ...operations].reduce<StockItem>((ended, id) => remember(ended, id, how, at), {
    ...lessened,
    reservations: withoutReservation(item.reservations, reservationId),
  });
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

function hasActed(
  item: StockItem,
  held: Reservation | undefined,
  { reservationId, operationId }: { reservationId: string } & Part,
): boolean {
  if (operationId === undefined) return false;
  return held
    ? Object.hasOwn(held.taken ?? {}, operationId)
    : actedAs(item, operationOn(reservationId, operationId)) !== undefined;
}

function operationOn(reservationId: string, operationId: string): string {
  return `${operationId} of ${reservationId}`;
}

function leftOf({ quantity, status, taken = {} }: Reservation): number {
  return status === 'expired' ? 0 : quantity - sum(Object.values(taken));
}

function backorderLimitOf({ backorderLimit = 0 }: StockPolicy): number {
  return backorderLimit;
}

function ownEntry<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
