// The payment port: a provider that moves money. Every operation has a key that is stored before the first call. Another call
// with the same key is the same operation and gets the same answer.
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
  /** The customer who may own the saved method. */
  customerId?: string;
  /** Set if the provider has already opened an intent. */
  providerRef?: string;
  /** The customer is not present: a payment that needs them is declined. */
  offSession: boolean;
}

/** An operation on an earlier authorisation, with everything that it was requested with. */
export interface OperationOn extends PaymentOperation {
  of: AuthorisationRequest;
}

export type CaptureAnswer = ({ status: 'captured' } & CaptureDetails) | { status: 'failed'; reason: string };
export type RefundAnswer = { status: 'refunded'; providerRef?: string } | { status: 'failed'; reason: string };

/**
 * A definite refusal is an answer. An error from any of these calls means that the outcome is unknown: the operation may have
 * happened. Call again with the same key.
 */
export interface PaymentProvider {
  /**
   * Names the payment before any money is requested, for providers that need this. `authorise` gets the name. A request that can
   * never succeed, such as one for too small an amount, is declined at once.
   */
  open?(
    request: AuthorisationRequest,
  ): Promise<{ providerRef: string } | (AuthorisationAnswer & { status: 'declined' })>;
  authorise(request: AuthorisationRequest): Promise<AuthorisationAnswer>;
  /** The provider's current state. A provider without this method remembers its keys forever. */
  retrieve?(request: AuthorisationRequest): Promise<Held>;
  /** `final`: nothing has to stay authorised afterwards. */
  capture(operation: OperationOn & { amount: Money; final: boolean }): Promise<CaptureAnswer>;
  /** Releases the authorised money of `of` and keeps what is captured. Succeeds if nothing is or ever was authorised. */
  void(operation: OperationOn): Promise<void>;
  refund(operation: OperationOn & { amount: Money }): Promise<RefundAnswer>;
}

export type { AuthorisationAnswer, Held } from '../../domain/payment/provider-calls.js';
