// The record of a checkout: the outcome of each stage. The first recorded outcome wins. The checkout starts with its order, which
// lists what is bought.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, skuSchema } from '../kernel/id.js';
import type { RejectionCode } from '../kernel/rejection.js';
import { parcelSchema } from '../order/events.js';
import { methodKindSchema } from '../payment/events.js';

export const checkoutIdSchema = idSchema('checkout');

const checkout = { checkoutId: checkoutIdSchema };

/** Codes with which an aggregate may reject a step, apart from a stock shortage. */
const REFUSAL_CODES = [
  'not_found',
  'conflict',
  'rule_violated',
  'too_large',
] as const satisfies readonly RejectionCode[];

export const checkoutEvents = {
  /** `available`: the available units of each SKU that was short. */
  CheckoutStockShort: { version: 1, data: z.strictObject({ ...checkout, available: z.record(skuSchema, z.int()) }) },
  /** Stock is reserved and the payment is authorised. From here on the order goes through. */
  CheckoutPaymentAuthorised: { version: 1, data: z.strictObject(checkout) },
  CheckoutPaymentDeclined: {
    version: 1,
    data: z.strictObject({ ...checkout, declineCode: z.string().min(1).max(100) }),
  },
  /**
   * The customer has to act, such as in a 3-D Secure step, within the time that this kind of payment allows. If `kind` is absent,
   * it is a card.
   */
  CheckoutActionRequired: { version: 1, data: z.strictObject({ ...checkout, kind: methodKindSchema.optional() }) },
  /** The stock is taken from other locations. `round` counts the attempts; the first attempt is 1. */
  CheckoutReallocated: {
    version: 1,
    data: z.strictObject({ ...checkout, round: z.int().min(2), allocation: z.array(parcelSchema).min(1) }),
  },
  /** The order was not paid in time. */
  CheckoutExpired: { version: 1, data: z.strictObject(checkout) },
  CheckoutPaymentUnknown: { version: 1, data: z.strictObject(checkout) },
  /** A step was rejected for a reason other than stock or payment, such as an order that was cancelled meanwhile. */
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
  /** All completed steps have been undone. */
  CheckoutFailed: { version: 1, data: z.strictObject({ ...checkout, reason: z.string().min(1).max(50) }) },
} satisfies EventDefinitions;

export type CheckoutOutcome = EventOf<typeof checkoutEvents>;
