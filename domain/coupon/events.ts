// The events of a coupon: its terms, and the orders that redeemed it.
import { z } from 'zod';
import { emailKeySchema } from '../kernel/email.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { skuSchema } from '../kernel/id.js';
import { amountSchema, currencySchema, moneySchema } from '../kernel/money.js';
import { couponCodeSchema, customerIdSchema, orderIdSchema } from '../order/events.js';

/** Most units that a buy-x-get-y coupon requires, or gives. */
const MAX_GROUP = 100;
/** Most SKUs that such a coupon counts. */
const MAX_SKUS = 200;

const instant = z.iso.datetime();

/** When a coupon applies and how often. */
const conditions = {
  validFrom: instant.optional().meta({ description: 'Inclusive. Without it, the coupon is valid at once' }),
  validUntil: instant.optional().meta({ description: 'Exclusive. Without it, the coupon does not expire' }),
  minimum: moneySchema.optional().meta({
    description: 'The minimum total of the goods, before any discount. Carts in another currency get no discount',
  }),
  limit: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'How many orders can redeem the coupon. An order that fails or is cancelled does not count' }),
  limitPerCustomer: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'How many orders of one customer or one e-mail address can redeem the coupon' }),
};

export const couponTermsSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('percentage').meta({ description: 'A percentage off the goods' }),
      basisPoints: z
        .int()
        .min(1)
        .max(10_000)
        .meta({ description: 'The share of the price of the goods, in hundredths of a per cent: 2500 is a quarter' }),
      ...conditions,
    }),
    z.strictObject({
      kind: z.literal('amount').meta({ description: 'An amount off the goods, once for the whole cart' }),
      amount: amountSchema
        .min(1)
        .meta({ description: 'In minor units. The discount is never more than the price of the goods' }),
      currency: currencySchema.meta({ description: 'Carts in another currency get no discount' }),
      ...conditions,
    }),
    z.strictObject({
      kind: z.literal('free_shipping').meta({ description: 'The shipping is free' }),
      ...conditions,
    }),
    z.strictObject({
      kind: z.literal('buy_x_get_y').meta({ description: 'Of every `buy` + `get` units the `get` cheapest are free' }),
      buy: z.int().min(1).max(MAX_GROUP).meta({ description: 'Units that are paid for' }),
      get: z.int().min(1).max(MAX_GROUP).meta({ description: 'Units that are free' }),
      skus: z
        .array(skuSchema)
        .min(1)
        .max(MAX_SKUS)
        .optional()
        .meta({ description: 'The SKUs that count. Without them, all SKUs count' }),
      ...conditions,
    }),
  ])
  .refine(({ validFrom, validUntil }) => !validFrom || !validUntil || Date.parse(validFrom) < Date.parse(validUntil), {
    path: ['validUntil'],
    error: 'validUntil must be after validFrom',
  })
  .refine((terms) => terms.kind !== 'amount' || !terms.minimum || terms.minimum.currency === terms.currency, {
    path: ['minimum', 'currency'],
    error: 'must be the currency of the coupon, because no cart has two currencies',
  });

const redemption = {
  code: couponCodeSchema,
  /**
   * The redeemer that is counted, unless all orders are: a customer or a keyed e-mail address. The address matters because a
   * guest is a new customer in each session.
   */
  redeemer: z.union([customerIdSchema, emailKeySchema]).optional(),
  orderId: orderIdSchema,
};

export const couponEvents = {
  CouponDefined: { version: 1, data: z.strictObject({ code: couponCodeSchema, terms: couponTermsSchema }) },
  CouponRedeemed: { version: 1, data: z.strictObject(redemption) },
  /** The order goes through. From now on it counts without its id. */
  CouponRedemptionConfirmed: { version: 1, data: z.strictObject(redemption) },
  /** The order no longer counts. `confirmed`: it had gone through. */
  CouponReleased: { version: 1, data: z.strictObject({ ...redemption, confirmed: z.literal(true).optional() }) },
} satisfies EventDefinitions;

export type CouponTerms = z.output<typeof couponTermsSchema>;
export type CouponEvent = EventOf<typeof couponEvents>;
