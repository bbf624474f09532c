// The stock of one SKU at one location. No promise takes available = onHand − reserved − committed below −backorderLimit.
// Physical facts may: committed units that are no longer there become the item's shortfall. Every movement id and reservation id
// acts once, and every operation once on each reservation. Committed units belong to orders, which know whose units they are and
// when they leave. The item keeps only their sum, and ids for as long as commands can be repeated.
import type { Decider } from '../kernel/decider.js';
import { defined } from '../kernel/json.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { isRejection, type Rejection, reject } from '../kernel/rejection.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { MAX_QUANTITY, type ReceiptDetails, type StockEvent, type StockPolicy, stockEvents } from './events.js';
import {
  type Reservation,
  type Reservations,
  reservationOf,
  withoutReservation,
  withReservation,
} from './reservations.js';

/** Used ids are kept in batches of this size, so that adding and dropping one copies little. */
const ACTED_BATCH = 64;

/** The key of a stock item. Its events repeat it. */
export interface StockKey {
  sku: string;
  location: string;
}

/** `productId` is the owner of the SKU. The first movement or policy opens the item with it. */
type Opening = StockKey & { productId: string };
type Movement = Opening & { movementId: string };

export type StockCommand =
  /** Opens an item that never had stock, so that goods can be returned to it. */
  | ({ type: 'OpenStockItem' } & Opening)
  | ({ type: 'ReceiveStock'; quantity: number } & ReceiptDetails & Movement)
  | ({ type: 'AdjustStock'; delta: number; reason: string } & Movement)
  | ({ type: 'CountStock'; quantity: number; expected?: number } & Movement)
  | ({ type: 'TransferOut'; quantity: number; to: string } & Movement)
  | ({ type: 'TransferIn'; quantity: number; from: string } & Movement)
  /** For one return, restocked units and written-off units are two movements. */
  | ({ type: 'ReturnStock'; quantity: number; writtenOff: boolean } & Omit<Movement, 'productId'>)
  | ({ type: 'SetStockPolicy' } & StockPolicy & Opening)
  /** Units that came and left before they were recorded. They neither need stock here nor add any. */
  | ({ type: 'ShipAtOnce'; reservationId: string; quantity: number } & StockKey)
  | ReservationCommand;

type ReservationCommand = StockKey & { reservationId: string } & (
    | { type: 'ReserveStock'; quantity: number; expiresAt?: number }
    | { type: 'ExtendReservation'; expiresAt: number }
    /** Its checkout waits for the customer or the provider. */
    | { type: 'ParkReservation' }
    /** The units are sold, even if some were lost since they were reserved. */
    | { type: 'CommitReservation'; quantity?: number }
    | ({ type: 'ReleaseReservation' } & Part)
    | { type: 'ExpireReservation' }
    | ({ type: 'ShipReservation' } & Part)
  );

/**
 * A command on a part of the committed units names the operation that takes it. Without an operation it takes all that is left of
 * the reservation.
 */
type Part = { operationId?: string; quantity?: never } | { operationId: string; quantity: number };

/** The result of an id that has acted. For a committed reservation: the units left of it. */
type Acted = 'moved' | 'released' | 'expired' | 'shipped' | number;

export interface StockItem {
  /** Null until the first movement. */
  productId: string | null;
  onHand: number;
  reserved: number;
  /** Reserved units whose checkouts wait for the customer or the provider. */
  parked: number;
  committed: number;
  /** Committed units that are missing and may not be backordered. */
  shortfall: number;
  policy: StockPolicy;
  /** Reservations that have neither ended nor been committed. */
  reservations: Reservations;
  /** Ids that acted within the retry horizon, oldest batch first. `lastAt` is in ms of the log's clock. */
  acted: readonly { lastAt: number; ids: Readonly<Record<string, Acted>> }[];
}

export const stockItem: Decider<StockCommand, StockItem, StockEvent> = {
  category: 'stock',
  events: stockEvents,
  initialState: {
    productId: null,
    onHand: 0,
    reserved: 0,
    parked: 0,
    committed: 0,
    shortfall: 0,
    policy: {},
    reservations: {},
    acted: [],
  },
  decide,
  evolve,
  snapshot: { foldVersion: 5, every: 200 },
};

export function stockStream({ sku, location }: StockKey): StreamId {
  return streamId('stock', sku, location);
}

export function availableOf({ onHand, reserved, committed }: Pick<StockItem, 'onHand' | 'reserved' | 'committed'>) {
  return onHand - reserved - committed;
}

/** Units that can still be promised: the available ones and the backorder allowance. */
export function promisableOf(item: StockItem): number {
  return availableOf(item) + backorderLimitOf(item.policy);
}

/** Units held by running checkouts. They may be released at any moment. */
export function heldByCheckoutsOf({ reserved, parked }: Pick<StockItem, 'reserved' | 'parked'>): number {
  return reserved - parked;
}

/** Units held by a reservation that is not committed. */
export function heldFor({ reservations }: Pick<StockItem, 'reservations'>, reservationId: string): number {
  return reservationOf(reservations, reservationId)?.quantity ?? 0;
}

/**
 * Why the units of a reservation cannot be sold. Undefined if they can. Earlier commitments get the units in stock first, so
 * units that were lost since the reservation was made may be missing for it.
 */
export function refusalToSell(
  item: StockItem,
  { sku, location, reservationId }: StockKey & { reservationId: string },
): Rejection | undefined {
  const units = heldFor(item, reservationId);
  if (units === 0) return holdsNothing({ sku, reservationId });
  return shortOf(units, item.onHand + backorderLimitOf(item.policy) - item.committed, { sku, location });
}

function decide(command: StockCommand, item: StockItem, now: number): readonly StockEvent[] | Rejection {
  const { sku, location } = command;
  const key = { sku, location };
  switch (command.type) {
    case 'OpenStockItem':
      return opening(command, item).opened;
    case 'ReceiveStock': {
      const { movementId, quantity, reason, cost, supplier, lot } = command;
      const data = { ...key, movementId, quantity, ...defined({ reason, cost, supplier, lot }) };
      return move(command, item, quantity, { type: 'StockReceived', data });
    }
    case 'AdjustStock': {
      const { movementId, delta, reason } = command;
      if (-delta > item.onHand && !actedAs(item, movementId)) {
        // The loss exceeds the recorded stock, so the records were wrong before it. Only a count can tell by how much.
        const detail = `${sku} at ${location} has ${item.onHand} on hand and cannot lose ${-delta}; record a count instead.`;
        return reject('rule_violated', detail);
      }
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
      // A transfer is planned, unlike a find, a loss or a count. So it must not take promised units.
      const free = Math.max(0, Math.min(item.onHand, promisableOf(item)));
      if (quantity > free && !actedAs(item, movementId)) {
        const rest =
          free < item.onHand ? `can send at most ${free} of ${item.onHand} units; the rest is promised` : `has ${free}`;
        return reject('rule_violated', `${sku} at ${location} ${rest}.`);
      }
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
      if (!productId)
        return reject('rule_violated', `${sku} was never stocked at ${location}, so it cannot be returned there.`);
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
  const { opened, productId } = opening(command, item);
  return [...opened, moved, ...alerts({ sku, location }, productId, item, { onHand: item.onHand + delta })];
}

function setPolicy(command: StockCommand & { type: 'SetStockPolicy' }, item: StockItem) {
  const { sku, location, backorderLimit = 0, lowStockAt } = command;
  const policy = defined({ backorderLimit: backorderLimit > 0 ? backorderLimit : undefined, lowStockAt });
  if (backorderLimit === backorderLimitOf(item.policy) && lowStockAt === item.policy.lowStockAt) return [];
  const owed = -availableOf(item);
  if (backorderLimit < owed && backorderLimit < backorderLimitOf(item.policy)) {
    return reject(
      'rule_violated',
      `${owed} of ${sku} at ${location} are on backorder; the limit cannot be ${backorderLimit}.`,
    );
  }
  const { opened, productId } = opening(command, item);
  const key = { sku, location };
  const set: StockEvent = { type: 'StockPolicySet', data: { ...key, productId, ...policy } };
  return [...opened, set, ...alerts(key, productId, item, { policy })];
}

/** The available units do not change, so no alert is raised. */
function shipAtOnce(
  { sku, location, reservationId, quantity }: StockCommand & { type: 'ShipAtOnce' },
  item: StockItem,
): readonly StockEvent[] | Rejection {
  if (actedAs(item, reservationId)) return [];
  if (!item.productId)
    return reject('rule_violated', `${sku} was never stocked at ${location}, so it cannot be sent from there.`);
  if (quantity > MAX_QUANTITY) {
    return reject(
      'rule_violated',
      `${reservationId} takes ${quantity} of ${sku}; at most ${MAX_QUANTITY} can be sent at once.`,
    );
  }
  const key = { sku, location };
  return [
    { type: 'StockReceived', data: { ...key, movementId: reservationId, quantity } },
    { type: 'StockShipped', data: { ...key, reservationId, quantity, atOnce: true, productId: item.productId } },
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
  const isCommitted = typeof ended === 'number';
  /** The customer may see this text, so it does not name the location. */
  const named = nameOf(id);
  const told = (after: Partial<Levels>) => alerts(key, item.productId, item, after);
  const tooFewCommitted = (quantity: number) =>
    reject('conflict', `${sku} at ${location} has ${item.committed} units committed, not ${quantity}.`);

  const takesPart = command.type === 'ShipReservation' || command.type === 'ReleaseReservation';
  if (held && takesPart && command.quantity !== undefined) return committedFirst(command, item, now);

  switch (command.type) {
    case 'ReserveStock': {
      const { quantity } = command;
      if (held && held.quantity !== quantity) {
        return reject('conflict', `${named} holds ${held.quantity}, not ${quantity}.`);
      }
      if (held || isCommitted || ended === 'shipped') return [];
      if (ended) return reject('conflict', `${named} was ${ended} before it was made.`);
      if (quantity > MAX_QUANTITY) {
        return reject('rule_violated', `${named} is at most ${MAX_QUANTITY} units, not ${quantity}.`);
      }
      const until = command.expiresAt === undefined ? {} : { expiresAt: command.expiresAt };
      return (
        shortOf(quantity, promisableOf(item), key) ?? [
          { type: 'StockReserved', data: { ...id, quantity, ...until } },
          ...told({ reserved: item.reserved + quantity }),
        ]
      );
    }
    case 'ExtendReservation': {
      if (isCommitted || ended === 'shipped') return [];
      if (!held) return holdsNothing(id);
      const { expiresAt } = command;
      if (held.expiresAt === undefined || held.expiresAt >= expiresAt) return [];
      return [{ type: 'ReservationExtended', data: { ...id, expiresAt } }];
    }
    case 'ParkReservation':
      return held && !held.parked ? [{ type: 'ReservationParked', data: id }] : [];
    case 'CommitReservation': {
      if (!held) {
        return isCommitted || ended === 'shipped' ? [] : holdsNothing(id);
      }
      const { quantity } = held;
      if (command.quantity !== undefined && command.quantity !== quantity) {
        return reject('conflict', `${named} has ${quantity} units, not ${command.quantity}.`);
      }
      return [
        { type: 'ReservationCommitted', data: { ...id, quantity } },
        ...told({ reserved: item.reserved - quantity, committed: item.committed + quantity }),
      ];
    }
    case 'ShipReservation': {
      if (hasActed(item, command)) return [];
      const { operationId, quantity = isCommitted ? ended : undefined } = command;
      if (quantity === undefined && ended === 'shipped') return [];
      if (held || quantity === undefined) {
        return reject('conflict', `${named} is not committed, so it cannot be shipped.`);
      }
      if (quantity > item.committed) return tooFewCommitted(quantity);
      const shipped: StockEvent = {
        type: 'StockShipped',
        data: { ...id, quantity, ...defined({ operationId, productId: item.productId ?? undefined }) },
      };
      const found = Math.max(0, quantity - item.onHand);
      if (found === 0) return [shipped];
      // The units have left, so they must have been there: the records had too few.
      const movementId = `${operationOn(reservationId, operationId ?? 'all')}: found`;
      const adjusted: StockEvent = {
        type: 'StockAdjusted',
        data: { ...key, movementId, delta: found, reason: 'sent, although fewer were recorded' },
      };
      return [adjusted, shipped, ...told({ onHand: 0, committed: item.committed - quantity })];
    }
    case 'ReleaseReservation': {
      if (hasActed(item, command)) return [];
      const { operationId, quantity } = command;
      const part = operationId && { operationId };
      if (held) {
        return [
          { type: 'ReservationReleased', data: { ...id, quantity: held.quantity, ...part } },
          ...told({ reserved: item.reserved - held.quantity }),
        ];
      }
      if (quantity === undefined && !isCommitted) {
        if (ended === 'shipped') return reject('conflict', `${named} was shipped.`);
        return ended ? [] : [{ type: 'ReservationReleased', data: { ...id, quantity: 0, ...part } }];
      }
      const units = quantity ?? (ended as number);
      if (units > item.committed) return tooFewCommitted(units);
      return [
        { type: 'ReservationReleased', data: { ...id, quantity: units, ...part, committed: true } },
        ...told({ committed: item.committed - units }),
      ];
    }
    case 'ExpireReservation': {
      if (ended) return [];
      if (held && (held.expiresAt === undefined || held.expiresAt > now)) {
        return reject('rule_violated', `${named} has not expired.`);
      }
      const quantity = held?.quantity ?? 0;
      return [
        { type: 'ReservationExpired', data: { ...id, quantity } },
        ...told({ reserved: item.reserved - quantity }),
      ];
    }
  }
}

/** For a confirmed order that sends or cancels units before their commitment has arrived. */
function committedFirst(
  command: Extract<ReservationCommand, Part>,
  item: StockItem,
  now: number,
): readonly StockEvent[] | Rejection {
  const { sku, location, reservationId } = command;
  const committed = decideReservation({ type: 'CommitReservation', sku, location, reservationId }, item, now);
  if (isRejection(committed)) return committed;
  const after = committed.reduce((state, event) => evolve(state, event, now), item);
  const taken = decideReservation(command, after, now);
  return isRejection(taken) ? taken : [...committed, ...taken];
}

function nameOf({ sku, reservationId }: { sku: string; reservationId: string }): string {
  return `Reservation ${reservationId} of ${sku}`;
}

function holdsNothing(id: { sku: string; reservationId: string }): Rejection {
  return reject('conflict', `${nameOf(id)} does not hold any stock.`);
}

function shortOf(quantity: number, there: number, { sku, location }: StockKey): Rejection | undefined {
  if (quantity <= there) return undefined;
  const available = Math.max(0, there);
  return reject('out_of_stock', `${sku} at ${location} has ${available} available, not ${quantity}.`, {
    available: { [sku]: available },
  });
}

type Levels = Pick<StockItem, 'onHand' | 'reserved' | 'committed' | 'policy'>;

/** Alerts for consumers that do not follow every movement: whether units can be promised, low stock, and the shortfall. */
function alerts(key: StockKey, productId: string | null, item: StockItem, change: Partial<Levels>): StockEvent[] {
  if (productId === null) return [];
  const data = { ...key, productId };
  const after: Levels = { ...item, ...change };
  const available = availableOf(after);
  const limit = backorderLimitOf(after.policy);
  const before = promisableOf(item) > 0;
  const isPromisable = available + limit > 0;
  const told: StockEvent[] = [];
  if (before !== isPromisable) told.push({ type: isPromisable ? 'StockReplenished' : 'StockDepleted', data });
  const { lowStockAt } = after.policy;
  if (lowStockAt !== undefined && available <= lowStockAt && !isLow(item)) {
    told.push({ type: 'LowStockReached', data: { ...data, available, lowStockAt } });
  }
  const shortfall = Math.max(0, after.committed - after.onHand - limit);
  if (shortfall > 0 && shortfall !== item.shortfall) {
    told.push({ type: 'StockShortfallRecorded', data: { ...data, shortfall } });
  }
  if (shortfall === 0 && item.shortfall > 0) told.push({ type: 'StockShortfallEnded', data });
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
      const made = { quantity, ...defined({ expiresAt }) };
      return hold({ ...item, reserved: item.reserved + quantity }, reservationId, made);
    }
    case 'ReservationExtended': {
      const { reservationId, expiresAt } = data;
      return hold(item, reservationId, { ...heldIn(item, reservationId), expiresAt });
    }
    case 'ReservationParked': {
      const { reservationId } = data;
      const held = heldIn(item, reservationId);
      return hold({ ...item, parked: item.parked + held.quantity }, reservationId, { ...held, parked: true });
    }
    case 'ReservationCommitted': {
      const { reservationId, quantity } = data;
      const committed = { ...withoutHold(item, reservationId), committed: item.committed + quantity };
      return remember(committed, reservationId, quantity, at);
    }
    case 'ReservationExpired': {
      const { reservationId } = data;
      return remember(withoutHold(item, reservationId), reservationId, 'expired', at);
    }
    case 'ReservationReleased':
      return data.committed
        ? take(item, data, 'released', at)
        : remember(withoutHold(item, data.reservationId), data.reservationId, 'released', at);
    case 'StockShipped': {
      const without = { ...item, onHand: item.onHand - data.quantity };
      return data.atOnce ? remember(without, data.reservationId, 'shipped', at) : take(without, data, 'shipped', at);
    }
    case 'StockShortfallRecorded':
      return { ...item, shortfall: data.shortfall };
    case 'StockShortfallEnded':
      return { ...item, shortfall: 0 };
    case 'LowStockReached':
    case 'StockDepleted':
    case 'StockReplenished':
      return item;
  }
}

function hold(item: StockItem, reservationId: string, reservation: Reservation): StockItem {
  return { ...item, reservations: withReservation(item.reservations, reservationId, reservation) };
}

/** Releases the units of a reservation. */
function withoutHold(item: StockItem, reservationId: string): StockItem {
  const held = reservationOf(item.reservations, reservationId);
  const units = held?.quantity ?? 0;
  return {
    ...item,
    reserved: item.reserved - units,
    parked: item.parked - (held?.parked ? units : 0),
    reservations: withoutReservation(item.reservations, reservationId),
  };
}

/**
 * Takes some committed units, or all that is left if no operation is named. Remembers the operation, and what is left of the
 * reservation if it was known.
 */
function take(
  item: StockItem,
  {
    reservationId,
    quantity,
    operationId,
  }: { reservationId: string; quantity: number; operationId?: string | undefined },
  how: 'released' | 'shipped',
  at: number,
): StockItem {
  const lessened = { ...item, committed: item.committed - quantity };
  const known = actedAs(item, reservationId);
  if (operationId === undefined) return remember(lessened, reservationId, how, at);
  const left = typeof known === 'number' ? known - quantity : 0;
  const rest = typeof known === 'number' ? remember(lessened, reservationId, left > 0 ? left : how, at) : lessened;
  return remember(rest, operationOn(reservationId, operationId), how, at);
}

function remember(item: StockItem, id: string, how: Acted, at: number): StockItem {
  const recent = item.acted.filter(({ lastAt }) => lastAt + RETRY_HORIZON_MS >= at);
  const last = recent.at(-1);
  if (!last || Object.keys(last.ids).length >= ACTED_BATCH) {
    return { ...item, acted: [...recent, { lastAt: at, ids: { [id]: how } }] };
  }
  return { ...item, acted: [...recent.slice(0, -1), { lastAt: at, ids: { ...last.ids, [id]: how } }] };
}

/** The last remembered result of an id. */
function actedAs(item: StockItem, id: string): Acted | undefined {
  return item.acted.findLast(({ ids }) => Object.hasOwn(ids, id))?.ids[id];
}

function heldIn({ reservations }: StockItem, reservationId: string): Reservation {
  const held = reservationOf(reservations, reservationId);
  if (!held) throw new Error(`${reservationId} holds nothing.`);
  return held;
}

function hasActed(item: StockItem, { reservationId, operationId }: { reservationId: string } & Part): boolean {
  return operationId !== undefined && actedAs(item, operationOn(reservationId, operationId)) !== undefined;
}

function operationOn(reservationId: string, operationId: string): string {
  return `${operationId} of ${reservationId}`;
}

function backorderLimitOf({ backorderLimit = 0 }: StockPolicy): number {
  return backorderLimit;
}
