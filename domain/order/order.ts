// An order: placed → confirmed → completed, or rejected, expired or cancelled. It is the arbiter of every unit: per line
// fulfilled + cancelled ≤ ordered and returned ≤ fulfilled. What the units of an operation are charged is decided once and
// recorded in its event; the state only adds and subtracts it, so that the amounts add up to the total. Stock and payment
// follow: an operation is unsettled until they have.
import type { z } from 'zod';
import type { Address } from '../kernel/address.js';
import type { Decider } from '../kernel/decider.js';
import { keyOf, siblingId } from '../kernel/id.js';
import { sameJson } from '../kernel/json.js';
import { sum } from '../kernel/money.js';
import type { Personal } from '../kernel/personal.js';
import { isRejection, type Rejection, reject } from '../kernel/rejection.js';
import {
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

/** Why an order is held whose units are not there any more. */
const STOCK_SHORTFALL = 'stock_shortfall';

/** Longest part of an order's id that is a number people read as it is. */
const MAX_NUMBER_LENGTH = 10;

export type OrderContents = z.output<z.ZodObject<typeof orderContents>>;

export type OrderCommand =
  | { type: 'PlaceOrder'; contents: OrderContents }
  /** With where its stock was found, if not where and as it was first looked for. */
  | { type: 'ConfirmOrder'; allocation?: readonly Parcel[]; reservationId?: string }
  /** `reason` is a problem code; it means nothing if the order was never placed. */
  | { type: 'RejectOrder'; reason: string; detail: string }
  /** Nobody paid in time. */
  | { type: 'ExpireOrder'; detail: string }
  /** Before it is confirmed; its checkout undoes what was done. */
  | { type: 'CancelOrder'; reason: string }
  /** So many of the units at a place are not there: it is held until they are, or are elsewhere. */
  | { type: 'RecordMissing'; sku: string; location: string; quantity: number }
  /** What came of a reallocation: the units are reserved at the other places, or could not be. */
  | { type: 'RecordReallocation'; reallocationId: string; reserved: boolean }
  | ({ type: 'HoldOrder' } & Hold)
  | { type: 'ResumeOrder' }
  /** A return was declined. */
  | { type: 'CloseReturn'; returnId: string }
  /** For as long as nothing was sent. */
  | { type: 'ChangeShippingAddress'; shippingAddress: Personal<Address> }
  | OperationCommand
  | { type: 'SettleOperation'; operationId: string };

/** Each acts once per id. Without lines: all that is still open. */
type OperationCommand =
  /** `location`: where the units leave; needed where they lie at several. */
  | { type: 'FulfilOrder'; fulfilmentId: string; lines?: readonly LineUnits[]; location?: string }
  /** All of it: the goods have left and the money is in, nothing has to follow. */
  | { type: 'RecordFulfilled'; fulfilmentId: string }
  | { type: 'CancelLines'; cancellationId: string; lines?: readonly LineUnits[] | undefined; reason: string }
  /** `location`: where the goods arrive; needed where they were sent from several. */
  | { type: 'ReceiveReturn'; returnId: string; lines: readonly ReturnedUnits[]; location?: string; occurredAt?: string }
  /** Sent units are asked to be sent back. */
  | { type: 'OpenReturn'; returnId: string; lines: readonly AnnouncedUnits[] }
  /** Units are to be sent from other places than where they lie. */
  | { type: 'Reallocate'; reallocationId: string; from: Parcel; to: readonly Parcel[] }
  /** Of money that could not be had for what was sent. */
  | { type: 'RequestCollection'; collectionId: string };

export const ORDER_STATUSES = ['placed', 'confirmed', 'completed', 'rejected', 'expired', 'cancelled'] as const;

type Placed = Extract<OrderEvent, { type: 'OrderPlaced' }>['data'];

/** With all that was recorded when it was placed. */
export interface Order extends Omit<Placed, 'lines' | 'coupons'> {
  /** In ms of the log's clock. */
  placedAt: number;
  status: (typeof ORDER_STATUSES)[number];
  /** Why nothing is sent, until it is resumed. */
  holds: readonly Hold[];
  /** Units that are held for it and are not there. */
  missing: readonly Parcel[];
  lines: readonly LineState[];
  /** The shipping, as long as nobody is charged for it: the first fulfilment is; and once somebody is, until it is given back. */
  shippingOpen: Charge;
  shippingKept: Charge;
  coupons: readonly AppliedCoupon[];
  reservationId: string;
  /** Units that are still held for it, by where they are; and those that were sent, by where they left. */
  parcels: readonly Parcel[];
  sent: readonly Parcel[];
  /** What was asked to be sent back, and neither has come nor was declined. */
  openReturns: readonly { returnId: string; lines: readonly LineUnits[] }[];
  /** Fulfilments, cancellations, returns and collections that there were. */
  operationIds: readonly string[];
  /** What stock and payment have to follow yet, in the order in which it was recorded. */
  unsettled: readonly Operation[];
}

/** Units that are to come back, and why. */
export type AnnouncedUnits = LineUnits & { reason: string };

interface LineState extends OrderLine {
  fulfilled: number;
  cancelled: number;
  returned: number;
  /** What its units are charged that are still open, and those that were sent and have not come back. */
  open: Charge;
  kept: Charge;
}

/** `at`: in ms of the log's clock; `open`: what was still open behind it is charged; `taxes`: of the amount. */
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
      /** In the world, if in the past. */
      occurredAt?: string | undefined;
    }
  /** Moves no units, so no amount: 0. */
  | { kind: 'collection' }
  /** The return has to be told of it. */
  | { kind: 'return_request'; returnId: string; lines: readonly AnnouncedUnits[] }
  /** Of units that stay the order's. */
  | { kind: 'reallocation'; from: Parcel; to: readonly Parcel[]; phase: 'requested' | 'moved' | 'abandoned' }
);

export const order = createOrder(roundedDown);

/** `divide`: how an operation shares out what a line is charged; what is recorded already does not depend on it. */
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
  const isGivenUp = command.type === 'RejectOrder' || command.type === 'ExpireOrder';
  if (!state) return isGivenUp ? [] : reject('not_found', 'There is no such order.');
  const { orderId, status, holds } = state;
  const refuse = (what: string) => reject('conflict', `${orderId} is ${status}; it cannot be ${what}.`);

  switch (command.type) {
    case 'ConfirmOrder': {
      const { allocation, reservationId } = command;
      if (status === 'confirmed' || status === 'completed') return [];
      if (status !== 'placed') return refuse('confirmed');
      const where = { ...(allocation && { allocation: [...allocation] }), ...(reservationId && { reservationId }) };
      return [{ type: 'OrderConfirmed', data: { orderId, ...where } }];
    }
    case 'RejectOrder': {
      const { reason, detail } = command;
      if (status === 'rejected' || status === 'expired' || status === 'cancelled') return [];
      if (status !== 'placed') return refuse('rejected');
      return [{ type: 'OrderRejected', data: { orderId, reason, detail } }];
    }
    case 'ExpireOrder':
      if (status === 'rejected' || status === 'expired' || status === 'cancelled') return [];
      if (status !== 'placed') return refuse('expired');
      return [{ type: 'OrderExpired', data: { orderId, detail: command.detail } }];
    case 'CancelOrder':
      if (status === 'cancelled') return [];
      if (status !== 'placed') return refuse('cancelled as a whole; cancel what is open of it');
      return [{ type: 'OrderWithdrawn', data: { orderId, reason: command.reason } }];
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
      if (isFulfilled(state)) return reject('conflict', `Some of ${orderId} was sent; its address no longer changes.`);
      if (sameJson(shippingAddress, state.shippingAddress)) return [];
      const { customerId } = state;
      return [{ type: 'OrderAddressChanged', data: { orderId, customerId, shippingAddress } }];
    }
    case 'FulfilOrder':
      if (acted(state, command.fulfilmentId)) return [];
      if (holds.length > 0) {
        return reject(
          'conflict',
          `${orderId} is held; resume it before anything is sent. It is held for ${holds.map(holdText).join(' and ')}.`,
        );
      }
      return status === 'confirmed' ? fulfil(command, state, divide) : refuse('fulfilled');
    case 'RecordFulfilled':
      if (acted(state, command.fulfilmentId)) return [];
      return status === 'confirmed'
        ? fulfilled(state, command.fulfilmentId, allOpen(state), divide)
        : refuse('fulfilled');
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
      if (!isFulfilled(state)) return reject('conflict', `Nothing was sent of ${orderId}, so nothing is owed for it.`);
      return [{ type: 'CollectionRequested', data: { orderId, collectionId } }];
    }
    case 'SettleOperation':
      return settle(command.operationId, state);
  }
}

/** The operation by which a return is asked for. */
export function returnRequestId(returnId: string): string {
  return `${returnId}/request`;
}

/** The id of the command that records an operation, whoever issues it; its event, which all that follows names as its cause. */
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
    data: { orderId, fulfilmentId, ...share, ...(from && { from }) },
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

/** Some units that are open, each line once, with what they are charged of what is open. */
function openUnits(state: Order, units: readonly LineUnits[], divide: Division): ChargedUnits[] {
  return units.map(({ lineId, quantity }) => {
    const line = lineOf(state, lineId);
    const whole = openOf(line);
    return { line, quantity, ...chargeOfUnits(line.open, { ...termsOf(state, line), part: quantity, whole }, divide) };
  });
}

/** Some units that the customer keeps, with what was charged for them. */
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

/** As an event records what an operation is charged. */
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
    ...(isShippingCharged && { shipping: recordedCharge(shippingShare) }),
    ...(taxes.length > 0 && { taxes }),
    amount: sum(charges.map(({ amount }) => amount)),
  };
}

/** Units that are not there are given up before those that are. */
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

/** What is missing once these were sent: not more than is left at each place. */
function missingAfterSending(state: Order, sent: readonly Parcel[]): OrderEvent[] {
  const left = without(state.parcels, sent);
  return fewerMissing(state, (one) => unitsAt(left, one));
}

/** What is missing once these were given up, or are sent from elsewhere: they are those that are not there. */
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

/** When nothing is missing any more, the hold for it is over. */
function missingNow({ orderId, holds, missing }: Order, fewer: readonly Parcel[]): OrderEvent[] {
  const events = fewer.map((one): OrderEvent => ({ type: 'OrderUnitsMissing', data: { orderId, ...one } }));
  const rest = fewer.reduce(withMissing, missing);
  if (events.length === 0 || rest.length > 0 || !isShort(holds)) return events;
  return [...events, { type: 'OrderResumed', data: { orderId, code: STOCK_SHORTFALL } }];
}

/** Whether it is held for units that are not there. */
export function isShort(holds: readonly Hold[]): boolean {
  return holds.some(({ code }) => code === STOCK_SHORTFALL);
}

/** What people read of it. */
export function holdText({ code, note }: Hold): string {
  return note ?? code;
}

function withMissing(missing: readonly Parcel[], { sku, location, quantity }: Parcel): readonly Parcel[] {
  const others = missing.filter((one) => one.sku !== sku || one.location !== location);
  return quantity > 0 ? [...others, { sku, location, quantity }] : others;
}

/** Units at a place that are not about to be sent from elsewhere. */
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

/** The order decides: units that were sent or given up meanwhile are not sent from elsewhere. */
function recordReallocation(
  { reallocationId, reserved }: Extract<OrderCommand, { type: 'RecordReallocation' }>,
  state: Order,
): readonly OrderEvent[] | Rejection {
  const { orderId, status, parcels, unsettled } = state;
  const operation = unsettled.find(({ operationId }) => operationId === reallocationId);
  if (operation?.kind !== 'reallocation') {
    return acted(state, reallocationId) ? [] : reject('not_found', `${orderId} knows no operation ${reallocationId}.`);
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
  { returnId, lines }: Extract<OrderCommand, { type: 'OpenReturn' }>,
  state: Order,
): readonly OrderEvent[] | Rejection {
  const operationId = returnRequestId(returnId);
  if (acted(state, operationId)) return [];
  const units = unitsToReturn(state, lines);
  if (isRejection(units)) return units;
  return [{ type: 'ReturnOpened', data: { orderId: state.orderId, operationId, returnId, lines: [...lines] } }];
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
  return acted(state, operationId) ? [] : reject('not_found', `${orderId} knows no operation ${operationId}.`);
}

/**
 * What the customer owes for what they keep, and what is still open is charged, once this operation is settled, if any, and as
 * long as none of the others is: money follows one operation after the other.
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

/** What the customer is charged for all that they keep and may still get, by tax rate: what a refund for no units is a part of. */
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

/** What leaves one location together. */
export interface Consignment {
  location: string;
  lines: LineUnits[];
  parcels: Parcel[];
}

/**
 * What a shipment from a location consists of: the lines that are asked for, or all that is open and lies there. Without a
 * location the one where everything lies that is asked for; staff have to say which where that are several.
 */
export function consignmentOf(state: Order, asked?: readonly LineUnits[], location?: string): Consignment | Rejection {
  const units = unitsToDispose(state, asked);
  if (isRejection(units)) return units;
  const places = locationsOf(state.parcels, skusOf(state, units));
  const [from = places[0], ...others] = location === undefined ? places : [location];
  if (from === undefined) return reject('conflict', `Nothing is held for what is open of ${state.orderId}.`);
  if (others.length > 0) {
    const detail = `What is asked for of ${state.orderId} lies at ${places.join(' and ')}; name the location of this shipment.`;
    return reject('rule_violated', detail, { locations: places });
  }
  const lines = asked ? units : unitsLyingAt(state, units, from);
  const parcels = stockNeeds(skusOf(state, lines)).map((need) => ({ ...need, location: from }));
  for (const parcel of parcels) {
    const there = unitsAt(state.parcels, parcel);
    if (there >= parcel.quantity) continue;
    const detail = `${from} has ${there} units of ${parcel.sku} for ${state.orderId}, not ${parcel.quantity}; send the others from where they lie.`;
    return reject('rule_violated', detail, { locations: places });
  }
  if (lines.length === 0) {
    const detail = `Nothing of ${state.orderId} lies at ${from}; it lies at ${places.join(' and ')}.`;
    return reject('rule_violated', detail, { locations: places });
  }
  return { location: from, lines, parcels };
}

/** As many units of each line as the location has, the first lines first. */
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

/** Where goods are taken to have arrived if nobody says so: where they left, if that was one place. */
function arrivalOf(state: Order, units: readonly LineUnits[]): string | Rejection {
  const places = locationsOf(state.sent, skusOf(state, units));
  if (places.length === 1) return places[0]!;
  const detail = `The units of ${state.orderId} were sent from ${places.join(' and ')}; name the location where they arrive.`;
  return reject('rule_violated', detail, { locations: places });
}

/** Those asked for, or all that are open: they can be sent or cancelled. */
function unitsToDispose(state: Order, asked?: readonly LineUnits[]): LineUnits[] | Rejection {
  return asked ? unitsAsked(state, asked, openOf, 'open') : allOpen(state);
}

/** Where these units would be taken from now. */
function parcelsOf(state: Order, units: readonly LineUnits[]): Parcel[] {
  return takenFrom(state.parcels, skusOf(state, units));
}

/** Units that are with the customer and in no open return, but for `returnId`. */
function unitsToReturn(state: Order, asked: readonly LineUnits[], returnId?: string): LineUnits[] | Rejection {
  const others = state.openReturns.filter((one) => one.returnId !== returnId).flatMap(({ lines }) => lines);
  const announced = (line: LineState) => sum(others.map((one) => (one.lineId === line.id ? one.quantity : 0)));
  const roomOf = (line: LineState) => Math.max(0, line.fulfilled - line.returned - announced(line));
  return unitsAsked(state, asked, roomOf, 'with the customer and in no other open return');
}

/** Summed by line, if there are so many of each. */
function unitsAsked(
  state: Order,
  asked: readonly LineUnits[],
  roomOf: (line: LineState) => number,
  where: string,
): LineUnits[] | Rejection {
  if (asked.length === 0) return reject('rule_violated', `No line of ${state.orderId} is named.`);
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

/** What is charged for these units is open no more. */
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

function evolve(state: Order | null, { type, data }: OrderEvent, at: number): Order {
  if (type === 'OrderPlaced') return placed(data, at);
  const known = state!;
  switch (type) {
    case 'OrderConfirmed':
      return {
        ...known,
        status: 'confirmed',
        parcels: data.allocation ?? known.parcels,
        reservationId: data.reservationId ?? known.reservationId,
      };
    case 'OrderRejected':
      return { ...known, status: 'rejected' };
    case 'OrderExpired':
      return { ...known, status: 'expired' };
    case 'OrderWithdrawn':
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
      const { operationId, returnId, lines } = data;
      const openReturns = [...known.openReturns, { returnId, lines: lines.map(({ reason, ...units }) => units) }];
      return recorded(
        { ...known, openReturns },
        { kind: 'return_request', operationId, at, amount: 0, returnId, lines },
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

/** Without an operation nothing has to follow. */
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

/** What came back, summed by SKU, apart from what cannot be sold again. */
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
  return lines.find(({ id }) => id === lineId)!;
}

function skusOf({ lines }: Order, units: readonly LineUnits[]): { sku: string; quantity: number }[] {
  const skus = new Map(lines.map(({ id, sku }) => [id, sku]));
  return units.map(({ lineId, quantity }) => ({ sku: skus.get(lineId)!, quantity }));
}

function openOf({ quantity, fulfilled, cancelled }: LineState): number {
  return quantity - fulfilled - cancelled;
}

function isOpen({ lines }: Order): boolean {
  return lines.some((line) => openOf(line) > 0);
}

/** Whether anything is open once these units are not. */
function isOpenBehind(state: Order, units: readonly LineUnits[]): boolean {
  return sum(state.lines.map(openOf)) > sum(units.map(({ quantity }) => quantity));
}

function isFulfilled({ lines }: Order): boolean {
  return lines.some(({ fulfilled }) => fulfilled > 0);
}

/** Nothing is left to send, and all that was sent is back. */
function isWithdrawn(lines: readonly LineState[]): boolean {
  return lines.every((line) => openOf(line) === 0 && line.returned === line.fulfilled);
}

function openAmount({ lines, shippingOpen }: Order): number {
  return shippingOpen.amount + sum(lines.map(({ open }) => open.amount));
}

/** What people call the order: `order_536365` → `536365`; of a long random id the end, with the attempt behind it. */
export function orderNumber(orderId: string): string {
  const key = keyOf(orderId);
  const [attempt = ''] = /-\d+$/.exec(key) ?? [];
  const first = key.slice(0, key.length - attempt.length);
  return `${first.slice(-MAX_NUMBER_LENGTH).toUpperCase()}${attempt}`;
}

export const FULFILMENT_STATUSES = ['not_fulfilled', 'partially_fulfilled', 'fulfilled'] as const;
export type FulfilmentStatus = (typeof FULFILMENT_STATUSES)[number];

/** Of what is not cancelled. */
export function fulfilmentStatusOf(
  lines: readonly { quantity: number; fulfilled: number; cancelled: number }[],
): FulfilmentStatus {
  if (!lines.some(({ fulfilled }) => fulfilled > 0)) return 'not_fulfilled';
  return lines.every(({ quantity, fulfilled, cancelled }) => fulfilled + cancelled === quantity)
    ? 'fulfilled'
    : 'partially_fulfilled';
}
