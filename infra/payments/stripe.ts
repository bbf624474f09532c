// The payment port on Stripe: one PaymentIntent per authorisation, created before the authorisation is requested and captured
// manually. A definite rejection is an answer; an unclear outcome is thrown, and the request is repeated with the same key.
import Stripe from 'stripe';
import type {
  AuthorisationAnswer,
  AuthorisationRequest,
  CaptureAnswer,
  PaymentProvider,
  RefundAnswer,
} from '../../commands/payment/provider.js';
import { defined } from '../../domain/kernel/json.js';
import { authorisationIn, captureIn, readIntent, WITH_CHARGE } from './stripe-books.js';

/** After a timeout the shop repeats the request, and by then the outcome is known. */
const CALL_TIMEOUT_MS = 20_000;
const MAX_REASON_LENGTH = 200;

export interface StripeConnection {
  secretKey: string;
  /** Address of a server that stands in for Stripe. */
  apiUrl?: string;
}

export function connectStripe({ secretKey, apiUrl }: StripeConnection): Stripe {
  return new Stripe(secretKey, {
    maxNetworkRetries: 0,
    timeout: CALL_TIMEOUT_MS,
    telemetry: false,
    ...(apiUrl !== undefined && addressOf(new URL(apiUrl))),
  });
}

function addressOf({ hostname, port, protocol }: URL) {
  const isPlain = protocol === 'http:';
  return { host: hostname, port: port || (isPlain ? 80 : 443), protocol: isPlain ? 'http' : 'https' } as const;
}

export interface StripeProviderDeps {
  stripe: Stripe;
  /** Stripe's id of a customer who has saved cards. */
  customerRefOf: (customerId: string) => Promise<string | undefined>;
}

export function createStripeProvider({ stripe, customerRefOf }: StripeProviderDeps): PaymentProvider {
  const { paymentIntents, refunds } = stripe;

  /** An unconfirmed intent holds no money, so an unused one can be left as it is. */
  async function open({ key, paymentId, orderId, amount, customerId }: AuthorisationRequest) {
    if (COUNTED_OTHERWISE.includes(amount.currency)) return NOT_SUPPORTED;
    const customer = customerId === undefined ? undefined : await customerRefOf(customerId);
    const params: Stripe.PaymentIntentCreateParams = {
      amount: amount.amount,
      currency: amount.currency.toLowerCase(),
      capture_method: 'manual',
      allowed_payment_method_types: ['card'],
      metadata: { paymentId, orderId, operationId: key },
      ...defined({ customer }),
    };
    // A customer's first saved card changes the request, so the key must change, too.
    const idempotencyKey = customer === undefined ? `${key}/create` : `${key}/create/${customer}`;
    try {
      const { id } = await paymentIntents.create(params, { idempotencyKey });
      return { providerRef: id };
    } catch (error) {
      return isSpent(error) ? SPENT : declined(refusalIn(error));
    }
  }

  /** Known after the first confirmation. */
  let isPartsRefused = false;

  /** An account without multicapture pricing gets an error even for a request "if available". */
  async function confirm(id: string, key: string, params: Stripe.PaymentIntentConfirmParams) {
    const once = () => paymentIntents.confirm(id, params, { idempotencyKey: `${key}/confirm/once` });
    if (isPartsRefused) return once();
    try {
      return await paymentIntents.confirm(id, { ...params, ...IN_PARTS }, { idempotencyKey: `${key}/confirm` });
    } catch (error) {
      if (!isParameterRefused(error)) throw error;
      const intent = await once();
      isPartsRefused = true;
      return intent;
    }
  }

  async function authorise({ key, method, offSession, providerRef }: AuthorisationRequest) {
    const id = intentOf(providerRef);
    const params = { payment_method: method, expand: ['latest_charge'], ...(offSession && { off_session: true }) };
    try {
      return decided(await confirm(id, key, params));
    } catch (error) {
      const refusal = isSpent(error) ? undefined : refusalIn(error);
      if (refusal && refusal.code !== 'payment_intent_unexpected_state') return declined(refusal);
      const { intent, held } = await readIntent(stripe, id);
      return held.authorisation.status === 'none' && !refusal ? SPENT : decided(intent);
    }
  }

  return {
    open,
    authorise,

    /** An intent without a recorded reference was never confirmed, because the reference is recorded first. */
    async retrieve({ providerRef }) {
      if (providerRef === undefined)
        return { authorisation: { status: 'none' }, captured: 0, capturable: 0, refunds: [] };
      return (await readIntent(stripe, providerRef)).held;
    },

    async capture({ key, of, amount, final }): Promise<CaptureAnswer> {
      const several = !final && { final_capture: false };
      try {
        const params = { amount_to_capture: amount.amount, expand: WITH_CHARGE, ...several };
        const intent = await paymentIntents.capture(intentOf(of.providerRef), params, { idempotencyKey: key });
        const { fee, ...details } = captureIn(intent);
        const isOnly = intent.amount_received === amount.amount;
        return { status: 'captured', ...details, ...defined({ fee: isOnly ? fee : undefined }) };
      } catch (error) {
        return failed(refusalIn(error));
      }
    },

    async void({ key, of: { providerRef } }) {
      if (providerRef === undefined) return;
      try {
        await paymentIntents.cancel(providerRef, {}, { idempotencyKey: key });
      } catch (error) {
        const { code, payment_intent } = refusalIn(error);
        const holdsNothing = payment_intent?.status === 'canceled' || payment_intent?.status === 'succeeded';
        if (code !== 'payment_intent_unexpected_state' || !holdsNothing) throw error;
      }
    },

    async refund({ key, of, amount }): Promise<RefundAnswer> {
      try {
        const { id, status, failure_reason } = await refunds.create(
          { payment_intent: intentOf(of.providerRef), amount: amount.amount, metadata: { operationId: key } },
          { idempotencyKey: key },
        );
        // A pending refund is on its way. A later failure is reported separately.
        const isFailed = status === 'failed' || status === 'canceled';
        return isFailed
          ? { status: 'failed', reason: failure_reason ?? 'failed at Stripe' }
          : { status: 'refunded', providerRef: id };
      } catch (error) {
        return failed(refusalIn(error));
      }
    },
  };
}

/**
 * Stripe's minor units (docs.stripe.com/currencies) of these currencies differ from ISO 4217: it would charge a hundredth of an
 * amount in króna or shillings, and a hundred times an amount in ariary. For currencies with three decimals it requires the
 * last digit to be 0. Part of an amount may break that rule, which would show only after the sale.
 */
const COUNTED_OTHERWISE: readonly string[] = ['ISK', 'MGA', 'UGX', 'BHD', 'JOD', 'KWD', 'OMR', 'TND'];
const NOT_SUPPORTED = { status: 'declined', declineCode: 'currency_not_supported' } as const;

/** Requests that the held amount may be captured with each shipment. */
const IN_PARTS = { payment_method_options: { card: { request_multicapture: 'if_available' } } } as const;

function isParameterRefused(error: unknown): boolean {
  const { StripeInvalidRequestError } = Stripe.errors;
  return error instanceof StripeInvalidRequestError && error.code === 'payment_intent_invalid_parameter';
}

function intentOf(providerRef: string | undefined): string {
  if (providerRef === undefined)
    throw new Error('A PaymentIntent must be opened and its id recorded before it is used.');
  return providerRef;
}

/** The answer that a confirmation gives. */
function decided(intent: Stripe.PaymentIntent): AuthorisationAnswer {
  const answer = authorisationIn(intent);
  switch (answer.status) {
    case 'released':
      return { status: 'declined', declineCode: 'cancelled' };
    case 'none':
    case 'pending':
      throw new Error(`${intent.id} is ${intent.status}; ask again.`);
    default:
      return answer;
  }
}

type Refusal = Stripe.errors.StripeCardError | Stripe.errors.StripeInvalidRequestError;

/** The definite rejection in an error. Stripe repeats it for the same key. Any other error is thrown again. */
function refusalIn(error: unknown): Refusal {
  const { StripeCardError, StripeInvalidRequestError } = Stripe.errors;
  const isRefusal = error instanceof StripeCardError || error instanceof StripeInvalidRequestError;
  if (isRefusal && DEFINITE.includes(error.statusCode ?? 0)) return error;
  throw error;
}

const DEFINITE = [400, 402, 404];

/**
 * Stripe also keeps its own failures under the key for a day. A replayed failure is final, so it is reported at once instead of
 * after that day.
 */
function isSpent(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeAPIError && error.headers?.['idempotent-replayed'] === 'true';
}

const SPENT = { status: 'declined', declineCode: 'provider_error' } as const;

/** The package gives an empty text for a missing code. */
function declined({ decline_code, code }: Refusal): AuthorisationAnswer & { status: 'declined' } {
  return { status: 'declined', declineCode: decline_code || code || 'invalid_request' };
}

function failed({ code, message }: Refusal): { status: 'failed'; reason: string } {
  return { status: 'failed', reason: (code ?? message).slice(0, MAX_REASON_LENGTH) };
}
