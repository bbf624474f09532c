// The payment port: someone who moves money when asked. Every operation is asked for under a key that was stored before
// the first call; asking again under the same key is the same operation and gets the same answer.
import type { Money } from '../../domain/kernel/money.js';

export interface PaymentOperation {
  /** The idempotency key: the operation id in the payment's ledger. */
  key: string;
  paymentId: string;
}

export type AuthorisationAnswer =
  | { status: 'authorised'; providerRef: string }
  | { status: 'declined'; declineCode: string };

/** An error from any of these means that the outcome is not known: it may have happened. Ask again under the same key. */
export interface PaymentProvider {
  authorise(operation: PaymentOperation & { amount: Money; method: string }): Promise<AuthorisationAnswer>;
  capture(operation: PaymentOperation & { amount: Money }): Promise<void>;
  /** Lets go of what is held; succeeds where nothing is. */
  void(operation: PaymentOperation): Promise<void>;
}
