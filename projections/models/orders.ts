// Orders as customers and support see them: fed by order#, payment#, shipment# and return#, each its own part.
import type { ReturnEvent, ShipmentEvent } from '../../domain/fulfilment/events.js';
import type { RequestedUnits, Return } from '../../domain/fulfilment/return.js';
import { shipmentStatusOf } from '../../domain/fulfilment/shipment.js';
import type { Address } from '../../domain/kernel/address.js';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import type { Personal } from '../../domain/kernel/personal.js';
import type { LineUnits, OrderEvent, OrderLine, ReturnedUnits, Shipping } from '../../domain/order/events.js';
import { fulfilmentStatusOf } from '../../domain/order/order.js';
import { ORDER_STEPS, type OrderStep, type OrderView } from '../../domain/order/order-view.js';
import { atDefaultLocation, type Parcel, takenFrom, without } from '../../domain/order/parcels.js';
import type { PaymentEvent } from '../../domain/payment/events.js';
import {
  capturedOf,
  givenFor,
  hasHeld,
  type Payment,
  paymentStatusOf,
  refundedOf,
  toldDeclineCode,
} from '../../domain/payment/ledger.js';
import { payment as paymentLedger } from '../../domain/payment/payment.js';
import { type Handler, projection } from '../runtime/projection.js';
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
  heldReason?: string | undefined;
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

interface ShipmentPart {
  id: string;
  status: 'planned' | 'dispatched' | 'delivered';
  location: string;
  lines: readonly LineUnits[];
  tracking?: string | undefined;
  carrier?: string | undefined;
  plannedAt: string;
  dispatchedAt?: string;
  deliveredAt?: string;
}

interface ReturnPart {
  id: string;
  status: Return['status'];
  lines: readonly RequestedUnits[];
  declineReason?: string;
  received?: readonly ReturnedUnits[];
  timeline: readonly Happened[];
}

/** Without the order's part if another stream was heard of first. */
export type OrderDocument = Partial<OrderPart> & {
  /** The part of payment#. */
  payment?: { ledger: Payment; timeline: readonly Happened[] };
  /** The parts of shipment# and return#, by id. */
  shipments?: Readonly<Record<string, ShipmentPart>>;
  returns?: Readonly<Record<string, ReturnPart>>;
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
  const { emailKey: _, heldReason, lines, coupons, shipping, includedTax, parcels, timeline, ...rest } = part;
  const { operationIds = [], ...shown } = rest;
  const money = (amount: number) => ({ amount, currency: part.currency });
  const clientSecret = secretOf(payment?.ledger);
  const sent = Object.values(shipments).sort((a, b) => byText(a.plannedAt + a.id, b.plannedAt + b.id));
  const sentBack = Object.values(returns).sort((a, b) => byText(a.timeline[0]!.at + a.id, b.timeline[0]!.at + b.id));
  return {
    ...shown,
    ...(heldReason !== undefined && { held: true, heldReason }),
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
    shipments: sent.map(({ plannedAt, lines, ...shipment }) => ({
      ...shipment,
      status: shipmentStatusOf(
        { ...shipment, shipmentId: shipment.id, lines },
        { lines: part.lines, parcels: part.parcels, operationIds },
      ),
      lines: [...lines],
    })),
    returns: sentBack.map(({ timeline, lines, received, ...one }) => {
      const given = payment && givenFor(payment.ledger, one.id);
      return {
        ...one,
        lines: [...lines],
        ...(received && { received: [...received] }),
        ...(received && given !== undefined && { refund: money(given) }),
      };
    }),
    timeline: [
      ...timeline,
      ...(payment?.timeline ?? []),
      ...sent.flatMap(({ id, deliveredAt }): Happened[] =>
        deliveredAt ? [{ at: deliveredAt, what: 'delivered', shipmentId: id }] : [],
      ),
      ...sentBack.flatMap((one) => one.timeline),
    ]
      .sort(byTime)
      .map(({ amount, ...step }) => {
        const tracking = step.shipmentId !== undefined && shipments[step.shipmentId]?.tracking;
        return { ...step, ...(amount !== undefined && { amount: money(amount) }), ...(tracking && { tracking }) };
      }),
  };
}

export interface OrderQueries {
  byId(orderId: string): Promise<SealedOrderView | undefined>;
  /** The newest first, by when they were placed. */
  list(
    request: { customerId?: string | undefined; number?: string | undefined } & PageRequest,
  ): Promise<Page<SealedOrderView>>;
}

export const orders = projection<OrderDocument, OrderEvent | PaymentEvent | ShipmentEvent | ReturnEvent>({
  name: 'orders',
  version: 4,
  categories: ['order', 'payment', 'shipment', 'return'],
  fields: { id: 'keyword', number: 'keyword', customerId: 'keyword', placedAt: 'time' },
  indexes: [
    ['placedAt', 'id'],
    ['customerId', 'placedAt', 'id'],
    ['number', 'placedAt', 'id'],
  ],
  on: {
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
    OrderHeld: happens<EventOf<'OrderHeld'>>('held', (_, { data: { reason } }) => ({ heldReason: reason })),
    OrderResumed: happens('resumed', () => ({ heldReason: undefined })),
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

    ShipmentPlanned: shipped(
      ({ data: { shipmentId: id, location, lines, tracking, carrier }, occurredAt: plannedAt }) => {
        return { id, status: 'planned', location, lines, tracking, carrier, plannedAt };
      },
    ),
    ShipmentTrackingChanged: shipped(({ data: { tracking, carrier } }) => ({ tracking, carrier })),
    ShipmentDispatched: shipped(({ occurredAt: dispatchedAt }) => ({ status: 'dispatched', dispatchedAt })),
    ShipmentDelivered: shipped(({ occurredAt: deliveredAt }) => ({ status: 'delivered', deliveredAt })),

    ReturnRequested: sentBack(
      'return_requested',
      ({ returnId: id, lines }) => ({ id, status: 'requested', lines }),
      ({ lines }) => ({ lines: unitsOf(lines) }),
    ),
    ReturnApproved: sentBack('return_approved', () => ({ status: 'approved' })),
    ReturnDeclined: sentBack(
      'return_declined',
      ({ reason }) => ({ status: 'declined', declineReason: reason }),
      ({ reason }) => ({ reason }),
    ),
    ReturnReceived: sentBack(
      'return_received',
      ({ lines: received }) => ({ status: 'received', received }),
      ({ lines }) => ({ lines: unitsOf(lines) }),
    ),
  },
});

function orderOf({ data }: { data: { orderId: string } }): readonly string[] {
  return [data.orderId];
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

function shipped<E extends ShipmentEvent>(
  change: (event: E & { occurredAt: string }) => Partial<ShipmentPart>,
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve(before, event) {
      const { shipmentId } = event.data;
      const part = { ...before?.shipments?.[shipmentId], ...change(event) } as ShipmentPart;
      return { ...before, shipments: { ...before?.shipments, [shipmentId]: part } };
    },
  };
}

function sentBack<E extends ReturnEvent>(
  what: OrderStep,
  change: (data: E['data']) => Partial<ReturnPart>,
  detailsOf: (data: E['data']) => Details = () => ({}),
): Handler<OrderDocument, E> {
  return {
    keys: orderOf,
    evolve(before, { data, occurredAt }) {
      const { returnId } = data;
      const known = before?.returns?.[returnId];
      const timeline = [...(known?.timeline ?? []), { at: occurredAt, what, returnId, ...detailsOf(data) }];
      const part = { ...known, ...change(data), timeline } as ReturnPart;
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

function isPlaced(part: Partial<OrderPart>): part is OrderPart {
  return part.id !== undefined;
}

/** Imports give everything that happens to an order one time; then the usual course decides. */
function byTime(a: Happened, b: Happened): number {
  return byText(a.at, b.at) || ORDER_STEPS.indexOf(a.what) - ORDER_STEPS.indexOf(b.what);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
