// What a payment provider has in its own books, as far as this shop is concerned: what webhooks and the reconciliation read.
import type { DisputeFact } from '../../domain/payment/payment.js';
import type { Held } from '../../domain/payment/provider-calls.js';

export interface BookEntry {
  providerRef: string;
  /** Whose it is; absent where this shop did not make it. */
  of?: { paymentId: string; operationId: string };
  /** Minor units. */
  amount: number;
  currency: string;
  held: Held;
  /** Whoever asked for it, minor units. */
  refunded: number;
}

/** What a customer's bank wants back, as it stands now. */
export interface BookDispute {
  providerRef: string;
  dispute: DisputeFact;
}

export interface PaymentBooks {
  /** Throws `Unavailable`. */
  find(providerRef: string): Promise<BookEntry | undefined>;
  /** Opened in `from` ≤ time < `upTo`, in ms. Throws `Unavailable`. */
  opened(window: { from: number; upTo: number }): AsyncIterable<BookEntry>;
  /** Disputes that began in such a time, of payments opened whenever. Throws `Unavailable`. */
  disputed(window: { from: number; upTo: number }): AsyncIterable<BookDispute>;
  /** Lets go of what is held; succeeds where nothing is. */
  letGo(entry: BookEntry): Promise<void>;
}
