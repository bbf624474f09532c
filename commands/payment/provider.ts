// The payment port: someone who moves money when asked. Every operation is asked for under a key that was stored before
// the first call; asking again under the same key is the same operation and gets the same answer.
import type { Money } from '../../domain/kernel/money.js';
import type { CaptureDetails } from '../../domain/payment/events.js';
import type { AuthorisationAnswer, Held } from '../../domain/payment/provider-calls.js';

export interface PaymentOperation {
  /** The idempotency key: the operation id in the payment's ledger. */
  key: string;
  paymentId: string;
}

export interface AuthorisationRequest extends PaymentOperation {
  orderId: string;
  amount: Money;
  method: string;
  /** Whose saved method it may be. */
  customerId?: string;
  /** Where the provider has opened an intent already. */
  providerRef?: string;
  /** The customer is not there: what needs them is declined. */
  offSession: boolean;
}

/** An operation on what was authorised before, by all that it was asked for with. */
export interface OperationOn extends PaymentOperation {
  of: AuthorisationRequest;
}

export type CaptureAnswer = ({ status: 'captured' } & CaptureDetails) | { status: 'failed'; reason: string };
export type RefundAnswer = { status: 'refunded'; providerRef?: string } | { status: 'failed'; reason: string };

/**
 * A definite no is an answer. An error from any of these means that the outcome is not known: it may have happened. Ask
 * again under the same key.
 */
export interface PaymentProvider {
  /**
   * Names the payment before it is asked for money; only for providers that work so. `authorise` gets the name. What can
   * never be asked for, such as too small an amount, is declined at once.
   */
  open?(
    request: AuthorisationRequest,
  ): Promise<{ providerRef: string } | (AuthorisationAnswer & { status: 'declined' })>;
  authorise(request: AuthorisationRequest): Promise<AuthorisationAnswer>;
  /** What is held now; a provider without it remembers its keys for ever. */
  retrieve?(request: AuthorisationRequest): Promise<Held>;
  /** `final`: nothing has to be held behind it. */
  capture(operation: OperationOn & { amount: Money; final: boolean }): Promise<CaptureAnswer>;
  /** Lets go of what is held of `of`, keeps what is captured; succeeds where nothing is held or ever was. */
  void(operation: OperationOn): Promise<void>;
  refund(operation: OperationOn & { amount: Money; reason: string }): Promise<RefundAnswer>;
}

export type { AuthorisationAnswer, Held } from '../../domain/payment/provider-calls.js';
