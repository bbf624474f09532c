// What can happen to a coupon: its terms, and which orders redeemed it.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { skuSchema } from '../kernel/id.js';
import { amountSchema, currencySchema, moneySchema } from '../kernel/money.js';
import { couponCodeSchema, customerIdSchema, orderIdSchema } from '../order/events.js';

/** Most units that a buy-x-get-y coupon asks for, or gives. */
const MAX_GROUP = 100;

const instant = z.iso.datetime();

/** When a coupon applies and how often. Limits count orders whose redemption was not given back. */
const conditions = {
  /** Inclusive. */
  validFrom: instant.optional(),
  /** Exclusive. */
  validUntil: instant.optional(),
  /** What the goods must come to before any discount; in another currency the coupon does not apply. */
  minimum: moneySchema.optional(),
  limit: z.int().min(1).optional(),
  limitPerCustomer: z.int().min(1).optional(),
};

export const couponTermsSchema = z
  .discriminatedUnion('kind', [
    /** Of what the goods come to: 2,500 is a quarter. */
    z.strictObject({ kind: z.literal('percentage'), basisPoints: z.int().min(1).max(10_000), ...conditions }),
    /** Off the goods; in another currency the coupon does not apply. */
    z.strictObject({ kind: z.literal('amount'), amount: amountSchema.min(1), currency: currencySchema, ...conditions }),
    z.strictObject({ kind: z.literal('free_shipping'), ...conditions }),
    /** Of every `buy` + `get` units of these SKUs (or of all) the `get` cheapest are free. */
    z.strictObject({
      kind: z.literal('buy_x_get_y'),
      buy: z.int().min(1).max(MAX_GROUP),
      get: z.int().min(1).max(MAX_GROUP),
      skus: z.array(skuSchema).min(1).max(200).optional(),
      ...conditions,
    }),
  ])
  .refine(({ validFrom, validUntil }) => !validFrom || !validUntil || Date.parse(validFrom) < Date.parse(validUntil), {
    path: ['validUntil'],
    error: 'validUntil must be after validFrom',
  });

const coupon = { code: couponCodeSchema };

export const couponEvents = {
  CouponDefined: { version: 1, data: z.strictObject({ ...coupon, terms: couponTermsSchema }) },
  CouponRedeemed: {
    version: 1,
    data: z.strictObject({ ...coupon, orderId: orderIdSchema, customerId: customerIdSchema }),
  },
  /** The order gives its redemption back. Where it never redeemed, the event is a tombstone: it never will. */
  CouponReleased: { version: 1, data: z.strictObject({ ...coupon, orderId: orderIdSchema }) },
} satisfies EventDefinitions;

export type CouponTerms = z.output<typeof couponTermsSchema>;
export type CouponEvent = EventOf<typeof couponEvents>;
