// Work that must be done at some time, even if the process that began it is gone: stalled work, and timers. The feed reports it.
// The worker then asks the streams, which decide by the log's clock whether it is really due.
import { authorisationsOf, isDisputed, type Payment } from '../payment/ledger.js';
import { renewalAt } from '../payment/payment.js';
import type { StockEvent } from '../stock/events.js';

/** Work that has not moved for this long counts as abandoned. Taking it over while another worker still runs it does no harm. */
export const RECOVER_AFTER_MS = 15_000;

/**
 * How long after a customer is forgotten everything about them is deleted again. By then no request of theirs runs any more, and
 * no process has their data key.
 */
export const FORGOTTEN_AGAIN_AFTER_MS = 60_000;

/** Due work as reported by the feed. It is a hint; the streams decide. */
export interface Agenda {
  /** Work that was due before this time (ms of the log's clock), the longest overdue first. */
  due(before: number, limit: number): Promise<AgendaItem[]>;
}

export type AgendaItem =
  /** A checkout that has not ended. `cartId` is set if its cart was submitted. */
  | { kind: 'checkout'; orderId: string; cartId?: string }
  /** A fulfilment, cancellation, return, collection or reallocation that is not yet settled in stock and payment. */
  | { kind: 'settlement'; orderId: string }
  /** A provider that has not answered, or an authorisation that will soon lapse. */
  | { kind: 'payment'; paymentId: string; orderId: string }
  /** An order that counts against the limit of a coupon, while the outcome of its checkout is not yet known. */
  | { kind: 'redemption'; orderId: string; code: string; redeemer?: string }
  /** Reservations that expire: each id with its expiry, in ms of the log's clock. */
  | { kind: 'reservations'; sku: string; location: string; expiries: Readonly<Record<string, number>> }
  /** Units that have left one location (`leftAt`, in ms of the log's clock) and have not arrived at the other. */
  | ({ kind: 'transfer'; leftAt: number } & Extract<StockEvent, { type: 'StockTransferredOut' }>['data'])
  /** Committed units that are missing. `orders` lists, by location, the orders that have to be informed. */
  | { kind: 'shortfall'; sku: string; orders: Readonly<Record<string, readonly string[]>> }
  /** A cart that may be abandoned. `idleSince` is its last activity, in ms of the log's clock. */
  | { kind: 'cart'; cartId: string; idleSince: number }
  /** A customer who was forgotten, and about whom other processes may have written something since. */
  | { kind: 'forgetting'; customerId: string };

/**
 * When somebody has to look after a payment, in ms of the log's clock: the provider has not answered, or what it holds lapses
 * soon. A refund that waits for the end of a dispute is not due. Undefined: nothing is.
 */
export function paymentDueAt(ledger: Payment): number | undefined {
  const { captures, refunds, status } = ledger;
  const calls = isDisputed(ledger) ? captures : [...captures, ...refunds];
  const asked: { requestedAt: number }[] = [
    ...authorisationsOf(ledger).filter((one) => one.status === 'requested' || one.status === 'unknown'),
    ...calls.filter((one) => one.status === 'requested'),
  ];
  if (status === 'void_requested' && ledger.void) asked.push(ledger.void);
  const times = asked.map(({ requestedAt }) => requestedAt + RECOVER_AFTER_MS);
  const renewal = renewalAt(ledger);
  if (renewal !== undefined) times.push(renewal);
  return times.length === 0 ? undefined : Math.min(...times);
}
