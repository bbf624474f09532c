// Reads Stripe's events after verifying their signature.
import Stripe from 'stripe';
import { z } from 'zod';
import type { WebhookEvent } from '../../commands/checkout/payment-webhooks.js';
import { invalidField } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import { amountSchema } from '../../domain/kernel/money.js';
import { reasonSchema } from '../../domain/payment/events.js';
import { disputeIn, intentOf } from './stripe-books.js';

export const STRIPE_SIGNATURE = 'Stripe-Signature';

/** Throws `invalid_request` for a body that Stripe did not sign with this secret in the last five minutes. */
export function readStripeEvent(stripe: Stripe, secret: string) {
  return (body: Uint8Array, signature: string): WebhookEvent => eventIn(verified(body, signature));

  function verified(body: Uint8Array, signature: string): unknown {
    try {
      return stripe.webhooks.constructEvent(Buffer.from(body), signature, secret);
    } catch (error) {
      if (error instanceof SyntaxError) throw invalidField('', 'The event is not JSON');
      if (!(error instanceof Stripe.errors.StripeSignatureVerificationError)) throw error;
      throw invalidField(STRIPE_SIGNATURE, `does not match this shop's webhook secret, or is too old`);
    }
  }
}

const name = z.string().min(1);
const eventSchema = z.object({ id: name, type: name, data: z.object({ object: z.looseObject({}) }) });

/** The fields of an event's object that are read. */
const intentSchema = z.object({ id: name });
const ofIntentSchema = z.object({ payment_intent: z.union([name, intentSchema]).nullable() });
const disputeSchema = ofIntentSchema.extend({ id: name, amount: amountSchema, reason: reasonSchema, status: name });

function eventIn(event: unknown): WebhookEvent {
  const { id, type, data } = read(eventSchema, event);
  const about = aboutOf(type as Stripe.Event['type'], data.object);
  return { id, type, ...defined({ about }) };
}

function aboutOf(type: Stripe.Event['type'], object: unknown): WebhookEvent['about'] {
  switch (type) {
    case 'payment_intent.amount_capturable_updated':
    case 'payment_intent.canceled':
    case 'payment_intent.payment_failed':
    case 'payment_intent.requires_action':
    case 'payment_intent.succeeded':
      return { providerRef: read(intentSchema, object, OBJECT).id };
    case 'charge.captured':
    case 'charge.expired':
    case 'charge.refunded':
    case 'charge.updated':
    case 'refund.created':
    case 'refund.failed':
    case 'refund.updated':
      return intentOf(read(ofIntentSchema, object, OBJECT));
    case 'charge.dispute.created':
    case 'charge.dispute.updated':
    case 'charge.dispute.closed':
      return disputed(read(disputeSchema, object, OBJECT));
    default:
      return undefined;
  }
}

function disputed(dispute: z.output<typeof disputeSchema>): WebhookEvent['about'] {
  const about = intentOf(dispute);
  const fact = disputeIn(dispute);
  return about && { ...about, ...defined({ dispute: fact }) };
}

/** JSON pointer of the object in an event. */
const OBJECT = '/data/object';

function read<T>(schema: z.ZodType<T>, value: unknown, at = ''): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw invalidField([at, ...path].join('/'), message);
}
