// The record of a checkout: the outcome of each stage, first-come. It has started with its order, which says what is bought.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, skuSchema } from '../kernel/id.js';
import type { RejectionCode } from '../kernel/rejection.js';
import { parcelSchema } from '../order/events.js';
import { methodKindSchema } from '../payment/events.js';

export const checkoutIdSchema = idSchema('checkout');

const checkout = { checkoutId: checkoutIdSchema };

/** What an aggregate may refuse a step with, beside stock that is short. */
const REFUSAL_CODES = [
  'not_found',
  'conflict',
  'rule_violated',
  'too_large',
] as const satisfies readonly RejectionCode[];

export const checkoutEvents = {
  /** `available`: what there was of each SKU that was short. */
  CheckoutStockShort: { version: 1, data: z.strictObject({ ...checkout, available: z.record(skuSchema, z.int()) }) },
  /** Stock is reserved and the payment authorised: from here on the order goes through. */
  CheckoutPaymentAuthorised: { version: 1, data: z.strictObject(checkout) },
  CheckoutPaymentDeclined: {
    version: 1,
    data: z.strictObject({ ...checkout, declineCode: z.string().min(1).max(100) }),
  },
  /** The customer has to act, such as in a 3-D Secure step, before the time is over that this kind of payment has; absent: a card. */
  CheckoutActionRequired: { version: 1, data: z.strictObject({ ...checkout, kind: methodKindSchema.optional() }) },
  /** The stock is taken from elsewhere; `round` counts the attempts, the first is 1. */
  CheckoutReallocated: {
    version: 1,
    data: z.strictObject({ ...checkout, round: z.int().min(2), allocation: z.array(parcelSchema).min(1) }),
  },
  /** Nobody paid in time. */
  CheckoutExpired: { version: 1, data: z.strictObject(checkout) },
  CheckoutPaymentUnknown: { version: 1, data: z.strictObject(checkout) },
  /** A step was rejected for a reason that is neither stock nor payment, such as an order that was cancelled meanwhile. */
  CheckoutRefused: {
    version: 1,
    data: z.strictObject({
      ...checkout,
      step: z.string().min(1).max(50),
      code: z.enum(REFUSAL_CODES),
      detail: z.string().max(1_000),
    }),
  },
  CheckoutCompleted: { version: 1, data: z.strictObject(checkout) },
  /** Everything that had been done is undone. */
  CheckoutFailed: { version: 1, data: z.strictObject({ ...checkout, reason: z.string().min(1).max(50) }) },
} satisfies EventDefinitions;

export type CheckoutOutcome = EventOf<typeof checkoutEvents>;
