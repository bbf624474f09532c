// An order: placed → confirmed → completed, or rejected, expired or cancelled. It decides about every unit: per line fulfilled +
// cancelled ≤ ordered and returned ≤ fulfilled. The charge for the units of an operation is decided once and recorded in its
// event. The state only adds and subtracts it, so that the amounts add up to the total. An operation is unsettled until stock and
// payment have followed.
import type { z } from 'zod';
import type { Address } from '../kernel/address.js';
import { lastOf, valueAt } from '../kernel/collections.js';
import { type Decider, existing } from '../kernel/decider.js';
import { keyOf, siblingId } from '../kernel/id.js';
import { defined, sameJson } from '../kernel/json.js';
import { sum } from '../kernel/money.js';
import type { Personal } from '../kernel/personal.js';
import { isRejection, type Rejection, reject } from '../kernel/rejection.js';
import type { MethodKind } from '../payment/method-kinds.js';
import { CHECKOUT_STARTED, type CheckoutState, checkoutAfter } from './checkout-state.js';
import {
  type AnnouncedUnits,
  type AppliedCoupon,
  type Hold,
  type LineUnits,
  type OrderEvent,
  type OrderLine,
  type orderContents,
  orderEvents,
  type ReturnedUnits,
  type TaxAmount,
} from './events.js';
import { refusalOfContents } from './order-lines.js';
import {
  atDefaultLocation,
  locationsOf,
  type Parcel,
  stockNeeds,
  takenFrom,
  unitsAt,
  without,
  withParcels,
} from './parcels.js';
import { taxesOf } from './taxes.js';
import {
  type Charge,
  chargeOf,
  chargeOfUnits,
  type Division,
  minus,
  NO_CHARGE,
  plus,
  type RecordedCharge,
  recordedCharge,
  roundedDown,
  totalsOf,
} from './worth.js';

/** The hold of an order whose units are missing. */
const STOCK_SHORTFALL = 'stock_shortfall';

/** Longest id that is used as the order number unchanged. */
const MAX_NUMBER_LENGTH = 10;

export type OrderContents = z.output<z.ZodObject<typeof orderContents>>;

export type OrderCommand =
  | { type: 'PlaceOrder'; contents: OrderContents }
  /** The checkout takes the stock from elsewhere. `round` is 2 for the second attempt. */
  | { type: 'TakeFromElsewhere'; round: number; allocation: readonly Parcel[] }
  /** The checkout waits for the customer, who has to act, or for the provider, which has not answered. */
  | { type: 'AwaitCustomer'; kind?: MethodKind }
  | { type: 'AwaitProvider' }
  /** An order dispatched at once is fulfilled as well: its goods have left and its money was received. */
  | { type: 'ConfirmOrder' }
  /** Does nothing if the order was never placed. */
  | ({ type: 'RejectOrder' } & Omit<RejectedData, 'orderId'>)
  /** The order was not paid in time. */
  | { type: 'ExpireOrder'; detail: string }
  /** Only before the order is confirmed. Its checkout undoes the completed steps. */
  | { type: 'CancelOrder'; reason: Personal<string> }
  /** All completed steps of the checkout have been undone. */
  | { type: 'EndCheckout' }
  /** This number of units at a location is missing. The order is held until they are back or are taken from elsewhere. */
  | { type: 'RecordMissing'; sku: string; location: string; quantity: number }
  /** The result of a reallocation: whether the units could be reserved at the other locations. */
  | { type: 'RecordReallocation'; reallocationId: string; reserved: boolean }
  | ({ type: 'HoldOrder' } & Hold)
  | { type: 'ResumeOrder' }
  /** A return was declined. */
  | { type: 'CloseReturn'; returnId: string }
  /** Allowed until something was sent. */
  | { type: 'ChangeShippingAddress'; shippingAddress: Personal<Address> }
  | OperationCommand
  | { type: 'SettleOperation'; operationId: string };

/** Each id acts once. Without lines the command applies to all open units. */
type OperationCommand =
  /** `location`: where the units leave. Required if they are at several locations. */
  | { type: 'FulfilOrder'; fulfilmentId: string; lines?: readonly LineUnits[]; location?: string }
  | { type: 'CancelLines'; cancellationId: string; lines?: readonly LineUnits[] | undefined; reason: Personal<string> }
  /** `location`: where the goods arrive. Required if they were sent from several locations. */
  | { type: 'ReceiveReturn'; returnId: string; lines: readonly ReturnedUnits[]; location?: string; occurredAt?: string }
  /** Requests the return of sent units. */
  | ({ type: 'OpenReturn'; returnId: string } & AnnouncedUnits)
  /** Moves units of the order to other locations before they are sent. */
  | { type: 'Reallocate'; reallocationId: string; from: Parcel; to: readonly Parcel[] }
  /** Captures the amount that is still unpaid for sent goods. */
  | { type: 'RequestCollection'; collectionId: string };

export const ORDER_STATUSES = ['placed', 'confirmed', 'completed', 'rejected', 'expired', 'cancelled'] as const;

type Placed = Extract<OrderEvent, { type: 'OrderPlaced' }>['data'];
type RejectedData = Extract<OrderEvent, { type: 'OrderRejected' }>['data'];

/** An order with everything that was recorded when it was placed. */
export interface Order extends Omit<Placed, 'lines' | 'coupons'> {
  /** In ms of the log's clock. */
  placedAt: number;
  status: (typeof ORDER_STATUSES)[number];
  checkout: CheckoutState;
  /** Why nothing is sent, until the order is resumed. */
  holds: readonly Hold[];
  /** Units that are held for the order but missing. */
  missing: readonly Parcel[];
  lines: readonly LineState[];
  /** The shipping charge. It is open until the first fulfilment charges it, and then kept until it is refunded. */
  shippingOpen: Charge;
  shippingKept: Charge;
  coupons: readonly AppliedCoupon[];
  reservationId: string;
  /** Units still held for the order, by location, and units that were sent, by the location they left. */
  parcels: readonly Parcel[];
  sent: readonly Parcel[];
  /** Returns that were requested and have neither arrived nor been declined. */
  openReturns: readonly { returnId: string; lines: readonly LineUnits[] }[];
  /** Ids of all fulfilments, cancellations, returns and collections. */
  operationIds: readonly string[];
  /** Operations that stock and payment have not followed yet, in the order in which they were recorded. */
  unsettled: readonly Operation[];
}

interface LineState extends OrderLine {
  fulfilled: number;
  cancelled: number;
  returned: number;
  /** The charge for the open units, and for the units that were sent and not returned. */
  open: Charge;
  kept: Charge;
}

/** `at`: in ms of the log's clock. `open`: the charge that was still open afterwards. `taxes`: the taxes in the amount. */
export type Operation = { operationId: string; at: number; amount: number } & (
  | { kind: 'fulfilment'; from: readonly Parcel[]; open: number }
  /** `whole`: nothing of the order is left, and nothing was sent. */
  | {
      kind: 'cancellation';
      from: readonly Parcel[];
      open: number;
      whole: boolean;
      taxes?: readonly TaxAmount[] | undefined;
    }
  | {
      kind: 'return';
      taxes?: readonly TaxAmount[] | undefined;
      lines: readonly ReturnedUnits[];
      location: string;
      back: readonly (Parcel & { writtenOff: boolean })[];
      /** When it really happened, if in the past. */
      occurredAt?: string | undefined;
    }
  /** Moves no units, so its amount is 0. */
  | { kind: 'collection' }
  /** The return has to be notified. */
  | ({ kind: 'return_request'; returnId: string } & AnnouncedUnits)
  /** The units stay with the order. */
  | { kind: 'reallocation'; from: Parcel; to: readonly Parcel[]; phase: 'requested' | 'moved' | 'abandoned' }
);

export const order = createOrder(roundedDown);

/** `divide`: how an operation shares out the charge of a line. Charges that are already recorded do not depend on it. */
export function createOrder(divide: Division): Decider<OrderCommand, Order | null, OrderEvent> {
  return {
    category: 'order',
    events: orderEvents,
    initialState: null,
    decide: (command, state) => decide(command, state, divide),
    evolve,
  };
}

function decide(command: OrderCommand, state: Order | null, divide: Division): readonly OrderEvent[] | Rejection {
  if (command.type === 'PlaceOrder') return state ? [] : place(command.contents);
  if (!state) return reject('not_found', 'There is no such order.');
  const { orderId, status, holds, checkout } = state;
  const refuse = (what: string) => reject('conflict', `${orderId} is ${status}; it cannot be ${what}.`);

  switch (command.type) {
    case 'TakeFromElsewhere': {
      const { round, allocation } = command;
      const isNext = checkout.phase === 'started' && round === checkout.furtherRounds.length + 2;
      return isNext ? [{ type: 'CheckoutReallocated', data: { orderId, round, allocation: [...allocation] } }] : [];
    }
    case 'AwaitCustomer': {
      const { type, ...kind } = command;
      const isNews = checkout.phase === 'started' || checkout.phase === 'unknown';
      return isNews ? [{ type: 'CheckoutActionRequired', data: { orderId, ...kind } }] : [];
    }
    case 'AwaitProvider': {
      const isNews = checkout.phase === 'started' || checkout.phase === 'waiting';
      return isNews ? [{ type: 'CheckoutPaymentUnknown', data: { orderId } }] : [];
    }
    case 'ConfirmOrder': {
      if (status === 'confirmed' || status === 'completed') return [];
      if (status !== 'placed') return refuse('confirmed');
      const confirmed: OrderEvent = { type: 'OrderConfirmed', data: { orderId } };
      if (state.dispatch !== 'at_once') return [confirmed];
      return [confirmed, ...fulfilled(state, dispatchAtOnceId(orderId), allOpen(state), divide)];
    }
    case 'RejectOrder': {
      const { type, ...why } = command;
      if (status === 'rejected' || status === 'expired' || status === 'cancelled') return [];
      if (status !== 'placed') return refuse('rejected');
      return [{ type: 'OrderRejected', data: { orderId, ...why } }];
    }
    case 'ExpireOrder':
      if (status === 'rejected' || status === 'expired' || status === 'cancelled') return [];
      if (status !== 'placed') return refuse('expired');
      return [{ type: 'OrderExpired', data: { orderId, detail: command.detail } }];
    case 'CancelOrder':
      if (status === 'cancelled') return [];
      if (status !== 'placed') return refuse('cancelled as a whole; cancel its open units instead');
      return [{ type: 'OrderWithdrawn', data: { orderId, reason: command.reason } }];
    case 'EndCheckout':
      return checkout.phase === 'failing' ? [{ type: 'CheckoutUndone', data: { orderId } }] : [];
    case 'HoldOrder': {
      const { type, ...hold } = command;
      if (status !== 'confirmed') return refuse('held');
      return holds.some((one) => sameJson(one, hold)) ? [] : [{ type: 'OrderHeld', data: { orderId, ...hold } }];
    }
    case 'ResumeOrder':
      return holds.length > 0 ? [{ type: 'OrderResumed', data: { orderId } }] : [];
    case 'RecordMissing':
      return recordMissing(command, state);
    case 'Reallocate':
      if (acted(state, command.reallocationId)) return [];
      return status === 'confirmed' ? reallocate(command, state) : refuse('sent from elsewhere');
    case 'RecordReallocation':
      return recordReallocation(command, state);
    case 'ChangeShippingAddress': {
      const { shippingAddress } = command;
      if (status !== 'placed' && status !== 'confirmed') return refuse('sent elsewhere');
      if (isFulfilled(state)) return reject('conflict', `Some of ${orderId} was sent; its address cannot change.`);
      if (sameJson(shippingAddress, state.shippingAddress)) return [];
      const { customerId } = state;
      return [{ type: 'OrderAddressChanged', data: { orderId, customerId, shippingAddress } }];
    }
    case 'FulfilOrder':
      if (acted(state, command.fulfilmentId)) return [];
      if (holds.length > 0) {
        return reject(
          'conflict',
          `${orderId} is held; resume it before sending units. It is held for ${holds.map(holdText).join(' and ')}.`,
        );
      }
      return status === 'confirmed' ? fulfil(command, state, divide) : refuse('fulfilled');
    case 'CancelLines':
      if (acted(state, command.cancellationId) || (status === 'cancelled' && !command.lines)) return [];
      return status === 'confirmed' ? cancelLines(command, state, divide) : refuse('cancelled');
    case 'OpenReturn':
      return openReturn(command, state);
    case 'CloseReturn': {
      const { returnId } = command;
      const isOpen = state.openReturns.some((one) => one.returnId === returnId);
      return isOpen ? [{ type: 'ReturnClosed', data: { orderId, returnId } }] : [];
    }
    case 'ReceiveReturn':
      if (acted(state, command.returnId)) return [];
      return receiveReturn(command, state, divide);
    case 'RequestCollection': {
      const { collectionId } = command;
      if (acted(state, collectionId)) return [];
      if (!isFulfilled(state))
        return reject('conflict', `No units of ${orderId} were sent, so there is nothing to collect.`);
      return [{ type: 'CollectionRequested', data: { orderId, collectionId } }];
    }
    case 'SettleOperation':
      return settle(command.operationId, state);
  }
}

/** The fulfilment of an order whose goods had left before it was recorded. */
function dispatchAtOnceId(orderId: string): string {
  return `${siblingId('checkout', orderId)}/dispatch`;
}

/** The id of the operation that requests a return. */
export function returnRequestId(returnId: string): string {
  return `${returnId}/request`;
}

/** The id of the command that records an operation, the same for every worker. All that follows names its event as the cause. */
export function operationCommandId(operationId: string): string {
  return `${operationId}/record`;
}

export function operationEventId(operationId: string): string {
  return `${operationCommandId(operationId)}:0`;
}

function place(contents: OrderContents): readonly OrderEvent[] | Rejection {
  const refusal = refusalOfContents(contents);
  if (refusal) return refusal;
  const { orderId, number = orderNumber(orderId) } = contents;
  const paymentId = siblingId('payment', orderId);
  return [{ type: 'OrderPlaced', data: { ...contents, number, paymentId, ...totalsOf(contents) } }];
}

function fulfil(
  { fulfilmentId, lines, location }: Extract<OrderCommand, { type: 'FulfilOrder' }>,
  state: Order,
  divide: Division,
): readonly OrderEvent[] | Rejection {
  const consignment = consignmentOf(state, lines, location);
  if (isRejection(consignment)) return consignment;
  return fulfilled(state, fulfilmentId, consignment.lines, divide, consignment.parcels);
}

function fulfilled(
  state: Order,
  fulfilmentId: string,
  units: readonly LineUnits[],
  divide: Division,
  from?: Parcel[],
): readonly OrderEvent[] {
  const { orderId } = state;
  const share = shareIn(state, openUnits(state, units, divide), state.shippingOpen);
  const event: OrderEvent = {
    type: 'OrderFulfilled',
    data: { orderId, fulfilmentId, ...share, ...defined({ from }) },
  };
  return [
    event,
    ...missingAfterSending(state, from ?? []),
    ...(isOpenBehind(state, units) ? [] : [{ type: 'OrderCompleted', data: { orderId } } as const]),
  ];
}

function cancelLines(
  { cancellationId, lines, reason }: Extract<OrderCommand, { type: 'CancelLines' }>,
  state: Order,
  divide: Division,
): readonly OrderEvent[] | Rejection {
  const { orderId } = state;
  const units = unitsToDispose(state, lines);
  if (isRejection(units)) return units;
  const isWhole = !isOpenBehind(state, units) && !isFulfilled(state);
  const share = shareIn(state, openUnits(state, units, divide), isWhole ? state.shippingOpen : NO_CHARGE);
  const from = takenFrom(missingFirst(state), skusOf(state, units));
  const found = missingWithout(state, from);
  const cancelled: OrderEvent = {
    type: 'OrderLinesCancelled',
    data: { orderId, cancellationId, reason, ...share, from },
  };
  if (isOpenBehind(state, units)) return [cancelled, ...found];
  return isWhole
    ? [cancelled, ...found, { type: 'OrderCancelled', data: { orderId, reason } }]
    : [cancelled, ...found, { type: 'OrderCompleted', data: { orderId } }];
}

type ChargedUnits<U extends LineUnits = LineUnits> = Omit<U, 'lineId'> & Charge & { line: LineState };

/** Open units, each line once, with their part of the open charge. */
function openUnits(state: Order, units: readonly LineUnits[], divide: Division): ChargedUnits[] {
  return units.map(({ lineId, quantity }) => {
    const line = lineOf(state, lineId);
    const whole = openOf(line);
    return { line, quantity, ...chargeOfUnits(line.open, { ...termsOf(state, line), part: quantity, whole }, divide) };
  });
}

/** Units that the customer keeps, with the charge for them. */
function keptUnits(state: Order, units: readonly ReturnedUnits[], divide: Division): ChargedUnits<ReturnedUnits>[] {
  let left = state.lines;
  return units.map(({ lineId, ...unit }) => {
    const line = lineOf({ lines: left }, lineId);
    const whole = line.fulfilled - line.returned;
    const part = unit.quantity;
    const charged = chargeOfUnits(line.kept, { ...termsOf(state, line), part, whole }, divide);
    left = withReturned(left, { lineId, quantity: part, ...charged });
    return { line, ...unit, ...charged };
  });
}

function termsOf({ taxIncluded }: Order, { unitPrice }: LineState) {
  return { unitPrice, taxIncluded };
}

/** The charge of an operation in the format of events. */
function shareIn<U extends LineUnits>({ shipping, taxRates }: Order, units: ChargedUnits<U>[], shippingShare: Charge) {
  const charges = [
    ...units.map((unit) => ({ ...recordedCharge(unit), taxRate: unit.line.taxRate })),
    { ...recordedCharge(shippingShare), taxRate: shipping.taxRate },
  ];
  const taxes = taxesOf(charges, taxRates);
  const isShippingCharged = shippingShare.amount + shippingShare.discount > 0;
  return {
    lines: units.map(({ line, amount, discount, tax, ...unit }) => ({
      lineId: line.id,
      ...unit,
      ...recordedCharge({ amount, discount, tax }),
    })),
    ...defined({
      shipping: isShippingCharged ? recordedCharge(shippingShare) : undefined,
      taxes: taxes.length > 0 ? taxes : undefined,
    }),
    amount: sum(charges.map(({ amount }) => amount)),
  };
}

/** Missing units are given up before available ones. */
function missingFirst({ parcels, missing }: Order): Parcel[] {
  const isMissing = (parcel: Parcel) => unitsAt(missing, parcel) > 0;
  return [...parcels.filter(isMissing), ...parcels.filter((parcel) => !isMissing(parcel))];
}

function recordMissing(
  { sku, location, quantity: told }: Extract<OrderCommand, { type: 'RecordMissing' }>,
  state: Order,
): readonly OrderEvent[] {
  const { orderId, status, holds, missing } = state;
  const place = { sku, location };
  const quantity = status === 'confirmed' ? Math.min(told, unmovedAt(state, place)) : 0;
  const before = unitsAt(missing, place);
  if (quantity === before) return [];
  if (quantity < before) return missingNow(state, [{ ...place, quantity }]);
  const recorded: OrderEvent = { type: 'OrderUnitsMissing', data: { orderId, ...place, quantity } };
  const held: OrderEvent = { type: 'OrderHeld', data: { orderId, code: STOCK_SHORTFALL } };
  return isShort(holds) ? [recorded] : [recorded, held];
}

/** The missing units after a shipment: at each location at most as many as are left. */
function missingAfterSending(state: Order, sent: readonly Parcel[]): OrderEvent[] {
  const left = without(state.parcels, sent);
  return fewerMissing(state, (one) => unitsAt(left, one));
}

/** The missing units after some were cancelled or reallocated: missing units are cancelled or reallocated first. */
function missingWithout(state: Order, gone: readonly Parcel[]): OrderEvent[] {
  return fewerMissing(state, (one) => one.quantity - unitsAt(gone, one));
}

function fewerMissing(state: Order, leftOf: (one: Parcel) => number): OrderEvent[] {
  const fewer = state.missing.flatMap((one) => {
    const quantity = Math.max(0, leftOf(one));
    return quantity < one.quantity ? [{ ...one, quantity }] : [];
  });
  return missingNow(state, fewer);
}

/** Once nothing is missing, the hold ends. */
function missingNow({ orderId, holds, missing }: Order, fewer: readonly Parcel[]): OrderEvent[] {
  const events = fewer.map((one): OrderEvent => ({ type: 'OrderUnitsMissing', data: { orderId, ...one } }));
  const rest = fewer.reduce(withMissing, missing);
  if (events.length === 0 || rest.length > 0 || !isShort(holds)) return events;
  return [...events, { type: 'OrderResumed', data: { orderId, code: STOCK_SHORTFALL } }];
}

/** True if the order is held for missing units. */
export function isShort(holds: readonly Hold[]): boolean {
  return holds.some(({ code }) => code === STOCK_SHORTFALL);
}

/** The text of a hold for people. */
export function holdText({ code, note }: Hold): string {
  return typeof note === 'string' ? note : code;
}

function withMissing(missing: readonly Parcel[], { sku, location, quantity }: Parcel): readonly Parcel[] {
  const others = missing.filter((one) => one.sku !== sku || one.location !== location);
  return quantity > 0 ? [...others, { sku, location, quantity }] : others;
}

/** Units at a location that are not about to be sent from elsewhere. */
export function unmovedAt({ parcels, unsettled }: Order, place: { sku: string; location: string }): number {
  const moving = unsettled.flatMap((one) =>
    one.kind === 'reallocation' && one.phase === 'requested' ? [one.from] : [],
  );
  return Math.max(0, unitsAt(parcels, place) - unitsAt(moving, place));
}

function reallocate(
  { reallocationId, from, to }: Extract<OrderCommand, { type: 'Reallocate' }>,
  state: Order,
): readonly OrderEvent[] | Rejection {
  const { orderId } = state;
  const there = unmovedAt(state, from);
  if (from.quantity > there) {
    return reject(
      'conflict',
      `${from.location} has ${there} units of ${from.sku} for ${orderId}, not ${from.quantity}.`,
    );
  }
  return [{ type: 'ReallocationRequested', data: { orderId, reallocationId, from, to: [...to] } }];
}

/** The order decides. Units that were sent or given up meanwhile are not reallocated. */
function recordReallocation(
  { reallocationId, reserved }: Extract<OrderCommand, { type: 'RecordReallocation' }>,
  state: Order,
): readonly OrderEvent[] | Rejection {
  const { orderId, status, parcels, unsettled } = state;
  const operation = unsettled.find(({ operationId }) => operationId === reallocationId);
  if (operation?.kind !== 'reallocation') {
    return acted(state, reallocationId) ? [] : reject('not_found', `${orderId} has no operation ${reallocationId}.`);
  }
  if (operation.phase !== 'requested') return [];
  const { from, to } = operation;
  if (!reserved || status !== 'confirmed' || unitsAt(parcels, from) < from.quantity) {
    return [{ type: 'ReallocationAbandoned', data: { orderId, reallocationId } }];
  }
  return [
    { type: 'OrderReallocated', data: { orderId, reallocationId, from, to: [...to] } },
    ...missingWithout(state, [from]),
  ];
}

function openReturn(
  { returnId, lines, reasons }: Extract<OrderCommand, { type: 'OpenReturn' }>,
  state: Order,
): readonly OrderEvent[] | Rejection {
  const operationId = returnRequestId(returnId);
  if (acted(state, operationId)) return [];
  const units = unitsToReturn(state, lines);
  if (isRejection(units)) return units;
  return [{ type: 'ReturnOpened', data: { orderId: state.orderId, operationId, returnId, lines, reasons } }];
}

function receiveReturn(
  { returnId, lines, location, occurredAt }: Extract<OrderCommand, { type: 'ReceiveReturn' }>,
  state: Order,
  divide: Division,
): readonly OrderEvent[] | Rejection {
  const units = unitsToReturn(state, lines, returnId);
  if (isRejection(units)) return units;
  const arrived = location ?? arrivalOf(state, units);
  if (typeof arrived !== 'string') return arrived;
  const received = lines.map(({ lineId, quantity, writtenOff }) => ({
    lineId,
    quantity,
    ...(writtenOff && { writtenOff }),
  }));
  const back = keptUnits(state, received, divide);
  const isAllBack = isWithdrawn(lines.reduce(withCounted, state.lines));
  const share = shareIn(state, back, isAllBack && state.shipping.refundable ? state.shippingKept : NO_CHARGE);
  const past = occurredAt !== undefined && { occurredAt };
  return [{ type: 'OrderReturned', data: { orderId: state.orderId, returnId, ...share, location: arrived, ...past } }];
}

function settle(operationId: string, state: Order): readonly OrderEvent[] | Rejection {
  const { orderId, unsettled } = state;
  if (unsettled.some((operation) => operation.operationId === operationId)) {
    return [{ type: 'OrderSettled', data: { orderId, operationId } }];
  }
  return acted(state, operationId) ? [] : reject('not_found', `${orderId} has no operation ${operationId}.`);
}

/**
 * What the customer owes for the units they keep, and the charge of the open units. Both are as of the point where this operation
 * (if any) is settled and no other unsettled one is, because money follows the operations one by one.
 */
export function dueWith(state: Order, operationId?: string): { kept: number; open: number } {
  let kept = state.shippingKept.amount + sum(state.lines.map((line) => line.kept.amount));
  let open = openAmount(state);
  for (const other of state.unsettled) {
    if (other.operationId === operationId) continue;
    if (other.kind !== 'return') open += other.amount;
    if (other.kind !== 'cancellation') kept += other.kind === 'return' ? other.amount : -other.amount;
  }
  return { kept, open };
}

/** The total charge for kept and open units, by tax rate. A refund that is for no particular units takes its share of this. */
export function chargedOf({ lines, shipping, shippingOpen, shippingKept, taxRates }: Order) {
  const charges = [
    ...lines.flatMap(({ open, kept, taxRate }) => [
      { ...open, taxRate },
      { ...kept, taxRate },
    ]),
    ...[shippingOpen, shippingKept].map((charge) => ({ ...charge, taxRate: shipping.taxRate })),
  ];
  return { amount: sum(charges.map(({ amount }) => amount)), taxes: taxesOf(charges, taxRates) };
}

/** Units that leave one location together. */
export interface Consignment {
  location: string;
  lines: LineUnits[];
  parcels: Parcel[];
}

/**
 * The contents of a shipment from a location: the requested lines, or all open units at that location. Without a location, the
 * only one that holds the requested units is used; if there are several, staff have to choose one.
 */
export function consignmentOf(state: Order, asked?: readonly LineUnits[], location?: string): Consignment | Rejection {
  const units = unitsToDispose(state, asked);
  if (isRejection(units)) return units;
  const places = locationsOf(state.parcels, skusOf(state, units));
  const [from = places[0], ...others] = location === undefined ? places : [location];
  if (from === undefined) return reject('conflict', `No stock is held for the open units of ${state.orderId}.`);
  if (others.length > 0) {
    const detail = `The requested units of ${state.orderId} are at ${places.join(' and ')}; name the location of this shipment.`;
    return reject('rule_violated', detail, { locations: places });
  }
  const lines = asked ? units : unitsLyingAt(state, units, from);
  const parcels = stockNeeds(skusOf(state, lines)).map((need) => ({ ...need, location: from }));
  for (const parcel of parcels) {
    const there = unitsAt(state.parcels, parcel);
    if (there >= parcel.quantity) continue;
    const detail = `${from} has ${there} units of ${parcel.sku} for ${state.orderId}, not ${parcel.quantity}; send the other units from their locations.`;
    return reject('rule_violated', detail, { locations: places });
  }
  if (lines.length === 0) {
    const detail = `No units of ${state.orderId} are at ${from}; they are at ${places.join(' and ')}.`;
    return reject('rule_violated', detail, { locations: places });
  }
  return { location: from, lines, parcels };
}

/** As many units of each line as the location has. The first lines come first. */
function unitsLyingAt(state: Order, units: readonly LineUnits[], location: string): LineUnits[] {
  const left = new Map(state.parcels.flatMap((one) => (one.location === location ? [[one.sku, one.quantity]] : [])));
  return units.flatMap(({ lineId, quantity: open }) => {
    const { sku } = lineOf(state, lineId);
    const there = left.get(sku) ?? 0;
    const quantity = Math.min(open, there);
    left.set(sku, there - quantity);
    return quantity > 0 ? [{ lineId, quantity }] : [];
  });
}

/** The default location where goods arrive: the one that they left, if there is only one. */
function arrivalOf(state: Order, units: readonly LineUnits[]): string | Rejection {
  const places = locationsOf(state.sent, skusOf(state, units));
  const [place, ...others] = places;
  if (place !== undefined && others.length === 0) return place;
  const detail = `The units of ${state.orderId} were sent from ${places.join(' and ')}; name the location where they arrive.`;
  return reject('rule_violated', detail, { locations: places });
}

/** The requested units, or all open ones. They can be sent or cancelled. */
function unitsToDispose(state: Order, asked?: readonly LineUnits[]): LineUnits[] | Rejection {
  return asked ? unitsAsked(state, asked, openOf, 'open') : allOpen(state);
}

/** The locations from which these units would be taken now. */
function parcelsOf(state: Order, units: readonly LineUnits[]): Parcel[] {
  return takenFrom(state.parcels, skusOf(state, units));
}

/** Units that the customer has and that are in no open return other than `returnId`. */
function unitsToReturn(state: Order, asked: readonly LineUnits[], returnId?: string): LineUnits[] | Rejection {
  const others = state.openReturns.filter((one) => one.returnId !== returnId).flatMap(({ lines }) => lines);
  const announced = (line: LineState) => sum(others.map((one) => (one.lineId === line.id ? one.quantity : 0)));
  const roomOf = (line: LineState) => Math.max(0, line.fulfilled - line.returned - announced(line));
  return unitsAsked(state, asked, roomOf, 'with the customer and in no other open return');
}

/** The requested units summed by line. Rejected if a line has fewer. */
function unitsAsked(
  state: Order,
  asked: readonly LineUnits[],
  roomOf: (line: LineState) => number,
  where: string,
): LineUnits[] | Rejection {
  if (asked.length === 0) return reject('rule_violated', `The request names no line of ${state.orderId}.`);
  const units = new Map<string, number>();
  for (const { lineId, quantity } of asked) units.set(lineId, (units.get(lineId) ?? 0) + quantity);
  const rooms = new Map(state.lines.map((line) => [line.id, roomOf(line)]));
  for (const [lineId, quantity] of units) {
    const room = rooms.get(lineId);
    if (room === undefined) return reject('not_found', `${state.orderId} has no line ${lineId}.`);
    if (quantity > room) {
      return reject('rule_violated', `Line ${lineId} of ${state.orderId} has ${room} units ${where}, not ${quantity}.`);
    }
  }
  return [...units].map(([lineId, quantity]) => ({ lineId, quantity }));
}

function allOpen({ lines }: Order): LineUnits[] {
  return lines.flatMap((line) => (openOf(line) > 0 ? [{ lineId: line.id, quantity: openOf(line) }] : []));
}

/** Moves the charge for these units out of the open charge. */
function disposedOf(
  state: Order,
  how: 'fulfilled' | 'cancelled',
  {
    lines: units,
    shipping = NO_CHARGE,
  }: { lines: readonly (LineUnits & RecordedCharge)[]; shipping?: RecordedCharge | undefined },
): Order {
  const isKept = how === 'fulfilled';
  const charged = new Map(units.map((unit) => [unit.lineId, unit]));
  const lines = state.lines.map((line) => {
    const unit = charged.get(line.id);
    if (!unit) return line;
    const next = { ...line, [how]: line[how] + unit.quantity, open: minus(line.open, unit) };
    return isKept ? { ...next, kept: plus(line.kept, unit) } : next;
  });
  const shippingKept = isKept ? plus(state.shippingKept, shipping) : state.shippingKept;
  return { ...state, lines, shippingOpen: minus(state.shippingOpen, shipping), shippingKept };
}

function evolve(state: Order | null, event: OrderEvent, at: number): Order {
  const { type, data } = event;
  if (type === 'OrderPlaced') return placed(data, at);
  const known = existing(state, type);
  switch (type) {
    case 'CheckoutReallocated': {
      const checkout = checkoutAfter(known.checkout, event);
      const { reservationId, parcels } = lastOf(checkout.furtherRounds);
      return { ...known, reservationId, parcels, checkout };
    }
    case 'CheckoutActionRequired':
    case 'CheckoutPaymentUnknown':
    case 'CheckoutUndone':
      return { ...known, checkout: checkoutAfter(known.checkout, event) };
    case 'OrderConfirmed':
      return { ...known, status: 'confirmed', checkout: checkoutAfter(known.checkout, event) };
    case 'OrderRejected':
      return { ...known, status: 'rejected', checkout: checkoutAfter(known.checkout, event) };
    case 'OrderExpired':
      return { ...known, status: 'expired', checkout: checkoutAfter(known.checkout, event) };
    case 'OrderWithdrawn':
      return { ...known, status: 'cancelled', checkout: checkoutAfter(known.checkout, event) };
    case 'OrderCancelled':
      return { ...known, status: 'cancelled' };
    case 'OrderHeld': {
      const { orderId, ...hold } = data;
      return { ...known, holds: [...known.holds, hold] };
    }
    case 'OrderResumed':
      return { ...known, holds: data.code === undefined ? [] : known.holds.filter(({ code }) => code !== data.code) };
    case 'OrderAddressChanged':
      return { ...known, shippingAddress: data.shippingAddress };
    case 'OrderUnitsMissing': {
      const { orderId, ...missing } = data;
      return { ...known, missing: withMissing(known.missing, missing) };
    }
    case 'ReallocationRequested': {
      const { reallocationId: operationId, from, to } = data;
      return recorded(known, { kind: 'reallocation', operationId, at, amount: 0, from, to, phase: 'requested' });
    }
    case 'OrderReallocated': {
      const { reallocationId, from, to } = data;
      const parcels = withParcels(without(known.parcels, [from]), to);
      return reallocated({ ...known, parcels }, reallocationId, 'moved');
    }
    case 'ReallocationAbandoned':
      return reallocated(known, data.reallocationId, 'abandoned');
    case 'OrderFulfilled': {
      const { fulfilmentId: operationId, lines, from = parcelsOf(known, lines), amount } = data;
      const moved = { parcels: without(known.parcels, from), sent: withParcels(known.sent, from) };
      const after = { ...disposedOf(known, 'fulfilled', data), ...moved };
      return data.from
        ? recorded(after, { kind: 'fulfilment', operationId, at, from, amount, open: openAmount(after) })
        : recorded(after, operationId);
    }
    case 'OrderLinesCancelled': {
      const { cancellationId: operationId, from, amount, taxes } = data;
      const after = { ...disposedOf(known, 'cancelled', data), parcels: without(known.parcels, from) };
      const left = { open: openAmount(after), whole: !isOpen(after) && !isFulfilled(after) };
      return recorded(after, { kind: 'cancellation', operationId, at, from, amount, taxes, ...left });
    }
    case 'OrderReturned': {
      const { returnId: operationId, lines, shipping = NO_CHARGE, location, amount, taxes, occurredAt } = data;
      const back = stockOfReturn(known, lines, location);
      const units = lines.map(({ lineId, quantity, writtenOff }) => ({
        lineId,
        quantity,
        ...(writtenOff && { writtenOff }),
      }));
      return recorded(
        {
          ...known,
          lines: lines.reduce(withReturned, known.lines),
          shippingKept: minus(known.shippingKept, shipping),
          openReturns: known.openReturns.filter(({ returnId }) => returnId !== operationId),
        },
        { kind: 'return', operationId, at, lines: units, location, back, amount, taxes, occurredAt },
      );
    }
    case 'ReturnOpened': {
      const { operationId, returnId, lines, reasons } = data;
      const openReturns = [...known.openReturns, { returnId, lines }];
      return recorded(
        { ...known, openReturns },
        { kind: 'return_request', operationId, at, amount: 0, returnId, lines, reasons },
      );
    }
    case 'ReturnClosed':
      return { ...known, openReturns: known.openReturns.filter(({ returnId }) => returnId !== data.returnId) };
    case 'CollectionRequested':
      return recorded(known, { kind: 'collection', operationId: data.collectionId, at, amount: 0 });
    case 'OrderSettled':
      return { ...known, unsettled: known.unsettled.filter(({ operationId }) => operationId !== data.operationId) };
    case 'OrderCompleted':
      return { ...known, status: 'completed' };
  }
}

function placed(data: Placed, placedAt: number): Order {
  const { lines, shipping, taxIncluded, coupons = [], allocation } = data;
  return {
    ...data,
    placedAt,
    status: 'placed',
    checkout: CHECKOUT_STARTED,
    holds: [],
    missing: [],
    lines: lines.map((line) => ({
      ...line,
      fulfilled: 0,
      cancelled: 0,
      returned: 0,
      open: chargeOf(line.total, line, taxIncluded),
      kept: NO_CHARGE,
    })),
    shippingOpen: chargeOf(shipping.amount, shipping, taxIncluded),
    shippingKept: NO_CHARGE,
    coupons,
    reservationId: data.orderId,
    parcels: allocation ?? atDefaultLocation(lines),
    sent: [],
    openReturns: [],
    operationIds: [],
    unsettled: [],
  };
}

function reallocated(state: Order, reallocationId: string, phase: 'moved' | 'abandoned'): Order {
  const unsettled = state.unsettled.map((one) =>
    one.kind === 'reallocation' && one.operationId === reallocationId ? { ...one, phase } : one,
  );
  return { ...state, unsettled };
}

/** Given only an id, no settlement follows. */
function recorded(state: Order, operation: Operation | string): Order {
  const operationId = typeof operation === 'string' ? operation : operation.operationId;
  return {
    ...state,
    operationIds: [...state.operationIds, operationId],
    unsettled: typeof operation === 'string' ? state.unsettled : [...state.unsettled, operation],
  };
}

function withReturned(lines: readonly LineState[], unit: LineUnits & RecordedCharge): LineState[] {
  return withCounted(lines, unit).map((line) =>
    line.id === unit.lineId ? { ...line, kept: minus(line.kept, unit) } : line,
  );
}

function withCounted(lines: readonly LineState[], { lineId, quantity }: LineUnits): LineState[] {
  return lines.map((line) => (line.id === lineId ? { ...line, returned: line.returned + quantity } : line));
}

/** Returned units, summed by SKU. Units that cannot be sold again are listed separately. */
function stockOfReturn(state: Order, lines: readonly ReturnedUnits[], location: string) {
  return [false, true].flatMap((writtenOff) => {
    const units = lines.filter((line) => (line.writtenOff ?? false) === writtenOff);
    return stockNeeds(skusOf(state, units)).map((need) => ({ ...need, location, writtenOff }));
  });
}

function acted({ operationIds }: Order, operationId: string): boolean {
  return operationIds.includes(operationId);
}

function lineOf({ lines }: Pick<Order, 'lines'>, lineId: string): LineState {
  const line = lines.find(({ id }) => id === lineId);
  if (!line) throw new Error(`There is no line ${lineId}.`);
  return line;
}

function skusOf({ lines }: Order, units: readonly LineUnits[]): { sku: string; quantity: number }[] {
  const skus = new Map(lines.map(({ id, sku }) => [id, sku]));
  return units.map(({ lineId, quantity }) => ({ sku: valueAt(skus, lineId), quantity }));
}

function openOf({ quantity, fulfilled, cancelled }: LineState): number {
  return quantity - fulfilled - cancelled;
}

function isOpen({ lines }: Order): boolean {
  return lines.some((line) => openOf(line) > 0);
}

/** True if units remain open after these. */
function isOpenBehind(state: Order, units: readonly LineUnits[]): boolean {
  return sum(state.lines.map(openOf)) > sum(units.map(({ quantity }) => quantity));
}

function isFulfilled({ lines }: Order): boolean {
  return lines.some(({ fulfilled }) => fulfilled > 0);
}

/** True if nothing is left to send and everything that was sent is back. */
function isWithdrawn(lines: readonly LineState[]): boolean {
  return lines.every((line) => openOf(line) === 0 && line.returned === line.fulfilled);
}

function openAmount({ lines, shippingOpen }: Order): number {
  return shippingOpen.amount + sum(lines.map(({ open }) => open.amount));
}

/** The number that people use: `order_536365` → `536365`. Of a long random id it is the end, followed by the attempt. */
export function orderNumber(orderId: string): string {
  const key = keyOf(orderId);
  const [attempt = ''] = /-\d+$/.exec(key) ?? [];
  const first = key.slice(0, key.length - attempt.length);
  return `${first.slice(-MAX_NUMBER_LENGTH).toUpperCase()}${attempt}`;
}

export const FULFILMENT_STATUSES = ['not_fulfilled', 'partially_fulfilled', 'fulfilled'] as const;
export type FulfilmentStatus = (typeof FULFILMENT_STATUSES)[number];

/** Based on the units that are not cancelled. */
export function fulfilmentStatusOf(
  lines: readonly { quantity: number; fulfilled: number; cancelled: number }[],
): FulfilmentStatus {
  if (!lines.some(({ fulfilled }) => fulfilled > 0)) return 'not_fulfilled';
  return lines.every(({ quantity, fulfilled, cancelled }) => fulfilled + cancelled === quantity)
    ? 'fulfilled'
    : 'partially_fulfilled';
}
