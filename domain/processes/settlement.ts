// Settlement, pure: how stock, payment, coupons, shipment or return follow one operation of an order: a fulfilment, a
// cancellation, a return, a collection or a reallocation. A worker takes the steps in order and may repeat them: every id
// derives from the operation. Operations are settled one after the other, so each starts with the money as the previous one
// left it.
import { countsOf, coupon as couponDecider, couponStream } from '../coupon/coupon.js';
import { type Return, type ReturnCommand, returns } from '../fulfilment/return.js';
import { shipment } from '../fulfilment/shipment.js';
import type { Decider } from '../kernel/decider.js';
import type { DomainEvent } from '../kernel/event.js';
import { streamOf } from '../kernel/id.js';
import { defined } from '../kernel/json.js';
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
        refundOrVoid(order, operation, payment),
        ...(operation.whole ? [releaseCoupons(order, operation)] : []),
      ];
    case 'return':
      return [
        restock(operation),
        receive(operation),
        refund(order, operation, payment),
        ...(isNoLongerOwed(order, payment, operation.operationId) ? [voidPayment(operation.operationId, payment)] : []),
      ];
    case 'collection':
      return [collect(order, operation, payment)];
    case 'reallocation':
      return [reallocate(order, operation)];
    case 'return_request':
      return [{ commands: [requestReturn(order, operation)] }];
  }
}

/**
 * The command that the order gets after the steps. Nothing more is sent while the money for dispatched goods cannot be captured.
 */
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
 * First the units are reserved at the new location, and the order decides with the result. Then they are either committed there
 * and released here, or released there. The id of the reservation is that of the operation, which contains the order's id.
 */
function reallocate({ reservationId }: Order, { operationId, from, to, phase }: Of<'reallocation'>): Step {
  const there = to.flatMap(({ sku, location, quantity }) => {
    const id = { sku, location, reservationId: operationId };
    const command: StockCommand =
      phase === 'requested'
        ? { type: 'ReserveStock', ...id, quantity }
        : phase === 'moved'
          ? { type: 'CommitReservation', ...id }
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

/**
 * Captures the share of what was sent. An order that costs nothing captures nothing. Amounts that could not be captured earlier
 * stay authorised too.
 */
function capture(order: Order, { operationId, amount, open }: Of<'fulfilment'>, payment: Payment): Step {
  const owesNothing = amount === 0 && payment.authorisation?.amount !== 0;
  const owedBefore = Math.max(0, owedOf(order, payment, operationId) - amount);
  const rest = open + owedBefore;
  const id = captureId(operationId);
  const command = { type: 'RequestCapture', operationId: id, amount, rest, final: rest === 0 } as const;
  return toPayment(operationId, payment, owesNothing ? [] : [command]);
}

/**
 * Captures the unpaid amount for goods that the customer keeps, and keeps the authorisation for what is still to be captured. If
 * both are zero, the authorisation is voided.
 */
function collect(order: Order, operation: Of<'collection'>, payment: Payment): Step {
  const { operationId } = operation;
  const id = captureId(operationId);
  const asked = payment.captures.some((one) => one.operationId === id);
  const amount = owedOf(order, payment, operationId);
  const { open } = dueWith(order, operationId);
  const rest = isPaidAhead(payment) ? 0 : open;
  const command = { type: 'RequestCapture', operationId: id, amount, rest, final: rest === 0 } as const;
  if (!asked && amount === 0 && open === 0) return voidPayment(operationId, payment);
  return toPayment(operationId, payment, asked || amount === 0 ? [] : [command]);
}

/**
 * The unpaid amount for goods that were sent and are kept. It is computed as of the operation that is to be settled, or as of
 * now.
 */
export function owedOf(order: Order, payment: Payment, operationId?: string): number {
  return Math.max(0, -excessOf(order, payment, operationId));
}

/**
 * The amount paid beyond what the customer keeps and, if paid ahead, beyond what is still open. Other unsettled operations count
 * on neither side, although another worker may already have moved their money.
 */
function excessOf(order: Order, payment: Payment, operationId?: string): number {
  const { kept, open } = dueWith(order, operationId);
  const others = order.unsettled.map((other) => other.operationId).filter((id) => id !== operationId);
  return paidFor(payment, order.operationIds, others) - kept - (isPaidAhead(payment) ? open : 0);
}

/**
 * A payment captured ahead is refunded. An authorisation that nothing will use any more is voided. An unpaid amount for goods
 * that were sent is still owed and may be collected later.
 */
function refundOrVoid(order: Order, operation: Of<'cancellation'>, payment: Payment): Step {
  if (isPaidAhead(payment)) return refund(order, operation, payment);
  const { operationId, open, whole } = operation;
  // If there was nothing to pay, owing nothing does not mean that there is nothing left to send.
  const hasNoUse = open === 0 && (whole || payment.authorisation?.amount !== 0);
  const isOwed = owedOf(order, payment, operationId) > 0;
  return hasNoUse && !isOwed ? voidPayment(operationId, payment) : toPayment(operationId, payment, []);
}

/** The amount that may still be captured for the order, now or later. */
export function neededOf(order: Order, payment: Payment): number {
  return owedOf(order, payment) + (isPaidAhead(payment) ? 0 : dueWith(order).open);
}

/** Authorised money that is no longer owed: the goods came back, or the customer may keep them for free. */
export function isNoLongerOwed(order: Order, payment: Payment, operationId?: string): boolean {
  if (heldOf(payment) === 0 || dueWith(order, operationId).open > 0) return false;
  return owedOf(order, payment, operationId) === 0;
}

function voidPayment(operationId: string, payment: Payment): Step {
  const { paymentId, orderId } = payment;
  return toPayment(operationId, payment, [
    { type: 'RequestVoid', operationId: `${operationId}/void`, paymentId, orderId },
  ]);
}

/**
 * Refunds only what was paid: not what could not be captured, nor what a bank has already returned for the same goods. It never
 * exceeds the refundable amount, because some of it may have been refunded before. An open dispute has to be decided first. With
 * an external provider the money is already back: the refund is requested and recorded in one commit.
 */
function refund(order: Order, operation: Of<'cancellation' | 'return'>, payment: Payment): Step {
  const { operationId, kind, amount } = operation;
  const id = refundId(operationId);
  const asked = partsOf(payment, id).length > 0;
  const owed = Math.max(0, Math.min(amount, excessOf(order, payment, operationId) - lostOf(payment)));
  const due = isDisputed(payment) ? owed : Math.min(owed, refundableOf(payment));
  const taxes = taxesOfPart(operation.taxes ?? [], due, amount);
  const of = defined({
    taxes: taxes.length > 0 ? taxes : undefined,
    location: operation.kind === 'return' ? operation.location : undefined,
  });
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

/** Also issued by the endpoint that requests the return, so that the return exists when it answers. */
export function requestReturn(
  { orderId, customerId }: Pick<Order, 'orderId' | 'customerId'>,
  {
    operationId,
    returnId,
    lines,
    reasons,
  }: Pick<Of<'return_request'>, 'operationId' | 'returnId' | 'lines' | 'reasons'>,
): Issued<ReturnCommand, Return | null> {
  const command: ReturnCommand = { type: 'RequestReturn', returnId, orderId, customerId, lines, reasons };
  return issued(operationId, returns, streamOf(returnId), command);
}

function receive({ operationId, lines, location, amount }: Of<'return'>): Step {
  const command: ReturnCommand = { type: 'RecordReceived', lines: [...lines], location, amount };
  return { commands: [issued(operationId, returns, streamOf(operationId), command)] };
}

function releaseCoupons(order: Order, { operationId }: Operation): Step {
  const commands = order.coupons.flatMap((coupon) =>
    countsOf(coupon, order).map(({ code, redeemer }) => {
      const redemption = { code, ...defined({ redeemer }), orderId: order.orderId };
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
