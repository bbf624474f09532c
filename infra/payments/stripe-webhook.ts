// Stripe's events, once their signature has proved them.
import Stripe from 'stripe';
import type { PaymentNews } from '../../commands/endpoints/payment-webhooks.js';
import { Problem } from '../../domain/kernel/errors.js';
import { disputeIn, intentOf } from './stripe-books.js';

export const STRIPE_SIGNATURE = 'Stripe-Signature';

/** Throws `invalid_request` for what Stripe has not signed with this secret in the last five minutes. */
export function readStripeEvent(stripe: Stripe, secret: string) {
  return (body: Uint8Array, signature: string): PaymentNews => newsIn(verified(body, signature));

  function verified(body: Uint8Array, signature: string): Stripe.Event {
    try {
      return stripe.webhooks.constructEvent(Buffer.from(body), signature, secret);
    } catch (error) {
      const isForged = error instanceof Stripe.errors.StripeSignatureVerificationError || error instanceof SyntaxError;
      if (!isForged) throw error;
      const detail = `is not by Stripe with this shop's secret, or is too old`;
      const errors = [{ pointer: STRIPE_SIGNATURE, detail }];
      throw new Problem('invalid_request', `${STRIPE_SIGNATURE} ${detail}.`, { errors });
    }
  }
}

function newsIn(event: Stripe.Event): PaymentNews {
  if (!event?.data?.object) throw new Problem('invalid_request', 'This is no event of Stripe.');
  const { id, type } = event;
  const about = aboutOf(event);
  return { id, type, ...(about && { about }) };
}

function aboutOf(event: Stripe.Event): PaymentNews['about'] {
  switch (event.type) {
    case 'payment_intent.amount_capturable_updated':
    case 'payment_intent.canceled':
    case 'payment_intent.payment_failed':
    case 'payment_intent.requires_action':
    case 'payment_intent.succeeded':
      return { providerRef: event.data.object.id };
    case 'charge.captured':
    case 'charge.expired':
    case 'charge.refunded':
    case 'charge.updated':
    case 'refund.created':
    case 'refund.failed':
    case 'refund.updated':
      return intentOf(event.data.object);
    case 'charge.dispute.created':
    case 'charge.dispute.updated':
    case 'charge.dispute.closed':
      return disputed(event.data.object);
    default:
      return undefined;
  }
}

function disputed(dispute: Stripe.Dispute): PaymentNews['about'] {
  const about = intentOf(dispute);
  const fact = disputeIn(dispute);
  return about && { ...about, ...(fact && { dispute: fact }) };
}
