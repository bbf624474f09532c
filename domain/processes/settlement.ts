// Settlement, pure: how stock, payment, coupons, shipment or return follow one operation of an order, be it a fulfilment,
// a cancellation, a return, a collection or a reallocation. Whoever runs it takes the steps in order, and any number of times: every id
// derives from the operation. Operations are settled one after the other, so each finds the money where the one before it
// left it.
import { countsOf, coupon as couponDecider, couponStream } from '../coupon/coupon.js';
import { type Return, type ReturnCommand, returns } from '../fulfilment/return.js';
import { shipment } from '../fulfilment/shipment.js';
import type { Decider } from '../kernel/decider.js';
import type { DomainEvent } from '../kernel/event.js';
import { streamOf } from '../kernel/id.js';
import { keyOfStream, type StreamId } from '../kernel/stream.js';
import { dueWith, type Operation, type Order, type OrderCommand, order as orderDecider } from '../order/order.js';
import { taxesOfPart } from '../order/taxes.js';
import {
  captureId,
  heldOf,
  isDisputed,
  isPaidAhead,
  lostOf,
  type Payment,
  paidFor,
  partsOf,
  refundableOf,
  refundId,
} from '../payment/ledger.js';
import { type PaymentCommand, payment as paymentDecider } from '../payment/payment.js';
import { type StockCommand, stockItem, stockStream } from '../stock/stock-item.js';
import type { Issued, Step } from './step.js';

type Of<K extends Operation['kind']> = Extract<Operation, { kind: K }>;

export function settlementSteps(order: Order, operation: Operation, payment: Payment): readonly Step[] {
  switch (operation.kind) {
    case 'fulfilment':
      return [
        dispatch(operation),
        takeParcels(order, operation, 'ShipReservation'),
        capture(order, operation, payment),
      ];
    case 'cancellation':
      return [
        takeParcels(order, operation, 'ReleaseReservation'),
        giveBack(order, operation, payment),
        ...(operation.whole ? [releaseCoupons(order, operation)] : []),
      ];
    case 'return':
      return [
        restock(operation),
        receive(operation),
        refund(order, operation, payment),
        ...(isHeldInVain(order, payment, operation.operationId) ? [letGo(operation.operationId, payment)] : []),
      ];
    case 'collection':
      return [collect(order, operation, payment)];
    case 'reallocation':
      return [reallocate(order, operation)];
    case 'return_request':
      return [{ commands: [requestReturn(order, operation)] }];
  }
}

/** What the order is told once the steps are taken. Nothing more is sent while the money for what was sent is not to be had. */
export function settlementEnd(
  order: Order,
  { operationId }: Operation,
  { captures }: Payment,
): Issued<OrderCommand, Order | null>[] {
  const failed = captures.some((one) => one.operationId === captureId(operationId) && one.status === 'failed');
  const hold = { type: 'HoldOrder', code: 'payment_failed' } as const;
  return [
    ...(failed && order.status === 'confirmed' ? [toOrder(order, operationId, hold)] : []),
    toOrder(order, operationId, { type: 'SettleOperation', operationId }),
  ];
}

function takeParcels(
  { reservationId }: Order,
  { operationId, from }: Of<'fulfilment' | 'cancellation'>,
  type: 'ShipReservation' | 'ReleaseReservation',
): Step {
  const commands = from.map(({ sku, location, quantity }) => {
    const key = { sku, location };
    const command = { type, ...key, reservationId, operationId, quantity } as const;
    return issued(operationId, stockItem, stockStream(key), command);
  });
  return { commands };
}

/**
 * At first the units are reserved elsewhere; the order is told what came of it, and decides. Then they are committed there and let
 * go here, or let go there. The reservation is called after the operation, which is called after the order.
 */
function reallocate({ reservationId }: Order, { operationId, from, to, phase }: Of<'reallocation'>): Step {
  const there = to.flatMap(({ sku, location, quantity }) => {
    const id = { sku, location, reservationId: operationId };
    const command: StockCommand =
      phase === 'requested'
        ? { type: 'ReserveStock', ...id, quantity }
        : phase === 'moved'
          ? { type: 'CommitReservation', ...id, moved: true }
          : { type: 'ReleaseReservation', ...id };
    return issued(operationId, stockItem, stockStream(id), command);
  });
  const { quantity, ...place } = from;
  const here: StockCommand = { type: 'ReleaseReservation', ...place, reservationId, operationId, quantity };
  return { commands: phase === 'moved' ? [...there, issued(operationId, stockItem, stockStream(place), here)] : there };
}

function dispatch({ operationId }: Of<'fulfilment'>): Step {
  return { commands: [issued(operationId, shipment, streamOf(operationId), { type: 'RecordDispatch' })] };
}

/** The share of what was sent; of an order that costs nothing, nothing. What could not be had before stays held, too. */
function capture(order: Order, { operationId, amount, open }: Of<'fulfilment'>, payment: Payment): Step {
  const owesNothing = amount === 0 && payment.authorisation?.amount !== 0;
  const owedBefore = Math.max(0, owedOf(order, payment, operationId) - amount);
  const rest = open + owedBefore;
  const id = captureId(operationId);
  const command = { type: 'RequestCapture', operationId: id, amount, rest, final: rest === 0 } as const;
  return toPayment(operationId, payment, owesNothing ? [] : [command]);
}

/** What the customer keeps and has not paid, with what will have to be captured later on; if neither, what is held is let go. */
function collect(order: Order, operation: Of<'collection'>, payment: Payment): Step {
  const { operationId } = operation;
  const id = captureId(operationId);
  const asked = payment.captures.some((one) => one.operationId === id);
  const amount = owedOf(order, payment, operationId);
  const { open } = dueWith(order, operationId);
  const rest = isPaidAhead(payment) ? 0 : open;
  const command = { type: 'RequestCapture', operationId: id, amount, rest, final: rest === 0 } as const;
  if (!asked && amount === 0 && open === 0) return letGo(operationId, payment);
  return toPayment(operationId, payment, asked || amount === 0 ? [] : [command]);
}

/** What could not be had for what was sent and is kept, as of an operation that is to be settled, or of now. */
export function owedOf(order: Order, payment: Payment, operationId?: string): number {
  return Math.max(0, -excessOf(order, payment, operationId));
}

/**
 * What is paid beyond what the customer keeps, and what is still open if it is paid ahead. The others that are unsettled
 * count on neither side, though another worker may have moved their money already.
 */
function excessOf(order: Order, payment: Payment, operationId?: string): number {
  const { kept, open } = dueWith(order, operationId);
  const others = order.unsettled.map((other) => other.operationId).filter((id) => id !== operationId);
  return paidFor(payment, order.operationIds, others) - kept - (isPaidAhead(payment) ? open : 0);
}

/**
 * What was captured ahead is refunded; what is still held and nobody will owe any more is let go. What could not be had for
 * what was sent is owed, and may be collected yet.
 */
function giveBack(order: Order, operation: Of<'cancellation'>, payment: Payment): Step {
  if (isPaidAhead(payment)) return refund(order, operation, payment);
  const { operationId, open, whole } = operation;
  // Where there was nothing to pay, nothing owed does not mean nothing to send.
  const hasNoUse = open === 0 && (whole || payment.authorisation?.amount !== 0);
  const isOwed = owedOf(order, payment, operationId) > 0;
  return hasNoUse && !isOwed ? letGo(operationId, payment) : toPayment(operationId, payment, []);
}

/** What may still be captured for it, now or later on. */
export function neededOf(order: Order, payment: Payment): number {
  return owedOf(order, payment) + (isPaidAhead(payment) ? 0 : dueWith(order).open);
}

/** Money that could not be had, and that nobody owes any more: what it was for is back, or was given as a favour. */
export function isHeldInVain(order: Order, payment: Payment, operationId?: string): boolean {
  if (heldOf(payment) === 0 || dueWith(order, operationId).open > 0) return false;
  return owedOf(order, payment, operationId) === 0;
}

function letGo(operationId: string, payment: Payment): Step {
  const { paymentId, orderId } = payment;
  return toPayment(operationId, payment, [
    { type: 'RequestVoid', operationId: `${operationId}/void`, paymentId, orderId },
  ]);
}

/**
 * Only what was paid: not what could not be captured, nor what a bank has given back for the same goods. Never above what can
 * be refunded: somebody may have given some of it back before. A dispute has to be decided first. Money that somebody else
 * moves is back already: asked for and answered in one commit.
 */
function refund(order: Order, operation: Of<'cancellation' | 'return'>, payment: Payment): Step {
  const { operationId, kind, amount } = operation;
  const id = refundId(operationId);
  const asked = partsOf(payment, id).length > 0;
  const owed = Math.max(0, Math.min(amount, excessOf(order, payment, operationId) - lostOf(payment)));
  const due = isDisputed(payment) ? owed : Math.min(owed, refundableOf(payment));
  const taxes = taxesOfPart(operation.taxes ?? [], due, amount);
  const of = {
    ...(taxes.length > 0 && { taxes }),
    ...(operation.kind === 'return' && { location: operation.location }),
  };
  const command = { type: 'RequestRefund', operationId: id, amount: due, reason: kind, ...of } as const;
  const isDone = payment.authorisation?.provider === 'external';
  const done = { type: 'RecordRefunded', operationId: id } as const;
  return toPayment(operationId, payment, asked || due === 0 ? [] : isDone ? [command, done] : [command]);
}

function restock({ operationId, back }: Of<'return'>): Step {
  const commands = back.map(({ sku, location, quantity, writtenOff }) => {
    const key = { sku, location };
    const movementId = writtenOff ? `${operationId}/written-off` : operationId;
    const command = { type: 'ReturnStock', ...key, movementId, quantity, writtenOff } as const;
    return issued(movementId, stockItem, stockStream(key), command);
  });
  return { commands };
}

/** Also issued by whoever asks for the return, so that it is there when they are answered. */
export function requestReturn(
  { orderId, customerId }: Pick<Order, 'orderId' | 'customerId'>,
  { operationId, returnId, lines }: Pick<Of<'return_request'>, 'operationId' | 'returnId' | 'lines'>,
): Issued<ReturnCommand, Return | null> {
  const command: ReturnCommand = { type: 'RequestReturn', returnId, orderId, customerId, lines: [...lines] };
  return issued(operationId, returns, streamOf(returnId), command);
}

function receive({ operationId, lines, location, amount }: Of<'return'>): Step {
  const command: ReturnCommand = { type: 'RecordReceived', lines: [...lines], location, amount };
  return { commands: [issued(operationId, returns, streamOf(operationId), command)] };
}

function releaseCoupons(order: Order, { operationId }: Operation): Step {
  const commands = order.coupons.flatMap((coupon) =>
    countsOf(coupon, order).map(({ code, redeemer }) => {
      const redemption = { code, ...(redeemer !== undefined && { redeemer }), orderId: order.orderId };
      const command = { type: 'ReleaseRedemption', ...redemption, confirmed: true } as const;
      return issued(operationId, couponDecider, couponStream(redemption), command);
    }),
  );
  return { commands };
}

function toPayment(operationId: string, { paymentId }: Payment, commands: readonly PaymentCommand[]): Step {
  return {
    commands: commands.map((command) => issued(operationId, paymentDecider, streamOf(paymentId), command)),
    provider: { call: 'ask', paymentId },
  };
}

function toOrder({ orderId }: Order, operationId: string, command: OrderCommand): Issued<OrderCommand, Order | null> {
  return issued(operationId, orderDecider, streamOf(orderId), command);
}

function issued<C extends { type: string }, S>(
  operationId: string,
  decider: Decider<C, S, DomainEvent>,
  stream: StreamId,
  command: C,
): Issued<C, S> {
  return { id: `${operationId}/${command.type}/${keyOfStream(stream)}`, stream, decider, command };
}
