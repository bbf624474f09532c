// The agenda: all unfinished work, with the time at which a worker must check it. A document without `dueAt` has no work left;
// it stays if events of another stream may still arrive.
import { CART_IDLE_MS, type CartEvent } from '../../domain/cart/events.js';
import { couponStream } from '../../domain/coupon/coupon.js';
import type { CouponEvent } from '../../domain/coupon/events.js';
import type { CustomerEvent } from '../../domain/customer/events.js';
import { defined, ownEntry } from '../../domain/kernel/json.js';
import { sum } from '../../domain/kernel/money.js';
import type { OrderEvent } from '../../domain/order/events.js';
import { stockNeeds } from '../../domain/order/parcels.js';
import type { PaymentEvent } from '../../domain/payment/events.js';
import type { Authorisation, Payment } from '../../domain/payment/ledger.js';
import { PAY_WITHIN_MS } from '../../domain/payment/method-kinds.js';
import { payment } from '../../domain/payment/payment.js';
import {
  type AgendaItem,
  FORGOTTEN_AGAIN_AFTER_MS,
  paymentDueAt,
  RECOVER_AFTER_MS,
} from '../../domain/processes/agenda.js';
import { checkoutIdOf } from '../../domain/processes/checkout.js';
import { RESERVATION_MS } from '../../domain/processes/checkout-steps.js';
import type { StockEvent } from '../../domain/stock/events.js';
import { type Handler, projection } from '../runtime/projection.js';

/** Early enough to extend the checkout's reservations if the worker responsible for them has died. */
const LOOK_AGAIN_MS = RESERVATION_MS / 2;

/** Times are of the log's clock, because imports set `occurredAt` to the past. */
export interface AgendaDocument {
  /** Missing for a transfer whose end arrived first. */
  item?: AgendaItem;
  /** RFC 3339. */
  dueAt?: string;
  /** Checkouts: when to check them after the last event of the cart and of the order, in ms. */
  look?: { cart?: number; order?: number };
  /** Checkouts: whether the order is confirmed, the number of its reservations, and how many of them are committed. */
  confirmed?: true;
  parcels?: number;
  committed?: number;
  /** Checkouts and transfers: finished. Later events do not reopen them. */
  ended?: true;
  /** Orders: operations that are not settled, each with its time in ms. */
  open?: Readonly<Record<string, number>>;
  /** Payments: the ledger, without details. */
  ledger?: Payment;
  /** SKUs, by location: missing units, whether any unit can be promised, and the missing units that each order knows of. */
  short?: Readonly<Record<string, UnitsSince>>;
  promisable?: Readonly<Record<string, UnitsSince>>;
  missing?: Readonly<Record<string, Readonly<Record<string, UnitsSince>>>>;
}

/** A number of units, and the time since when it applies, in ms. */
interface UnitsSince {
  units: number;
  at: number;
}

type Submission = Extract<CartEvent, { type: 'CartSubmitted' }>;
type AgendaEvent = CartEvent | CouponEvent | CustomerEvent | OrderEvent | PaymentEvent | StockEvent;

// ── Checkouts: fed by cart# and order#, and by stock#, which reports that the units of a confirmed order are committed ─────────

type OrderOf<T extends OrderEvent['type']> = Extract<OrderEvent, { type: T }>;

const checkoutOf = ({ data }: { data: { orderId: string } }) => [checkoutIdOf(data.orderId)];

const submitted: Handler<AgendaDocument, Submission> = {
  keys: ({ data }) => [checkoutIdOf(data.orderId), data.cartId],
  evolve(before, { data: { orderId, cartId } }, key, at) {
    if (key === cartId) return before && null;
    const item = { kind: 'checkout', orderId, cartId } as const;
    return checkoutDocument(before, { item, look: { ...before?.look, cart: at + RECOVER_AFTER_MS } });
  },
};

const starts: Handler<AgendaDocument, OrderOf<'OrderPlaced'>> = {
  keys: checkoutOf,
  evolve(before, { data: { orderId, cartId, dispatch, allocation, lines } }, _, at) {
    const item = { kind: 'checkout', orderId, ...defined({ cartId }) } as const;
    const parcels = dispatch === 'at_once' ? 0 : (allocation ?? stockNeeds(lines)).length;
    return checkoutDocument(before, { item, parcels, ...lookSoon(before, at) });
  },
};

type Move = OrderOf<'CheckoutPaymentUnknown' | 'OrderRejected' | 'OrderExpired' | 'OrderWithdrawn'>;

const moves: Handler<AgendaDocument, Move> = {
  keys: checkoutOf,
  evolve: (before, _event, _key, at) => checkoutDocument(before, lookSoon(before, at)),
};

const movesElsewhere: Handler<AgendaDocument, OrderOf<'CheckoutReallocated'>> = {
  keys: checkoutOf,
  evolve: (before, { data }, _, at) =>
    checkoutDocument(before, { parcels: data.allocation.length, ...lookSoon(before, at) }),
};

/** Payments that take days: the provider reports the result, and the agenda checks as a fallback. */
const waitsForCustomer: Handler<AgendaDocument, OrderOf<'CheckoutActionRequired'>> = {
  keys: checkoutOf,
  evolve(before, { data }, _, at) {
    const isLong = PAY_WITHIN_MS[data.kind ?? 'card'] > RESERVATION_MS;
    return checkoutDocument(before, lookSoon(before, at, isLong ? LOOK_AGAIN_MS : RECOVER_AFTER_MS));
  },
};

const confirms: Handler<AgendaDocument, OrderOf<'OrderConfirmed'>> = {
  keys: checkoutOf,
  evolve: (before, _event, _key, at) => checkoutDocument(before, { confirmed: true, ...lookSoon(before, at) }),
};

const ends: Handler<AgendaDocument, OrderOf<'CheckoutUndone'>> = {
  keys: checkoutOf,
  evolve: (before) => checkoutDocument(before, { ended: true }),
};

function lookSoon(before: AgendaDocument | undefined, at: number, after = RECOVER_AFTER_MS) {
  return { look: { ...before?.look, order: at + after } };
}

/** A confirmed order's checkout ends with its last reservation that is committed. */
function checkoutDocument(before: AgendaDocument | undefined, change: AgendaDocument): AgendaDocument {
  if (before?.ended) return before;
  const parts = { ...before, ...change };
  const { item, confirmed, parcels = 0, committed = 0, look = {} } = parts;
  if (parts.ended || (confirmed && committed >= parcels)) return { ended: true };
  // Stock may report before the order is known.
  return item ? { ...parts, dueAt: timeOf(Math.max(...Object.values(look))) } : parts;
}

// ── Orders: operations that stock and payment have not followed up ──────────────────────────────────────────────────

type OperationEvent = Extract<
  OrderEvent,
  {
    type:
      | 'OrderFulfilled'
      | 'OrderLinesCancelled'
      | 'OrderReturned'
      | 'CollectionRequested'
      | 'ReturnOpened'
      | 'ReallocationRequested';
  }
>;

const opens: Handler<AgendaDocument, OperationEvent> = {
  keys: (event) => (isSettled(event) ? [] : [event.data.orderId]),
  evolve: (before, { data }, _, at) =>
    withOpen({ item: { kind: 'settlement', orderId: data.orderId }, ...before }, operationOf(data), at),
};

const settles: Handler<AgendaDocument, Extract<OrderEvent, { type: 'OrderSettled' }>> = {
  keys: ({ data }) => [data.orderId],
  evolve: (before, { data }) => before && withoutOpen(before, data.operationId),
};

/** Goods that were shipped before the order was recorded. */
function isSettled({ type, data }: OperationEvent): boolean {
  return type === 'OrderFulfilled' && data.from === undefined;
}

function operationOf(data: OperationEvent['data']): string {
  if ('fulfilmentId' in data) return data.fulfilmentId;
  if ('operationId' in data) return data.operationId;
  if ('collectionId' in data) return data.collectionId;
  if ('reallocationId' in data) return data.reallocationId;
  return 'cancellationId' in data ? data.cancellationId : data.returnId;
}

// ── Payments: open requests to the provider, and authorisations that expire soon ────────────────────────────────────

const pays: Handler<AgendaDocument, PaymentEvent> = {
  keys: ({ data }) => [data.paymentId],
  evolve(before, event, _, at) {
    const { paymentId, orderId } = event.data;
    const ledger = withoutDetails(payment.evolve(before?.ledger ?? null, event, at));
    const due = paymentDueAt(ledger);
    const item = { kind: 'payment', paymentId, orderId } as const;
    return due === undefined ? { item, ledger } : { item, ledger, dueAt: timeOf(due) };
  },
};

/** The ledger without what no due time depends on. A third is left, and nothing personal. */
function withoutDetails({ authorisation, earlier, ...ledger }: Payment): Payment {
  const terms = ({ card, last4, risk, providerRef, clientSecret, customerId, ...rest }: Authorisation) => rest;
  return {
    ...ledger,
    earlier: earlier.map(terms),
    ...defined({ authorisation: authorisation && terms(authorisation) }),
  };
}

// ── Coupons: redemptions whose checkout has not reported its end ────────────────────────────────────────────────────

type Redemption = Exclude<CouponEvent, { type: 'CouponDefined' }>;

const redemptionOf = ({ data }: Redemption) => [`${couponStream(data)} ${data.orderId}`];

/** Due when the checkout has usually ended. */
const redeems: Handler<AgendaDocument, Extract<Redemption, { type: 'CouponRedeemed' }>> = {
  keys: redemptionOf,
  evolve: (_, { data: { orderId, code, redeemer } }, __, at) => ({
    item: { kind: 'redemption', orderId, code, ...defined({ redeemer }) },
    dueAt: timeOf(at + RESERVATION_MS),
  }),
};

const endsRedemption: Handler<AgendaDocument, Redemption> = {
  keys: redemptionOf,
  evolve: (before) => before && null,
};

// ── Stock: reservations that expire, and transfers on their way ─────────────────────────────────────────────────────

type Held = Extract<StockEvent, { type: 'StockReserved' | 'ReservationExtended' }>;
type Freed = Extract<
  StockEvent,
  { type: 'ReservationCommitted' | 'ReservationReleased' | 'ReservationExpired' | 'StockShipped' }
>;

const holds: Handler<AgendaDocument, Held> = {
  keys: ({ data }) => (data.expiresAt === undefined ? [] : [`${data.sku}@${data.location}`]),
  evolve(before, { data: { sku, location, reservationId, expiresAt } }) {
    if (expiresAt === undefined) return before;
    const expiries = { ...expiriesOf(before), [reservationId]: expiresAt };
    return reservationsDocument({ kind: 'reservations', sku, location, expiries });
  },
};

/** Changes the document of the checkout, too. Units that an order has got by a reallocation belong to no checkout. */
const commits: Handler<AgendaDocument, Extract<Freed, { type: 'ReservationCommitted' }>> = {
  keys(event) {
    const [orderId = '', round = '1', ...more] = event.data.reservationId.split('/');
    const isOfCheckout = /^\d+$/.test(round) && more.length === 0;
    const items = frees.keys(event);
    return isOfCheckout ? [...items, checkoutIdOf(orderId)] : items;
  },
  evolve(before, event, key, at) {
    if (frees.keys(event).includes(key)) return frees.evolve(before, event, key, at);
    return checkoutDocument(before, { committed: (before?.committed ?? 0) + 1 });
  },
};

const frees: Handler<AgendaDocument, Freed> = {
  keys: ({ data }) => [`${data.sku}@${data.location}`],
  evolve(before, { data: { sku, location, reservationId } }) {
    const { [reservationId]: ended, ...expiries } = expiriesOf(before);
    return ended === undefined ? before : reservationsDocument({ kind: 'reservations', sku, location, expiries });
  },
};

function expiriesOf(document: AgendaDocument | undefined): Readonly<Record<string, number>> {
  return document?.item?.kind === 'reservations' ? document.item.expiries : {};
}

function reservationsDocument(item: Extract<AgendaItem, { kind: 'reservations' }>): AgendaDocument | null {
  const times = Object.values(item.expiries);
  return times.length === 0 ? null : { item, dueAt: timeOf(Math.min(...times)) };
}

const leaves: Handler<AgendaDocument, Extract<StockEvent, { type: 'StockTransferredOut' }>> = {
  keys: ({ data }) => [data.movementId],
  evolve: (before, { data }, _, at) =>
    before?.ended ? before : { item: { kind: 'transfer', leftAt: at, ...data }, dueAt: timeOf(at + RECOVER_AFTER_MS) },
};

const arrives: Handler<AgendaDocument, Extract<StockEvent, { type: 'StockTransferredIn' }>> = {
  keys: ({ data }) => [data.movementId],
  evolve: () => ({ ended: true }),
};

// ── Shortfalls: fed by stock#, which reports missing and available units, and order#, which records its shortfall ────

type Shortfall = Extract<StockEvent, { type: 'StockShortfallRecorded' | 'StockShortfallEnded' }>;

const shortfallOf = ({ data }: { data: { sku: string } }) => [`shortfall of ${data.sku}`];

const fallsShort: Handler<AgendaDocument, Shortfall> = {
  keys: shortfallOf,
  evolve(before, { type, data }, _, at) {
    const units = type === 'StockShortfallRecorded' ? data.shortfall : 0;
    return shortfallDocument(data.sku, { ...before, short: withUnits(before?.short, data.location, { units, at }) });
  },
};

const replenishes: Handler<AgendaDocument, Extract<StockEvent, { type: 'StockReplenished' | 'StockDepleted' }>> = {
  keys: shortfallOf,
  evolve(before, { type, data }, _, at) {
    const there = { units: type === 'StockReplenished' ? 1 : 0, at };
    return shortfallDocument(data.sku, { ...before, promisable: withUnits(before?.promisable, data.location, there) });
  },
};

const misses: Handler<AgendaDocument, Extract<OrderEvent, { type: 'OrderUnitsMissing' }>> = {
  keys: shortfallOf,
  evolve(before, { data: { orderId, sku, location, quantity: units } }, _key, at) {
    const { [location]: _, ...others } = before?.missing ?? {};
    const here = withUnits(ownEntry(before?.missing ?? {}, location), orderId, { units, at });
    const missing = Object.keys(here).length > 0 ? { ...others, [location]: here } : others;
    return shortfallDocument(sku, { ...before, missing });
  },
};

function withUnits(
  known: Readonly<Record<string, UnitsSince>> = {},
  name: string,
  one: UnitsSince,
): Readonly<Record<string, UnitsSince>> {
  const { [name]: _, ...others } = known;
  return one.units > 0 ? { ...others, [name]: one } : others;
}

/** Due if orders have recorded a different number of units than is missing, or if another location can promise missing units. */
function shortfallDocument(
  sku: string,
  { short = {}, promisable = {}, missing = {} }: AgendaDocument,
): AgendaDocument | null {
  const parts = { short, promisable, missing };
  const locations = [...new Set([...Object.keys(short), ...Object.keys(missing)])].sort();
  if (locations.length === 0) return Object.keys(promisable).length === 0 ? null : parts;
  const isDue = locations.some((location) => {
    const units = ownEntry(short, location)?.units ?? 0;
    const recorded = sum(Object.values(ownEntry(missing, location) ?? {}).map((one) => one.units));
    return recorded !== units || (units > 0 && Object.keys(promisable).some((other) => other !== location));
  });
  const orders = Object.fromEntries(
    locations.map((location) => [location, Object.keys(ownEntry(missing, location) ?? {}).sort()]),
  );
  if (!isDue) return parts;
  const all = [...Object.values(short), ...Object.values(promisable), ...Object.values(missing).flatMap(Object.values)];
  const latest = Math.max(...(all as UnitsSince[]).map(({ at }) => at));
  return { ...parts, item: { kind: 'shortfall', sku, orders }, dueAt: timeOf(latest) };
}

// ── Carts that may be abandoned ─────────────────────────────────────────────────────────────────────────────────────

type Idle = Extract<CartEvent, { type: 'CartCreated' | 'CartReopened' | 'CartStillActive' }>;
type Left = Extract<CartEvent, { type: 'CartAbandoned' | 'CartHandedOver' }>;

const waits: Handler<AgendaDocument, Idle> = {
  keys: ({ data }) => [data.cartId],
  evolve(_, event, __, at) {
    const idleSince = event.type === 'CartStillActive' ? event.data.since : at;
    return { item: { kind: 'cart', cartId: event.data.cartId, idleSince }, dueAt: timeOf(idleSince + CART_IDLE_MS) };
  },
};

const left: Handler<AgendaDocument, Left> = {
  keys: ({ data }) => [data.cartId],
  evolve: (before) => before && null,
};

// ── Forgotten customers: fed by customer# ────────────────────────────────────────────────────────────────────────────────────

const forgets: Handler<AgendaDocument, Extract<CustomerEvent, { type: 'SubjectForgotten' }>> = {
  keys: ({ data }) => [data.customerId],
  evolve: (_before, { data: { customerId } }, _key, at) => {
    return { item: { kind: 'forgetting', customerId }, dueAt: timeOf(at + FORGOTTEN_AGAIN_AFTER_MS) };
  },
};

const forgot: Handler<AgendaDocument, Extract<CustomerEvent, { type: 'ForgettingCompleted' }>> = {
  keys: ({ data }) => [data.customerId],
  evolve: (before) => before && null,
};

// ── The whole projection ────────────────────────────────────────────────────────────────────────────────────────────

export const agenda = projection<AgendaDocument, AgendaEvent>({
  name: 'agenda',
  version: 8,
  categories: ['cart', 'coupon', 'customer', 'order', 'payment', 'stock'],
  fields: { dueAt: 'time' },
  on: {
    CartCreated: waits,
    CartReopened: waits,
    CartStillActive: waits,
    CartAbandoned: left,
    CartHandedOver: left,
    CartSubmitted: submitted,
    OrderPlaced: starts,
    CheckoutReallocated: movesElsewhere,
    CheckoutPaymentUnknown: moves,
    CheckoutActionRequired: waitsForCustomer,
    OrderConfirmed: confirms,
    OrderRejected: moves,
    OrderExpired: moves,
    OrderWithdrawn: moves,
    CheckoutUndone: ends,
    CouponRedeemed: redeems,
    CouponRedemptionConfirmed: endsRedemption,
    CouponReleased: endsRedemption,
    OrderFulfilled: opens,
    OrderLinesCancelled: opens,
    OrderReturned: opens,
    CollectionRequested: opens,
    ReallocationRequested: opens,
    ReturnOpened: opens,
    OrderUnitsMissing: misses,
    OrderSettled: settles,
    AuthorisationRequested: pays,
    PaymentIntentOpened: pays,
    PaymentAuthorised: pays,
    PaymentActionRequired: pays,
    AuthorisationUnknown: pays,
    AuthorisationDeclined: pays,
    AuthorisationLapsed: pays,
    CaptureRequested: pays,
    PaymentCaptured: pays,
    CaptureFailed: pays,
    VoidRequested: pays,
    PaymentVoided: pays,
    RefundRequested: pays,
    PaymentRefunded: pays,
    RefundFailed: pays,
    DisputeOpened: pays,
    DisputeClosed: pays,
    StockReserved: holds,
    ReservationExtended: holds,
    ReservationCommitted: commits,
    ReservationReleased: frees,
    ReservationExpired: frees,
    StockShipped: frees,
    StockShortfallRecorded: fallsShort,
    StockShortfallEnded: fallsShort,
    StockReplenished: replenishes,
    StockDepleted: replenishes,
    StockTransferredOut: leaves,
    StockTransferredIn: arrives,
    SubjectForgotten: forgets,
    ForgettingCompleted: forgot,
  },
});

/** `null`, a tombstone, if nothing is open: only one stream feeds the document. */
function withOpen(document: AgendaDocument, operationId: string, at: number): AgendaDocument | null {
  return openDocument({ ...document, open: { ...document.open, [operationId]: at } });
}

function withoutOpen(document: AgendaDocument, operationId: string): AgendaDocument | null {
  const { [operationId]: _, ...open } = document.open ?? {};
  return openDocument({ ...document, open });
}

function openDocument({ dueAt: _, ...document }: AgendaDocument): AgendaDocument | null {
  const times = Object.values(document.open ?? {}).map((at) => at + RECOVER_AFTER_MS);
  return times.length === 0 ? null : { ...document, dueAt: timeOf(Math.min(...times)) };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
