// The payment provider's own records of this shop's payments. Webhooks and the reconciliation read them.
import type { DisputeFact } from '../../domain/payment/payment.js';
import type { Held } from '../../domain/payment/provider-calls.js';

export interface BookEntry {
  providerRef: string;
  /** The payment of the entry. Absent if this shop did not make it. */
  of?: { paymentId: string; operationId: string };
  /** Minor units. */
  amount: number;
  currency: string;
  held: Held;
  /** Refunded by anyone, minor units. */
  refunded: number;
}

/** The current state of a dispute: the amount that a customer's bank wants back. */
export interface BookDispute {
  providerRef: string;
  dispute: DisputeFact;
}

export interface PaymentBooks {
  /** Throws `Unavailable`. */
  find(providerRef: string): Promise<BookEntry | undefined>;
  /** Entries opened in `from` ≤ time < `upTo`, in ms. Throws `Unavailable`. */
  opened(window: { from: number; upTo: number }): AsyncIterable<BookEntry>;
  /** Disputes that began in this window. Their payments may have been opened at any time. Throws `Unavailable`. */
  disputed(window: { from: number; upTo: number }): AsyncIterable<BookDispute>;
  /** Releases the authorised money. Succeeds if there is none. */
  release(entry: BookEntry): Promise<void>;
}
