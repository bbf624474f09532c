// What has to be done some time, whether or not the process that began it is alive: work that stands still, and timers.
// The feed tells of it; whoever does it asks the streams, which decide by the log's clock whether it is really due.
import { authorisationsOf, isDisputed, type Payment } from '../payment/ledger.js';
import { renewalAt } from '../payment/payment.js';
import type { StockEvent } from '../stock/events.js';

/** Work that has not moved for this long is taken for abandoned; doing it beside somebody who is at it does no harm. */
export const RECOVER_AFTER_MS = 15_000;

/** What the feed tells of work that is due; a hint, the streams decide. */
export interface Agenda {
  /** What was due before this time (ms of the log's clock), the longest due first. */
  due(before: number, limit: number): Promise<AgendaItem[]>;
}

export type AgendaItem =
  /** A checkout that has not ended; `cartId` where its cart was submitted. */
  | { kind: 'checkout'; orderId: string; cartId?: string }
  /** A fulfilment, cancellation, return, collection or reallocation that stock and payment have not followed. */
  | { kind: 'settlement'; orderId: string }
  /** A provider that has not answered, or money that will not be held much longer. */
  | { kind: 'payment'; paymentId: string; orderId: string }
  /** An order counts against the limit of a coupon, and nobody has said what became of its checkout. */
  | { kind: 'redemption'; orderId: string; code: string; redeemer?: string }
  /** Reservations that run out: each id, and when in ms of the log's clock. */
  | { kind: 'reservations'; sku: string; location: string; expiries: Readonly<Record<string, number>> }
  /** Units that have left one location, `leftAt` in ms of the log's clock, and have not arrived at the other. */
  | ({ kind: 'transfer'; leftAt: number } & Extract<StockEvent, { type: 'StockTransferredOut' }>['data'])
  /** Units that are committed and not there; by location the orders that are told so. */
  | { kind: 'shortfall'; sku: string; orders: Readonly<Record<string, readonly string[]>> }
  /** A cart that may have been left: nothing was heard of it since, in ms of the log's clock. */
  | { kind: 'cart'; cartId: string; idleSince: number };

/**
 * When somebody has to look after a payment, in ms of the log's clock: the provider has not answered, or what it holds lapses
 * soon. A refund that waits for the end of a dispute is not due. Undefined: nothing is.
 */
export function paymentDueAt(ledger: Payment): number | undefined {
  const { captures, refunds, status } = ledger;
  const asked = [
    ...authorisationsOf(ledger).filter((one) => one.status === 'requested' || one.status === 'unknown'),
    ...[...captures, ...(isDisputed(ledger) ? [] : refunds)].filter((one) => one.status === 'requested'),
    ...(status === 'void_requested' && ledger.void ? [ledger.void] : []),
  ];
  const times = asked.map(({ requestedAt }) => requestedAt + RECOVER_AFTER_MS);
  const renewal = renewalAt(ledger);
  if (renewal !== undefined) times.push(renewal);
  return times.length === 0 ? undefined : Math.min(...times);
}
