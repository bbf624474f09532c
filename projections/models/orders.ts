// Orders as customers and support see them: fed by order#, payment#, shipment# and return#, each its own part.
import type { ReturnEvent, ShipmentEvent } from '../../domain/fulfilment/events.js';
import { type Return, returns as returnDecider } from '../../domain/fulfilment/return.js';
import { type ReturnView, returnView } from '../../domain/fulfilment/return-view.js';
import { type Arbiter, type Shipment, shipment } from '../../domain/fulfilment/shipment.js';
import { type ShipmentView, shipmentView } from '../../domain/fulfilment/shipment-view.js';
import type { Address } from '../../domain/kernel/address.js';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import type { Personal } from '../../domain/kernel/personal.js';
import type { LineUnits, OrderEvent, OrderLine, Shipping } from '../../domain/order/events.js';
import { fulfilmentStatusOf } from '../../domain/order/order.js';
import { ORDER_STEPS, type OrderStep, type OrderView } from '../../domain/order/order-view.js';
import { atDefaultLocation, type Parcel, takenFrom, without, withParcels } from '../../domain/order/parcels.js';
import type { PaymentEvent } from '../../domain/payment/events.js';
import {
  capturedOf,
  hasHeld,
  type Payment,
  paymentStatusOf,
  refundedOf,
  toldDeclineCode,
} from '../../domain/payment/ledger.js';
import { payment as paymentLedger } from '../../domain/payment/payment.js';
import { type RefundView, refundView } from '../../domain/payment/refund-view.js';
import { type Handler, type Projection, projection } from '../runtime/projection.js';
import type { Page, PageRequest } from './page.js';

interface Happened extends Details {
  at: string;
  what: OrderStep;
}

/** What a customer is told of a step; amounts in minor units of the order's currency. */
interface Details {
  amount?: number;
  lines?: LineUnits[];
  shipmentId?: string;
  returnId?: string;
  reason?: string;
}

/** The part of order#, amounts in minor units of `currency`. Personal values stay sealed. */
interface OrderPart {
  id: string;
  number: string;
  version: number;
  status: OrderView['status'];
  /** Why it was rejected or cancelled, for its customer to read. */
  reason?: string;
  /** Why it is held, in words that may be of the staff for the staff. */
  holds?: readonly string[];
  /** Units that are held for it and are not there. */
  missing?: readonly Parcel[];
  paymentId: string;
  customerId: string;
  placedBy: 'customer' | 'staff';
  placedAt: string;
  currency: string;
  lines: readonly (OrderLine & Record<Counter, number>)[];
  subtotal: number;
  discount: number;
  coupons?: readonly { code: string; amount: number }[];
  shipping: Shipping;
  tax: number;
  includedTax?: number;
  taxed?: false;
  total: number;
  shippingAddress?: Personal<Address>;
  email?: Personal<string>;
  /** To find it by its e-mail address. */
  emailKey?: string;
  labels?: Record<string, string>;
  /** Units that are still held for it, by where they are. */
  parcels: readonly Parcel[];
  /** Fulfilments that there were. */
  operationIds?: readonly string[];
  timeline: readonly Happened[];
}

/** What became of units of a line. */
type Counter = 'fulfilled' | 'cancelled' | 'returned';

/** Times as the events say; those of the state are the log's. */
interface ShipmentPart {
  state: Shipment;
  plannedAt?: string;
  dispatchedAt?: string;
  failedAt?: string;
  lostAt?: string;
  deliveredAt?: string;
  /** What happened to it on its way. */
  timeline?: readonly Happened[];
}

interface ReturnPart {
  state: Return;
  timeline: readonly Happened[];
}

/** Without the order's part if another stream was heard of first. */
export type OrderDocument = Partial<OrderPart> & {
  /** The part of payment#. */
  payment?: { ledger: Payment; timeline: readonly Happened[] };
  /** The parts of shipment# and return#, by id. */
  shipments?: Readonly<Record<string, ShipmentPart>>;
  returns?: Readonly<Record<string, ReturnPart>>;
  /** What support may look for, see `markOf`. */
  marks?: readonly string[];
};

/** An order as callers see it, but for what is sealed. */
export interface SealedOrderView extends Omit<OrderView, 'shippingAddress' | 'email' | 'nextAction'> {
  shippingAddress?: Personal<Address>;
  email?: Personal<string>;
  nextAction?: { type: 'authenticate'; clientSecret: Personal<string> };
}

/** Undefined where the order itself is not known yet. */
export function orderView({
  payment,
  shipments = {},
  returns = {},
  ...part
}: OrderDocument): SealedOrderView | undefined {
  if (!isPlaced(part)) return undefined;
  const { holds = [], missing = [], lines, coupons, shipping, includedTax, parcels, timeline, ...rest } = part;
  const { emailKey, marks, operationIds, ...shown } = rest;
  const money = (amount: number) => ({ amount, currency: part.currency });
  const clientSecret = secretOf(payment?.ledger);
  const sent = inOrder(shipments, shipmentKey);
  const sentBack = inOrder(returns, returnKey);
  return {
    ...shown,
    ...(holds.length > 0 && { held: true, heldReason: holds.join('; ') }),
    ...(missing.length > 0 && { missing: [...missing] }),
    paymentStatus: paymentStatusOf(payment?.ledger ?? null),
    ...(clientSecret && { nextAction: { type: 'authenticate', clientSecret } }),
    fulfilmentStatus: fulfilmentStatusOf(lines),
    lines: lines.map(({ discount, tax, ...line }) => ({
      ...line,
      unitPrice: money(line.unitPrice),
      total: money(line.total),
      ...(discount !== undefined && { discount: money(discount) }),
      ...(tax !== undefined && { tax: money(tax) }),
    })),
    subtotal: money(part.subtotal),
    discount: money(part.discount),
    ...(coupons && { coupons: coupons.map(({ code, amount }) => ({ code, amount: money(amount) })) }),
    shipping: money(shipping.amount),
    tax: money(part.tax),
    ...(includedTax !== undefined && { includedTax: money(includedTax) }),
    total: money(part.total),
    captured: money(payment ? capturedOf(payment.ledger) : 0),
    refunded: money(payment ? refundedOf(payment.ledger) : 0),
    ...(part.status === 'confirmed' && { allocation: [...parcels] }),
    shippingMethod: shipping.method,
    shipments: sent.map(({ state, plannedAt, timeline, ...times }) => {
      const { orderId, ...view } = shipmentView(state, arbiterOf(part));
      return { ...view, ...times };
    }),
    returns: sentBack.map(({ state }) => {
      const { orderId, location, ...view } = returnView(state, { ledger: payment?.ledger, currency: part.currency });
      return view;
    }),
    timeline: [
      ...timeline,
      ...(payment?.timeline ?? []),
      ...sent.flatMap(({ timeline = [] }) => timeline),
      ...sentBack.flatMap((one) => one.timeline),
    ]
      .sort(byTime)
      .map(({ amount, ...step }) => {
        const tracking = step.shipmentId !== undefined && shipments[step.shipmentId]?.state.tracking;
        return { ...step, ...(amount !== undefined && { amount: money(amount) }), ...(tracking && { tracking }) };
      }),
  };
}

/** A shipment, return or refund of an order; the order has them in the order of these keys. */
export interface Entry<V> {
  key: string;
  view: V;
}

/** None where the order itself is not known yet. */
export function shipmentsOf(document: OrderDocument): Entry<ShipmentView>[] {
  if (!isPlaced(document)) return [];
  const arbiter = arbiterOf(document);
  return inOrder(document.shipments, shipmentKey).map((part) => ({
    key: shipmentKey(part),
    view: shipmentView(part.state, arbiter),
  }));
}

export function returnsOf(document: OrderDocument): Entry<ReturnView>[] {
  if (!isPlaced(document)) return [];
  const { currency, payment } = document;
  return inOrder(document.returns, returnKey).map((part) => ({
    key: returnKey(part),
    view: returnView(part.state, { ledger: payment?.ledger, currency }),
  }));
}

/** A refund that was made in parts is an entry for each. */
export function refundsOf(document: OrderDocument): Entry<RefundEntry>[] {
  const ledger = isPlaced(document) ? document.payment?.ledger : undefined;
  if (!ledger) return [];
  const { paymentId, orderId } = ledger;
  const entries = ledger.refunds.map((refund) => {
    const view = { ...refundView(ledger, [refund]), paymentId, orderId };
    return { key: view.requestedAt + view.id, view };
  });
  return entries.sort((a, b) => byText(a.key, b.key));
}

/** Whose it is: a refund by itself does not say. */
export type RefundEntry = RefundView & { paymentId: string; orderId: string };

function shipmentKey({ plannedAt, state: { shipmentId } }: ShipmentPart): string {
  return `${plannedAt}${shipmentId}`;
}

function returnKey({ timeline, state: { returnId } }: ReturnPart): string {
  return `${timeline[0]!.at}${returnId}`;
}

function inOrder<P>(parts: Readonly<Record<string, P>> | undefined, keyOf: (part: P) => string): P[] {
  return Object.values(parts ?? {}).sort((a, b) => byText(keyOf(a), keyOf(b)));
}

function arbiterOf({ lines, parcels, operationIds = [] }: OrderPart): Arbiter {
  return { lines, parcels, operationIds };
}

export interface OrderQueries {
  byId(orderId: string): Promise<SealedOrderView | undefined>;
  /** The newest first, by when they were placed. */
  list(request: OrderListRequest): Promise<Page<SealedOrderView>>;
}

export interface OrderListRequest extends PageRequest {
  customerId?: string | undefined;
  number?: string | undefined;
  status?: OrderView['status'] | undefined;
  paymentStatus?: OrderView['paymentStatus'] | undefined;
  fulfilmentStatus?: OrderView['fulfilmentStatus'] | undefined;
  /** Of the e-mail address that the order was placed with. */
  emailKey?: string | undefined;
}

/** What an order, or one of its shipments, returns and refunds, can be looked for by; without a value: that it has one. */
export function markOf(kind: MarkKind, value?: string): string {
  return value === undefined ? kind : `${kind}:${value}`;
}

type MarkKind = 'status' | 'paymentStatus' | 'fulfilmentStatus' | 'emailKey' | 'shipment' | 'return' | 'refund';

type OrdersEvent = OrderEvent | PaymentEvent | ShipmentEvent | ReturnEvent;

export const orders = projection<OrderDocument, OrdersEvent>({
  name: 'orders',
  version: 6,
  categories: ['order', 'payment', 'shipment', 'return'],
  fields: { id: 'keyword', number: 'keyword', customerId: 'keyword', placedAt: 'time', marks: 'keywords' },
  indexes: [
    ['placedAt', 'id'],
    ['customerId', 'placedAt', 'id'],
    ['number', 'placedAt', 'id'],
  ],
  on: marked({
    OrderPlaced: changes<EventOf<'OrderPlaced'>>((_, { occurredAt, data }) => {
      const { orderId, cartId, allocation, taxIncluded, lines, ...placed } = data;
      return {
        ...(placed as Omit<OrderPart, 'id' | 'version' | 'status' | 'placedAt' | 'lines' | 'parcels' | 'timeline'>),
        id: orderId,
        status: 'placed',
        placedAt: occurredAt,
        lines: lines.map((line) => ({ ...line, fulfilled: 0, cancelled: 0, returned: 0 })),
        parcels: allocation ?? atDefaultLocation(lines),
        timeline: [{ at: occurredAt, what: 'placed' }],
      };
    }),
    OrderConfirmed: happens<EventOf<'OrderConfirmed'>>('confirmed', ({ parcels }, { data: { allocation } }) => ({
      status: 'confirmed',
      parcels: allocation ?? parcels!,
    })),
    OrderRejected: endsFor('rejected'),
    OrderExpired: becomes('expired'),
    OrderCancelled: endsFor('cancelled'),
    OrderCompleted: becomes('completed'),
    OrderAddressChanged: happens<EventOf<'OrderAddressChanged'>>(
      'address_changed',
      (_, { data: { shippingAddress } }) => ({ shippingAddress }),
    ),
    OrderHeld: happens<EventOf<'OrderHeld'>>('held', ({ holds = [] }, { data: { reason } }) => ({
      holds: [...holds, reason],
    })),
    OrderResumed: happens<EventOf<'OrderResumed'>>('resumed', ({ holds = [] }, { data: { reason } }) => ({
      holds: reason === undefined ? [] : holds.filter((one) => one !== reason),
    })),
    OrderUnitsMissing: changes<EventOf<'OrderUnitsMissing'>>(({ missing = [] }, { data: { orderId, ...told } }) => {
      const others = missing.filter(({ sku, location }) => sku !== told.sku || location !== told.location);
      return { missing: told.quantity > 0 ? [...others, told] : others };
    }),
    ReallocationRequested: changes(() => ({})),
    OrderReallocated: changes<EventOf<'OrderReallocated'>>(({ parcels }, { data: { from, to } }) => ({
      parcels: withParcels(without(parcels!, [from]), to),
    })),
    ReallocationAbandoned: changes(() => ({})),
    ReturnOpened: changes(() => ({})),
    ReturnClosed: changes(() => ({})),
    OrderFulfilled: happens<EventOf<'OrderFulfilled'>>(
      'shipped',
      (before, event) => ({
        ...disposed('fulfilled')(before, event),
        operationIds: [...(before.operationIds ?? []), event.data.fulfilmentId],
      }),
      // What was sent before it was written down had no shipment.
      ({ fulfilmentId, lines, from }) => ({ lines, ...(from && { shipmentId: fulfilmentId }) }),
    ),
    OrderLinesCancelled: happens<EventOf<'OrderLinesCancelled'>>(
      'lines_cancelled',
      disposed('cancelled'),
      ({ lines, reason }) => ({ lines, reason }),
    ),
    OrderReturned: changes<EventOf<'OrderReturned'>>(counted('returned')),
    CollectionRequested: changes(() => ({})),
    OrderSettled: changes(() => ({})),

    AuthorisationRequested: paid(),
    PaymentIntentOpened: paid(),
    PaymentActionRequired: paid('payment_action_required'),
    PaymentAuthorised: paid('payment_authorised', amountOf),
    AuthorisationDeclined: paid('payment_declined', ({ declineCode }) => ({ reason: toldDeclineCode(declineCode) })),
    AuthorisationUnknown: paid('payment_unknown'),
    AuthorisationLapsed: paid('payment_lapsed'),
    CaptureRequested: paid(),
    PaymentCaptured: paid('payment_captured', amountOf),
    CaptureFailed: paid('payment_failed'),
    VoidRequested: paid(),
    PaymentVoided: paid('payment_voided', (_, ledger) => (hasHeld(ledger) ? {} : undefined)),
    RefundRequested: paid(),
    PaymentRefunded: paid('refunded', amountOf),
    RefundFailed: paid('refund_failed'),
    DisputeOpened: paid('payment_disputed', amountOf),
    DisputeClosed: paid('dispute_closed'),

    ShipmentPlanned: shipped('plannedAt'),
    ShipmentTrackingChanged: shipped(),
    ShipmentDispatched: shipped('dispatchedAt'),
    ShipmentDeliveryFailed: shipped('failedAt', 'delivery_failed'),
    ShipmentLost: shipped('lostAt', 'shipment_lost'),
    ShipmentDelivered: shipped('deliveredAt', 'delivered'),

    ReturnRequested: sentBack('return_requested', ({ lines }) => ({ lines: unitsOf(lines) })),
    ReturnApproved: sentBack('return_approved'),
    ReturnDeclined: sentBack('return_declined', ({ reason }) => ({ reason })),
    ReturnReceived: sentBack('return_received', ({ lines }) => ({ lines: unitsOf(lines) })),
  }),
});

function orderOf({ data }: { data: { orderId: string } }): readonly string[] {
  return [data.orderId];
}

type Handlers = Projection<OrderDocument, OrdersEvent>['on'];
type AnyHandler = Handler<OrderDocument, OrdersEvent>;

/** The marks follow from all parts, so every event may change them. */
function marked(handlers: Handlers): Handlers {
  const marking = ({ keys, evolve }: AnyHandler): AnyHandler => ({
    keys,
    evolve(before, event, key, at) {
      const after = evolve(before, event, key, at);
      return after && isPlaced(after) ? { ...after, marks: marksOf(after) } : after;
    },
  });
  return Object.fromEntries(Object.entries(handlers).map(([type, handler]) => [type, marking(handler as AnyHandler)]));
}

function marksOf(document: OrderDocument & OrderPart): string[] {
  const { status, lines, emailKey, payment } = document;
  const marks = [
    markOf('status', status),
    markOf('paymentStatus', paymentStatusOf(payment?.ledger ?? null)),
    markOf('fulfilmentStatus', fulfilmentStatusOf(lines)),
    ...(emailKey === undefined ? [] : [markOf('emailKey', emailKey)]),
    ...statusMarks('shipment', shipmentsOf(document)),
    ...statusMarks('return', returnsOf(document)),
    ...statusMarks('refund', refundsOf(document)),
  ];
  return [...new Set(marks)].sort();
}

function statusMarks(kind: MarkKind, entries: readonly { view: { status: string } }[]): string[] {
  return entries.flatMap(({ view: { status } }) => [markOf(kind), markOf(kind, status)]);
}

type EventOf<T extends OrderEvent['type']> = Extract<OrderEvent, { type: T }>;

function becomes(status: OrderPart['status'] & OrderStep): Handler<OrderDocument, OrderEvent> {
  return happens(status, () => ({ status }));
}

/** The detail of a rejection is not told: it may name what is not the customer's to know. */
function endsFor(
  status: 'rejected' | 'cancelled',
): Handler<OrderDocument, EventOf<'OrderRejected' | 'OrderCancelled'>> {
  return happens(
    status,
    (_, { data: { reason } }) => ({ status, reason }),
    ({ reason }) => ({ reason }),
  );
}

/** A change of the order's part that is told to the customer. */
function happens<E extends OrderEvent>(
  what: OrderStep,
  change: (before: OrderDocument, event: E) => Partial<OrderPart>,
  detailsOf: (data: E['data']) => Details = () => ({}),
): Handler<OrderDocument, E> {
  return changes((before, event) => ({
    ...change(before, event),
    timeline: [...before.timeline!, { at: event.occurredAt, what, ...detailsOf(event.data) }],
  }));
}

/** Every event of order# makes another version of the order, even one that changes nothing that is shown. */
function changes<E extends OrderEvent>(
  change: (before: OrderDocument, event: RecordedEvent<E>) => Partial<OrderPart>,
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve: (before, event) => ({ ...before, ...change(before ?? {}, event), version: event.version }),
  };
}

function counted(counter: Counter) {
  return ({ lines }: OrderDocument, { data }: { data: { lines: readonly LineUnits[] } }): Partial<OrderPart> => {
    const units = new Map<string, number>();
    for (const { lineId, quantity } of data.lines) units.set(lineId, (units.get(lineId) ?? 0) + quantity);
    return { lines: lines!.map((line) => ({ ...line, [counter]: line[counter] + (units.get(line.id) ?? 0) })) };
  };
}

/** Units that have left or were given up are not held for it any more. */
function disposed(counter: 'fulfilled' | 'cancelled') {
  return (before: OrderDocument, event: EventOf<'OrderFulfilled' | 'OrderLinesCancelled'>): Partial<OrderPart> => {
    const { from, lines } = event.data;
    const skus = new Map(before.lines!.map(({ id, sku }) => [id, sku]));
    const units = lines.map(({ lineId, quantity }) => ({ sku: skus.get(lineId)!, quantity }));
    const parcels = without(before.parcels!, from ?? takenFrom(before.parcels!, units));
    return { ...counted(counter)(before, event), parcels };
  };
}

/** The ledger folds itself; `what` is told to the customer, unless there are no details at all. */
function paid<E extends PaymentEvent>(
  what?: OrderStep,
  detailsOf: (data: E['data'], ledger: Payment) => Details | undefined = () => ({}),
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve(before, event, _, at) {
      const ledger = paymentLedger.evolve(before?.payment?.ledger ?? null, event, at)!;
      const timeline = before?.payment?.timeline ?? [];
      const details = what && detailsOf(event.data, ledger);
      return {
        ...before,
        payment: {
          ledger,
          timeline: details ? [...timeline, { at: event.occurredAt, what, ...details }] : timeline,
        },
      };
    },
  };
}

/** The shipment folds itself. */
function shipped<E extends ShipmentEvent>(
  time?: Exclude<keyof ShipmentPart, 'state' | 'timeline'>,
  what?: OrderStep,
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve(before, event, _, at) {
      const { shipmentId } = event.data;
      const known = before?.shipments?.[shipmentId];
      const state = shipment.evolve(known?.state ?? null, event, at)!;
      const part: ShipmentPart = { ...known, state, ...(time && { [time]: event.occurredAt }) };
      if (what) part.timeline = [...(known?.timeline ?? []), { at: event.occurredAt, what, shipmentId }];
      return { ...before, shipments: { ...before?.shipments, [shipmentId]: part } };
    },
  };
}

/** The return folds itself. */
function sentBack<E extends ReturnEvent>(
  what: OrderStep,
  detailsOf: (data: E['data']) => Details = () => ({}),
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve(before, event, _, at) {
      const { data, occurredAt } = event;
      const { returnId } = data;
      const known = before?.returns?.[returnId];
      const timeline = [...(known?.timeline ?? []), { at: occurredAt, what, returnId, ...detailsOf(data) }];
      const part: ReturnPart = { state: returnDecider.evolve(known?.state ?? null, event, at)!, timeline };
      return { ...before, returns: { ...before?.returns, [returnId]: part } };
    },
  };
}

function amountOf({ amount }: { amount: number }): Details {
  return { amount };
}

function unitsOf(lines: readonly LineUnits[]): LineUnits[] {
  return lines.map(({ lineId, quantity }) => ({ lineId, quantity }));
}

/** What lets the customer's browser do what their bank wants, as long as it does. */
function secretOf(ledger: Payment | undefined): Personal<string> | undefined {
  return ledger?.status === 'action_required' ? ledger.authorisation?.clientSecret : undefined;
}

function isPlaced<P extends Partial<OrderPart>>(part: P): part is P & OrderPart {
  return part.id !== undefined;
}

/** Imports give everything that happens to an order one time; then the usual course decides. */
function byTime(a: Happened, b: Happened): number {
  return byText(a.at, b.at) || ORDER_STEPS.indexOf(a.what) - ORDER_STEPS.indexOf(b.what);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
