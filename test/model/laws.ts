// The laws that must hold in the quiet phase. They are checked only against the log and the bank's records, not against the
// state of any process.
import { cart } from '../../domain/cart/cart.js';
import { countsOf, coupon, couponStream, limitsOf } from '../../domain/coupon/coupon.js';
import type { CouponEvent, CouponTerms } from '../../domain/coupon/events.js';
import { millisOf } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import type { Decider } from '../../domain/kernel/decider.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import { streamOf } from '../../domain/kernel/id.js';
import { sum } from '../../domain/kernel/money.js';
import { categoryOf, partsOf, type StreamId } from '../../domain/kernel/stream.js';
import type { OrderEvent, ReturnedUnits } from '../../domain/order/events.js';
import { isShort, type Order, order } from '../../domain/order/order.js';
import { unitsAt } from '../../domain/order/parcels.js';
import type { PaymentEvent } from '../../domain/payment/events.js';
import { the } from '../the.js';
import { checkReadModels } from './read-models.js';
import type { Promises } from './stories.js';
import type { World } from './world.js';

/** The history's log as the store returns it. */
interface Books {
  streams: ReadonlyMap<StreamId, readonly Commit[]>;
  orders: readonly Bought[];
}

/** An order, and its outcome by its events. */
interface Bought {
  state: Order;
  contents: Extract<OrderEvent, { type: 'OrderPlaced' }>['data'];
  /** The value of everything that was shipped, returned or cancelled. */
  sent: number;
  sentBack: number;
  cancelled: number;
  confirmed: boolean;
  returned: readonly ReturnedUnits[];
}

type Broken = (law: string) => void;

/** Throws an error that names every broken law. */
export async function checkLaws(world: World, promises: Promises): Promise<void> {
  const broken: string[] = world.bugs.map((bug) => `No process fails: ${bug instanceof Error ? bug.stack : bug}`);
  const say: Broken = (law) => void broken.push(law);
  for (const offence of world.bank.offences) say(`The bank gets no invalid request: ${offence}`);
  const books = await booksOf(world);
  stockIsKept(books, say);
  customersPayForWhatTheyKeep(books, world, say);
  couponsAreLimited(books, say);
  cartsBecomeOneOrder(books, say);
  promisesAreKept(books, promises, say);
  ordersWaitForTheirGoods(books, say);
  ordersAddUp(books, say);
  everythingHappensOnce(books, say);
  nothingIsLeftToDo(books, world, say);
  await checkReadModels(world, say);
  if (broken.length > 0) throw new Error(`Broken:\n  ${broken.join('\n  ')}`);
}

async function booksOf({ commits, store }: World): Promise<Books> {
  const streams = new Map<StreamId, Commit[]>();
  for (const { stream } of commits) streams.set(stream, []);
  for (const [stream, own] of streams) for await (const commit of store.read(stream)) own.push(commit);
  const orders = [...streams].flatMap(([stream, own]) => (categoryOf(stream) === 'order' ? [boughtBy(own)] : []));
  return { streams, orders };
}

function boughtBy(commits: readonly Commit[]): Bought {
  const events = commits.flatMap((commit) => commit.events) as unknown as OrderEvent[];
  const of = <T extends OrderEvent['type']>(type: T) => {
    const own = events.filter((event) => event.type === type) as Extract<OrderEvent, { type: T }>[];
    return own.map(({ data }) => data as Extract<OrderEvent, { type: T }>['data']);
  };
  return {
    state: the(fold(order, commits)),
    contents: the(of('OrderPlaced')[0]),
    sent: sum(of('OrderFulfilled').map(({ amount }) => amount)),
    sentBack: sum(of('OrderReturned').map(({ amount }) => amount)),
    cancelled: sum(of('OrderLinesCancelled').map(({ amount }) => amount)),
    confirmed: of('OrderConfirmed').length > 0,
    returned: of('OrderReturned').flatMap(({ lines }) => lines),
  };
}

/** No unit is promised beyond the stock and the backorder limit; none is lost, and none stays reserved without an order. */
function stockIsKept({ streams, orders }: Books, say: Broken): void {
  const came = new Map<string, number>();
  const there = new Map<string, number>();
  // Stock follows an order once the order is settled. Another law limits the time.
  const behind = new Set(
    orders.flatMap(({ state }) => (state.unsettled.length > 0 ? state.lines.map(({ sku }) => sku) : [])),
  );
  for (const [stream, commits] of ofCategory(streams, 'stock')) {
    const levels = { onHand: 0, reserved: 0, committed: 0, backorder: 0 };
    const { sku, location } = the(commits[0]?.events[0]).data as { sku: string; location: string };
    for (const { events } of commits) {
      for (const { type, data } of events) {
        came.set(sku, (came.get(sku) ?? 0) + moved(levels, type, data as StockData));
        const available = levels.onHand - levels.reserved - levels.committed;
        if (PROMISES.includes(type) && available < -levels.backorder) {
          say(`${stream} promises only available units: ${available} after ${type}`);
        }
      }
      if (levels.onHand < 0) say(`${stream} has no negative stock: ${levels.onHand}`);
    }
    const short = Math.max(0, levels.committed - levels.onHand - levels.backorder);
    const told = sum(
      orders
        .flatMap(({ state }) => state.missing.filter((one) => one.sku === sku && one.location === location))
        .map(({ quantity }) => quantity),
    );
    if (short !== told && !behind.has(sku)) say(`Orders record the units missing at ${stream}: ${told}, not ${short}`);
    there.set(sku, (there.get(sku) ?? 0) + levels.onHand);
    if (levels.reserved !== 0) say(`${stream} keeps no reservation without a checkout: ${levels.reserved}`);
    const owed = sum(
      orders
        .filter(({ state }) => state.status === 'confirmed')
        .flatMap(({ state }) => state.parcels.filter((parcel) => parcel.sku === sku && parcel.location === location))
        .map(({ quantity }) => quantity),
    );
    if (levels.committed !== owed && !behind.has(sku)) {
      say(`${stream} has committed the open units of confirmed orders: ${levels.committed}, not ${owed}`);
    }
  }
  for (const [sku, units] of there) {
    const lines = orders.flatMap(({ state }) => state.lines.filter((line) => line.sku === sku));
    const kept = sum(lines.map(({ fulfilled }) => fulfilled));
    const restocked = sum(orders.map((bought) => restockedBy(bought, sku)));
    const expected = the(came.get(sku)) - kept + restocked;
    if (units !== expected && !behind.has(sku))
      say(`No unit of ${sku} is lost or invented: ${units} are there, not ${expected}`);
  }
}

/** Events that promise units, or that ship units without an order. */
const PROMISES = ['StockReserved', 'StockTransferredOut'];

interface StockData {
  quantity: number;
  delta: number;
  committed?: true;
  backorderLimit?: number;
}

/** Applies one event. Returns the units that came from outside. */
function moved(
  levels: { onHand: number; reserved: number; committed: number; backorder: number },
  type: string,
  { quantity, delta, committed, backorderLimit = 0 }: StockData,
): number {
  switch (type) {
    case 'StockReceived':
      levels.onHand += quantity;
      return quantity;
    case 'StockAdjusted':
    case 'StockCounted':
      levels.onHand += delta;
      return delta;
    case 'StockTransferredIn':
    case 'StockReturned':
      levels.onHand += quantity;
      return 0;
    case 'StockTransferredOut':
      levels.onHand -= quantity;
      return 0;
    case 'StockReserved':
      levels.reserved += quantity;
      return 0;
    case 'ReservationCommitted':
      levels.reserved -= quantity;
      levels.committed += quantity;
      return 0;
    case 'ReservationExpired':
      levels.reserved -= quantity;
      return 0;
    case 'ReservationReleased':
      levels[committed ? 'committed' : 'reserved'] -= quantity;
      return 0;
    case 'StockShipped':
      levels.onHand -= quantity;
      levels.committed -= quantity;
      return 0;
    case 'StockPolicySet':
      levels.backorder = backorderLimit;
      return 0;
    default:
      return 0;
  }
}

/** Returned units that are for sale again. */
function restockedBy({ state, returned }: Bought, sku: string): number {
  const own = new Set(state.lines.flatMap((line) => (line.sku === sku ? [line.id] : [])));
  return sum(
    returned.flatMap(({ lineId, quantity, writtenOff }) => (own.has(lineId) && !writtenOff ? [quantity] : [])),
  );
}

/**
 * By the bank's records: captured − refunded equals the value of what the customer keeps, and held covers what may still be
 * shipped.
 * Goodwill refunds are additional, and never twice for the same goods. Expired authorisations cannot be captured.
 */
function customersPayForWhatTheyKeep({ orders, streams }: Books, { bank }: World, say: Broken): void {
  for (const { state, contents, sent, sentBack, cancelled } of orders) {
    const { orderId, status, paymentId } = state;
    const events = (streams.get(streamOf(paymentId)) ?? []).flatMap(
      (commit) => commit.events,
    ) as unknown as PaymentEvent[];
    const live = status === 'confirmed';
    const open = live ? contents.total - sent - cancelled : 0;
    const books = bank.booksOf(paymentId);
    const atOnce = books.captured > 0 && !events.some(isMulticapture) ? open : 0;
    const due = sent - sentBack + atOnce;
    const paid = books.captured - books.refunded;
    const goodwill = sum(events.map(goodwillIn));
    const least = books.lapsed ? 0 : Math.max(0, due - goodwill);
    const told = `${orderId} (${status}): ${JSON.stringify({ ...books, total: contents.total, sent, sentBack, cancelled, goodwill })}`;
    if (paid > due || paid < least)
      say(`A customer pays exactly for what they keep: ${due} was due, ${paid} was paid; ${told}`);
    const needed = live && !books.lapsed ? open - atOnce : 0;
    if (needed === 0 ? books.held !== 0 : books.held < needed)
      say(`The held amount covers what may still be shipped: ${needed}; ${told}`);
  }
}

function isMulticapture({ type, data }: PaymentEvent): boolean {
  return type === 'PaymentAuthorised' && data.multicapture === true;
}

function goodwillIn({ type, data }: PaymentEvent): number {
  return type === 'RefundRequested' && data.reason === 'goodwill' ? data.amount : 0;
}

/** Each coupon counts exactly the standing uses, each at its place, and keeps no id of ended ones. */
function couponsAreLimited({ streams, orders }: Books, say: Broken): void {
  const terms = new Map<string, CouponTerms>();
  for (const { type, data } of ofCategory(streams, 'coupon').flatMap(([, commits]) => eventsOf(commits))) {
    if (type === 'CouponDefined') terms.set(data.code, data.terms);
  }
  const standing = new Map<string, string[]>();
  for (const { contents, state } of orders) {
    if (state.status !== 'confirmed' && state.status !== 'completed') continue;
    for (const { code, amount } of contents.coupons ?? []) {
      for (const count of countsOf({ code, amount, ...limitsOf(the(terms.get(code))) }, contents)) {
        const stream = couponStream(count);
        standing.set(stream, [...(standing.get(stream) ?? []), state.orderId]);
      }
    }
  }
  for (const [stream, commits] of ofCategory(streams, 'coupon')) {
    const [code, redeemer] = partsOf(stream) as [string, string | undefined];
    const { limit, limitPerCustomer } = the(terms.get(code));
    const most = (redeemer === undefined ? limit : limitPerCustomer) ?? 0;
    const counted = new Set<string>();
    for (const { type, data } of eventsOf(commits)) {
      if (type === 'CouponRedeemed') counted.add(data.orderId);
      if (type === 'CouponReleased') counted.delete(data.orderId);
      if (counted.size > most) say(`${stream} keeps its limit: ${counted.size}`);
    }
    const [has, wants] = [[...counted].sort(), (standing.get(stream) ?? []).sort()];
    if (has.join() !== wants.join()) say(`${stream} is redeemed by all valid orders: by ${has}, not ${wants}`);
    const { redeemed, inFlight } = fold(coupon, commits);
    if (redeemed !== has.length || inFlight.length > 0)
      say(`${stream} keeps a number, and no ids of ended checkouts: ${redeemed} of ${has.length}, and ${inFlight}`);
    standing.delete(stream);
  }
  for (const [stream, uses] of standing) say(`${stream} counts every valid order: not ${uses}`);
}

function eventsOf(commits: readonly Commit[]): CouponEvent[] {
  return commits.flatMap(({ events }) => events) as unknown as CouponEvent[];
}

function cartsBecomeOneOrder({ streams, orders }: Books, say: Broken): void {
  for (const [stream, commits] of ofCategory(streams, 'cart')) {
    const { cartId, status, submission, mergedInto } = the(fold(cart, commits));
    const confirmed = orders.filter(({ contents, confirmed }) => contents.cartId === cartId && confirmed);
    if (confirmed.length > 1)
      say(`${stream} becomes at most one order: ${confirmed.map(({ state }) => state.orderId)}`);
    const current = orders.find(({ state }) => state.orderId === submission?.orderId)?.state.status;
    const stands = current === 'confirmed' || current === 'completed' || current === 'cancelled';
    if (status === 'submitted' && !stands) say(`${stream} is reopened when its order has failed: it is ${current}`);
    if (status !== 'submitted' && confirmed.length > 0) say(`${stream} stays closed when its order is confirmed`);
    if (mergedInto) linesArrive(stream, commits, streams.get(streamOf(mergedInto)) ?? [], say);
  }
}

/** Every unit of a cart is in the cart that took it over. */
function linesArrive(stream: StreamId, from: readonly Commit[], into: readonly Commit[], say: Broken): void {
  const { cartId, lines } = the(fold(cart, from));
  const merged = fold(cart, into)?.merged.find((other) => other.cartId === cartId)?.taken ?? [];
  for (const { sku, quantity } of lines) {
    const arrived = merged.find((other) => other.sku === sku)?.quantity ?? 0;
    if (arrived !== quantity) say(`No line of ${stream} is lost in a merge: ${arrived} of ${quantity} ${sku} arrived`);
  }
}

function promisesAreKept({ orders, streams }: Books, promises: Promises, say: Broken): void {
  for (const orderId of promises.orders) {
    const found = orders.find(({ state }) => state.orderId === orderId);
    if (!found?.confirmed) say(`An answer 201 means an order: ${orderId} is ${found?.state.status}`);
  }
  for (const { state, contents } of orders) {
    const agreed = promises.agreed.filter(({ cartId }) => cartId === contents.cartId).map(({ amount }) => amount);
    if (agreed.length > 0 && contents.total > Math.max(...agreed))
      say(`No customer pays more than the shown amount: ${state.orderId} costs ${contents.total}, not ${agreed}`);
  }
  const merged = ofCategory(streams, 'cart').flatMap(([, commits]) => the(fold(cart, commits)).merged);
  for (const { cartId, sku, quantity } of promises.merged) {
    const taken = merged.filter((from) => from.cartId === cartId).flatMap((from) => from.taken);
    const arrived = sum(taken.filter((units) => units.sku === sku).map((units) => units.quantity));
    if (arrived < quantity)
      say(`Whoever logged in has what was in the guest's carts: ${arrived} of ${quantity} ${sku} of ${cartId}`);
  }
}

/** Only staff can ship missing units, and no order is held for stock once all of it is available. */
function ordersWaitForTheirGoods({ orders, streams }: Books, say: Broken): void {
  for (const { state } of orders) {
    const events = (streams.get(streamOf(state.orderId)) ?? []).flatMap((commit) => commit.events);
    const isResumed = events.some(({ type, data }) => type === 'OrderResumed' && !('reason' in (data as object)));
    const isHeld = isShort(state.holds);
    if (state.missing.length === 0 && isHeld) say(`${state.orderId} is held only while units are missing`);
    if (state.missing.length > 0 && !isHeld && !isResumed) {
      say(`${state.orderId} is held while units are missing: ${JSON.stringify(state.missing)}`);
    }
    for (const one of state.missing) {
      if (one.quantity > unitsAt(state.parcels, one))
        say(`${state.orderId} misses no more units than it has: ${one.quantity}`);
    }
  }
}

function ordersAddUp({ orders }: Books, say: Broken): void {
  const numbers = orders.map(({ contents }) => contents.number);
  if (new Set(numbers).size < numbers.length) say(`No two orders have the same number: ${numbers}`);
  for (const { state, contents, sent, sentBack, cancelled } of orders) {
    const { orderId, status, lines } = state;
    const { shipping, subtotal, discount, tax, total, taxIncluded } = contents;
    const discounts = sum([...contents.lines, shipping].flatMap((charge) => charge.discounts ?? []));
    const taxes = sum([...contents.lines, shipping].map((charge) => charge.tax ?? 0));
    const addsUp =
      subtotal === sum(contents.lines.map(({ quantity, unitPrice }) => quantity * unitPrice)) &&
      discount === discounts &&
      tax === (taxIncluded ? 0 : taxes) &&
      total === subtotal + shipping.amount + tax - discount;
    if (!addsUp) say(`The sums of ${orderId} add up: ${JSON.stringify(contents)}`);
    if (status === 'placed') say(`${orderId} is confirmed or rejected`);
    const isOver = lines.every(({ quantity, fulfilled, cancelled }) => fulfilled + cancelled === quantity);
    const rest = total - sent - cancelled;
    if (rest < 0 || (isOver && rest !== 0))
      say(`The parts of ${orderId} add up to its total: ${rest} of ${total} is left`);
    if (sentBack > sent) say(`${orderId} refunds at most the value shipped: ${sentBack} of ${sent}`);
    for (const { id, quantity, fulfilled, cancelled, returned } of lines) {
      if (fulfilled + cancelled > quantity || returned > fulfilled)
        say(`Line ${id} of ${orderId} counts each unit once`);
    }
  }
}

/** Events that a stream has at most once, and the field that identifies them: timers, outcomes and operations. */
const ONCE: Readonly<Record<string, string>> = {
  ReservationExpired: 'reservationId',
  StockShipped: 'operationId',
  StockTransferredIn: 'movementId',
  StockReturned: 'movementId',
  CheckoutUndone: 'orderId',
  OrderConfirmed: 'orderId',
  OrderExpired: 'orderId',
  OrderRejected: 'orderId',
  OrderSettled: 'operationId',
  AuthorisationLapsed: 'operationId',
  CaptureRequested: 'operationId',
  PaymentCaptured: 'operationId',
  PaymentVoided: 'paymentId',
  PaymentRefunded: 'operationId',
  CouponRedeemed: 'orderId',
  ShipmentDispatched: 'shipmentId',
  ReturnReceived: 'returnId',
};

function everythingHappensOnce({ streams }: Books, say: Broken): void {
  for (const [stream, commits] of streams) {
    const seen = new Set<string>();
    for (const { type, data } of commits.flatMap(({ events }) => events)) {
      const of = ONCE[type] && (data as Record<string, string>)[ONCE[type]];
      if (!of) continue;
      if (seen.has(`${type} ${of}`)) say(`${type} of ${of} happens once in ${stream}`);
      seen.add(`${type} ${of}`);
    }
  }
}

/** Except work for people: goods whose authorisation has expired. */
function nothingIsLeftToDo({ orders }: Books, { agenda, bank, clock }: World, say: Broken): void {
  const unpaid = new Set(
    orders.filter(({ state }) => bank.booksOf(state.paymentId).lapsed).map(({ state }) => state.orderId),
  );
  for (const document of agenda().values()) {
    if (document?.dueAt === undefined || Date.parse(document.dueAt) > clock()) continue;
    const item = the(document.item);
    if ('orderId' in item && unpaid.has(item.orderId)) continue;
    say(`No work is left: ${JSON.stringify(item)} since ${document.dueAt}`);
  }
}

function ofCategory(streams: Books['streams'], category: string): [StreamId, readonly Commit[]][] {
  return [...streams].filter(([stream]) => categoryOf(stream) === category);
}

function fold<S, E extends DomainEvent>(decider: Decider<never, S, E>, commits: readonly Commit[]): S {
  let state = decider.initialState;
  for (const { events, position } of commits) {
    for (const event of events) state = decider.evolve(state, event as unknown as E, millisOf(position.at));
  }
  return state;
}
