// Orders as customers and support see them. Fed by order#, payment#, shipment# and return#; each writes its own part.
import type { ReturnEvent, ShipmentEvent } from '../../domain/fulfilment/events.js';
import { type Return, returns as returnDecider } from '../../domain/fulfilment/return.js';
import { type Shipment, shipment } from '../../domain/fulfilment/shipment.js';
import { unlessEmpty } from '../../domain/kernel/collections.js';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import { defined } from '../../domain/kernel/json.js';
import { sum } from '../../domain/kernel/money.js';
import type { Personal, SealedIn } from '../../domain/kernel/personal.js';
import type { Hold, LineUnits, OrderEvent } from '../../domain/order/events.js';
import { fulfilmentStatusOf, type Order, order as orderDecider } from '../../domain/order/order.js';
import { taxesOf } from '../../domain/order/taxes.js';
import { chargeOf } from '../../domain/order/worth.js';
import type { PaymentEvent } from '../../domain/payment/events.js';
import {
  capturedOf,
  hasHeld,
  type Payment,
  paymentStatusOf,
  publicDeclineCode,
  refundedOf,
} from '../../domain/payment/ledger.js';
import { payment as paymentLedger } from '../../domain/payment/payment.js';
import { type Handler, type Projection, projection } from '../runtime/projection.js';
import { ORDER_STEPS, type OrderStep, type OrderView } from './order-view.js';
import type { Page, PageRequest } from './page.js';
import { refundView, type SealedRefundView } from './refund-view.js';
import { returnView, type SealedReturnView } from './return-view.js';
import { type SealedShipmentView, shipmentView } from './shipment-view.js';
import { taxesView } from './taxes-view.js';

interface Happened extends Details {
  at: string;
  what: OrderStep;
}

/** Details of a timeline step. Amounts are in minor units of the order's currency. */
interface Details {
  amount?: number;
  lines?: LineUnits[];
  shipmentId?: string;
  returnId?: string;
  reason?: Personal<string>;
}

/** The part of order#: search keys and the folded order. Personal values stay sealed. */
interface OrderPart {
  id: string;
  number: string;
  customerId: string;
  placedAt: string;
  version: number;
  state: Order;
  /** The reason for the rejection or cancellation, as the customer may see it. */
  reason?: Personal<string>;
  timeline: readonly Happened[];
}

/** Times come from the events. The state's own times are those of the log. */
interface ShipmentPart {
  state: Shipment;
  plannedAt?: string;
  dispatchedAt?: string;
  failedAt?: string;
  lostAt?: string;
  deliveredAt?: string;
  /** Steps of its transport. */
  timeline?: readonly Happened[];
}

interface ReturnPart {
  state: Return;
  timeline: readonly Happened[];
}

/** The order's part is missing if events of another stream arrived first. */
export type OrderDocument = Partial<OrderPart> & {
  /** The part of payment#. */
  payment?: { ledger: Payment; timeline: readonly Happened[] };
  /** The parts of shipment# and return#, by id. */
  shipments?: Readonly<Record<string, ShipmentPart>>;
  returns?: Readonly<Record<string, ReturnPart>>;
  /** Search keys for support, see `markOf`. */
  marks?: readonly string[];
};

type SealedFields = 'shippingAddress' | 'email' | 'reason';
type SealedParts = 'nextAction' | 'heldReason' | 'holds' | 'timeline' | 'shipments' | 'returns';

/** An order as callers see it, with personal values still sealed. */
export interface SealedOrderView extends SealedIn<Omit<OrderView, SealedParts>, SealedFields> {
  nextAction?: { type: 'authenticate'; clientSecret: Personal<string> };
  holds?: readonly Hold[];
  timeline: readonly SealedIn<OrderView['timeline'][number], 'reason'>[];
  shipments: readonly SealedIn<OrderView['shipments'][number], 'reason'>[];
  returns: readonly Omit<SealedReturnView, 'orderId' | 'location'>[];
}

/** Undefined if the order itself is not known yet. */
export function orderView({
  payment,
  shipments = {},
  returns = {},
  ...part
}: OrderDocument): SealedOrderView | undefined {
  if (!isPlaced(part)) return undefined;
  const { id, number, customerId, placedAt, version, reason, state, timeline } = part;
  const { status, paymentId, placedBy, currency, holds, missing, lines, coupons, shipping, parcels, labels } = state;
  const { taxIncluded, taxRates = [], includedTax, shippingAddress, email } = state;
  const money = (amount: number) => ({ amount, currency });
  const rateOf = (taxRate: number | undefined) => (taxRate === undefined ? undefined : taxRates[taxRate]?.basisPoints);
  const clientSecret = secretOf(payment?.ledger);
  const sent = inOrder(shipments, shipmentKey);
  const onReturn = inOrder(returns, returnKey);
  const taxes = taxesOf(
    [
      ...lines.map((line) => ({ ...chargeOf(line.total, line, taxIncluded), taxRate: line.taxRate })),
      { ...chargeOf(shipping.amount, shipping, taxIncluded), taxRate: shipping.taxRate },
    ],
    taxRates,
  );
  const pricedView = ({ discounts, tax, taxRate }: Priced) => ({
    discount: discounts && money(sum(discounts)),
    tax: tax === undefined ? undefined : money(tax),
    taxRate: rateOf(taxRate),
  });
  const onShipment = pricedView(shipping);
  return known<SealedOrderView>({
    id,
    number,
    version,
    status,
    reason,
    held: holds.length > 0 || undefined,
    holds: unlessEmpty([...holds]),
    missing: unlessEmpty([...missing]),
    paymentStatus: paymentStatusOf(payment?.ledger ?? null),
    nextAction: clientSecret ? { type: 'authenticate', clientSecret } : undefined,
    fulfilmentStatus: fulfilmentStatusOf(lines),
    paymentId,
    customerId,
    placedBy,
    placedAt,
    currency,
    lines: lines.map(({ sku, title, quantity, fulfilled, cancelled, returned, ...line }) =>
      known({
        id: line.id,
        sku,
        title,
        quantity,
        fulfilled,
        cancelled,
        returned,
        unitPrice: money(line.unitPrice),
        total: money(line.total),
        ...pricedView(line),
      }),
    ),
    subtotal: money(state.subtotal),
    discount: money(state.discount),
    coupons: unlessEmpty(coupons)?.map(({ code, amount }) => ({ code, amount: money(amount) })),
    shipping: money(shipping.amount),
    shippingDiscount: onShipment.discount,
    shippingTax: onShipment.tax,
    shippingTaxRate: onShipment.taxRate,
    tax: money(state.tax),
    includedTax: includedTax === undefined ? undefined : money(includedTax),
    taxes: taxes.length > 0 ? taxesView(taxes, currency) : undefined,
    taxed: state.taxed,
    total: money(state.total),
    captured: money(payment ? capturedOf(payment.ledger) : 0),
    refunded: money(payment ? refundedOf(payment.ledger) : 0),
    allocation: status === 'confirmed' ? [...parcels] : undefined,
    shippingMethod: shipping.method,
    shippingTitle: shipping.title,
    carrier: shipping.carrier,
    shippingAddress,
    email,
    labels,
    shipments: sent.map(({ state, plannedAt, timeline, ...times }) => {
      const { orderId, ...view } = shipmentView(state, part.state);
      return { ...view, ...times };
    }),
    returns: onReturn.map(({ state }) => {
      const { orderId, location, ...view } = returnView(state, { ledger: payment?.ledger, currency });
      return view;
    }),
    timeline: [
      ...timeline,
      ...(payment?.timeline ?? []),
      ...sent.flatMap(({ timeline = [] }) => timeline),
      ...onReturn.flatMap((one) => one.timeline),
    ]
      .sort(byTime)
      .map(({ amount, ...step }) => {
        const tracking = step.shipmentId === undefined ? undefined : shipments[step.shipmentId]?.state.tracking;
        return { ...step, ...defined({ amount: amount !== undefined ? money(amount) : undefined, tracking }) };
      }),
  });
}

type Priced = Pick<Order['shipping'], 'discounts' | 'tax' | 'taxRate'>;

/** Removes undefined fields. */
function known<T extends object>(view: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(view).filter(([, value]) => value !== undefined)) as T;
}

/** A shipment, return or refund of an order. An order lists them sorted by these keys. */
export interface Entry<V> {
  key: string;
  view: V;
}

/** Empty if the order itself is not known yet. */
export function shipmentsOf(document: OrderDocument): Entry<SealedShipmentView>[] {
  if (!isPlaced(document)) return [];
  return inOrder(document.shipments, shipmentKey).map((part) => ({
    key: shipmentKey(part),
    view: shipmentView(part.state, document.state),
  }));
}

export function returnsOf(document: OrderDocument): Entry<SealedReturnView>[] {
  if (!isPlaced(document)) return [];
  const { payment, state } = document;
  const { currency } = state;
  return inOrder(document.returns, returnKey).map((part) => ({
    key: returnKey(part),
    view: returnView(part.state, { ledger: payment?.ledger, currency }),
  }));
}

/** A refund that was made in parts has one entry for each part. */
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

/** Adds the payment and the order, which a refund does not name. */
export type RefundEntry = SealedRefundView & { paymentId: string; orderId: string };

function shipmentKey({ plannedAt, state: { shipmentId } }: ShipmentPart): string {
  return `${plannedAt}${shipmentId}`;
}

function returnKey({ timeline, state: { returnId } }: ReturnPart): string {
  return `${timeline[0]!.at}${returnId}`;
}

function inOrder<P>(parts: Readonly<Record<string, P>> | undefined, keyOf: (part: P) => string): P[] {
  return Object.values(parts ?? {}).sort((a, b) => byText(keyOf(a), keyOf(b)));
}

export interface OrderQueries {
  byId(orderId: string): Promise<SealedOrderView | undefined>;
  /** Sorted by the time of the order, newest first. */
  list(request: OrderListRequest): Promise<Page<SealedOrderView>>;
}

export interface OrderListRequest extends PageRequest {
  customerId?: string | undefined;
  number?: string | undefined;
  status?: OrderView['status'] | undefined;
  paymentStatus?: OrderView['paymentStatus'] | undefined;
  fulfilmentStatus?: OrderView['fulfilmentStatus'] | undefined;
  /** Key of the e-mail address that the order was placed with. */
  emailKey?: string | undefined;
}

/** A search key of an order or of its shipments, returns and refunds. Without a value it means that the order has one. */
export function markOf(kind: MarkKind, value?: string): string {
  return value === undefined ? kind : `${kind}:${value}`;
}

type MarkKind = 'status' | 'paymentStatus' | 'fulfilmentStatus' | 'emailKey' | 'shipment' | 'return' | 'refund';

type OrdersEvent = OrderEvent | PaymentEvent | ShipmentEvent | ReturnEvent;

export const orders = projection<OrderDocument, OrdersEvent>({
  name: 'orders',
  version: 8,
  // A return of version 7 has the reasons in its lines, where the view still finds them.
  continues: { 8: 7 },
  categories: ['order', 'payment', 'shipment', 'return'],
  fields: { id: 'keyword', number: 'keyword', customerId: 'keyword', placedAt: 'time', marks: 'keywords' },
  indexes: [
    ['placedAt', 'id'],
    ['customerId', 'placedAt', 'id'],
    ['number', 'placedAt', 'id'],
  ],
  on: marked({
    OrderPlaced: onOrder<EventOf<'OrderPlaced'>>(
      'placed',
      () => ({}),
      (event) => ({
        id: event.data.orderId,
        number: event.data.number,
        customerId: event.data.customerId,
        placedAt: event.occurredAt,
      }),
    ),
    CheckoutReallocated: onOrder(),
    CheckoutActionRequired: onOrder(),
    CheckoutPaymentUnknown: onOrder(),
    CheckoutUndone: onOrder(),
    OrderConfirmed: onOrder('confirmed'),
    OrderRejected: endsFor('rejected'),
    OrderExpired: onOrder('expired'),
    OrderWithdrawn: endsFor('cancelled'),
    OrderCancelled: endsFor('cancelled'),
    OrderCompleted: onOrder('completed'),
    OrderAddressChanged: onOrder('address_changed'),
    OrderHeld: onOrder('held'),
    OrderResumed: onOrder('resumed'),
    OrderUnitsMissing: onOrder(),
    ReallocationRequested: onOrder(),
    OrderReallocated: onOrder(),
    ReallocationAbandoned: onOrder(),
    ReturnOpened: onOrder(),
    ReturnClosed: onOrder(),
    // Goods that were shipped before the order was recorded have no shipment.
    OrderFulfilled: onOrder<EventOf<'OrderFulfilled'>>('shipped', ({ fulfilmentId, lines, from }) => ({
      lines: unitsOf(lines),
      ...defined({ shipmentId: from && fulfilmentId }),
    })),
    OrderLinesCancelled: onOrder<EventOf<'OrderLinesCancelled'>>('lines_cancelled', ({ lines, reason }) => ({
      lines: unitsOf(lines),
      reason,
    })),
    OrderReturned: onOrder(),
    CollectionRequested: onOrder(),
    OrderSettled: onOrder(),

    AuthorisationRequested: onPayment(),
    PaymentIntentOpened: onPayment(),
    PaymentActionRequired: onPayment('payment_action_required'),
    PaymentAuthorised: onPayment('payment_authorised', amountOf),
    AuthorisationDeclined: onPayment('payment_declined', ({ declineCode }) => ({
      reason: publicDeclineCode(declineCode),
    })),
    AuthorisationUnknown: onPayment('payment_unknown'),
    AuthorisationLapsed: onPayment('payment_lapsed'),
    CaptureRequested: onPayment(),
    PaymentCaptured: onPayment('payment_captured', amountOf),
    CaptureFailed: onPayment('payment_failed'),
    VoidRequested: onPayment(),
    PaymentVoided: onPayment('payment_voided', (_, ledger) => (hasHeld(ledger) ? {} : undefined)),
    RefundRequested: onPayment(),
    PaymentRefunded: onPayment('refunded', amountOf),
    RefundFailed: onPayment('refund_failed'),
    DisputeOpened: onPayment('payment_disputed', amountOf),
    DisputeClosed: onPayment('dispute_closed'),

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

/** The marks depend on all parts, so every event may change them. */
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
  const { state, payment } = document;
  const { status, lines, emailKey } = state;
  const marks = [
    markOf('status', status),
    markOf('paymentStatus', paymentStatusOf(payment?.ledger ?? null)),
    markOf('fulfilmentStatus', fulfilmentStatusOf(lines)),
    ...statusMarks('shipment', shipmentsOf(document)),
    ...statusMarks('return', returnsOf(document)),
    ...statusMarks('refund', refundsOf(document)),
  ];
  if (emailKey !== undefined) marks.push(markOf('emailKey', emailKey));
  return [...new Set(marks)].sort();
}

function statusMarks(kind: MarkKind, entries: readonly { view: { status: string } }[]): string[] {
  return entries.flatMap(({ view: { status } }) => [markOf(kind), markOf(kind, status)]);
}

type EventOf<T extends OrderEvent['type']> = Extract<OrderEvent, { type: T }>;

/** Omits the detail of a rejection: it may contain information that the customer must not see. */
function endsFor(
  what: 'rejected' | 'cancelled',
): Handler<OrderDocument, EventOf<'OrderRejected' | 'OrderWithdrawn' | 'OrderCancelled'>> {
  const reasonOf = ({ reason }: { reason: Personal<string> }) => ({ reason });
  return onOrder(what, reasonOf, ({ data }) => reasonOf(data));
}

/** Folds the order and adds `what` to the timeline. Every event changes the order's version, even if nothing else shows. */
function onOrder<E extends OrderEvent>(
  what?: OrderStep,
  detailsOf: (data: E['data']) => Details = () => ({}),
  foundBy: (event: RecordedEvent<E>) => Partial<OrderPart> = () => ({}),
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve(before, event, _, at) {
      const timeline = before?.timeline ?? [];
      return {
        ...before,
        ...foundBy(event),
        version: event.version,
        state: orderDecider.evolve(before?.state ?? null, event, at),
        timeline: what ? [...timeline, { at: event.occurredAt, what, ...detailsOf(event.data) }] : timeline,
      };
    },
  };
}

/** Folds the ledger and adds `what` to the timeline, unless `detailsOf` returns undefined. */
function onPayment<E extends PaymentEvent>(
  what?: OrderStep,
  detailsOf: (data: E['data'], ledger: Payment) => Details | undefined = () => ({}),
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve(before, event, _, at) {
      const ledger = paymentLedger.evolve(before?.payment?.ledger ?? null, event, at);
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

/** Folds the shipment. */
function shipped<E extends ShipmentEvent>(
  time?: Exclude<keyof ShipmentPart, 'state' | 'timeline'>,
  what?: OrderStep,
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve(before, event, _, at) {
      const { shipmentId } = event.data;
      const known = before?.shipments?.[shipmentId];
      const state = shipment.evolve(known?.state ?? null, event, at);
      const part: ShipmentPart = { ...known, state };
      if (time) part[time] = event.occurredAt;
      if (what) part.timeline = [...(known?.timeline ?? []), { at: event.occurredAt, what, shipmentId }];
      return { ...before, shipments: { ...before?.shipments, [shipmentId]: part } };
    },
  };
}

/** Folds the return. */
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
      const part: ReturnPart = { state: returnDecider.evolve(known?.state ?? null, event, at), timeline };
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

/** The secret with which the customer's browser does what the bank requires, while that is pending. */
function secretOf(ledger: Payment | undefined): Personal<string> | undefined {
  return ledger?.status === 'action_required' ? ledger.authorisation?.clientSecret : undefined;
}

function isPlaced<P extends Partial<OrderPart>>(part: P): part is P & OrderPart {
  return part.id !== undefined;
}

/** Imports give all events of an order the same time. The usual order of steps then decides. */
function byTime(a: Happened, b: Happened): number {
  return byText(a.at, b.at) || ORDER_STEPS.indexOf(a.what) - ORDER_STEPS.indexOf(b.what);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
