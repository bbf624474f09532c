// What can happen to a cart. Carts are read by folding their stream, so that most events need not repeat its id.
import { z } from 'zod';
import { couponTermsSchema } from '../coupon/events.js';
import { addressSchema } from '../kernel/address.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, skuSchema } from '../kernel/id.js';
import { currencySchema, unitPriceSchema } from '../kernel/money.js';
import { personal } from '../kernel/personal.js';
import {
  couponCodeSchema,
  customerIdSchema,
  orderIdSchema,
  priced,
  shippingSchema,
  submissionTerms,
} from '../order/events.js';
import { weightSchema } from '../product/events.js';
import { taxCategorySchema } from '../tariffs/events.js';

export const MAX_CART_LINES = 200;
/** A merge may fill a cart so far, so that two full carts lose no line when their owner logs in. */
export const MAX_MERGED_LINES = 2 * MAX_CART_LINES;
/** Most units on one line of a cart. */
export const MAX_LINE_QUANTITY = 10_000;

/** A cart that nobody has touched for so long counts as abandoned. */
export const CART_IDLE_MS = 24 * 60 * 60_000;

export const cartIdSchema = idSchema('cart');
export const lineIdSchema = z.string().min(1).max(100);
export const lineQuantitySchema = z.int().min(1).max(MAX_LINE_QUANTITY);

const available = z.record(skuSchema, z.int());
const cart = { cartId: cartIdSchema };

/** Title, price, tax category and weight (grams) are the catalogue's when it was added. */
const cartLineSchema = z.strictObject({
  lineId: lineIdSchema,
  sku: skuSchema,
  title: z.string().min(1).max(200),
  quantity: lineQuantitySchema,
  unitPrice: unitPriceSchema,
  taxCategory: taxCategorySchema.optional(),
  weight: weightSchema.optional(),
});

export const cartEvents = {
  CartCreated: {
    version: 1,
    data: z.strictObject({ ...cart, customerId: customerIdSchema, currency: currencySchema }),
  },
  CartLineAdded: { version: 1, data: cartLineSchema },
  /**
   * `additionId`: the line id under which the SKU was added once more, where that is the cause. `unitPrice`: the price of
   * the day where it had changed; whoever changes a line takes it.
   */
  CartLineQuantityChanged: {
    version: 1,
    data: z.strictObject({
      lineId: lineIdSchema,
      quantity: lineQuantitySchema,
      additionId: lineIdSchema.optional(),
      unitPrice: unitPriceSchema.optional(),
    }),
  },
  CartLineRemoved: { version: 1, data: z.strictObject({ lineId: lineIdSchema }) },
  ShippingAddressSet: {
    version: 1,
    data: z.strictObject({ customerId: customerIdSchema, address: personal(addressSchema) }),
    personal: { subject: (data: { customerId: string }) => data.customerId, fields: ['address'] },
  },
  /** What it costs follows from the cart and the tables of the day. */
  ShippingMethodChosen: { version: 1, data: z.strictObject({ method: shippingSchema.shape.method }) },
  /** The terms are those of the coupon when it was applied: what the customer was promised. */
  CartCouponApplied: { version: 1, data: z.strictObject({ code: couponCodeSchema, terms: couponTermsSchema }) },
  CartCouponRemoved: { version: 1, data: z.strictObject({ code: couponCodeSchema }) },
  /** Freezes the cart. With its lines and address it holds all that the order is made of, so that another worker can place it. */
  CartSubmitted: {
    version: 1,
    data: z.strictObject({
      ...cart,
      customerId: customerIdSchema,
      orderId: orderIdSchema,
      number: z.string().min(1).max(100),
      /** What each line of the cart costs at this moment, in their sequence. */
      lines: z.array(z.strictObject({ unitPrice: unitPriceSchema, ...priced })).min(1),
      ...submissionTerms,
    }),
    personal: { subject: (data: { customerId: string }) => data.customerId, fields: ['email'] },
  },
  /** The order of that attempt failed; `available` says what there was of the SKUs that were short. */
  CartReopened: {
    version: 1,
    data: z.strictObject({
      ...cart,
      orderId: orderIdSchema,
      reason: z.string().min(1).max(50),
      available: available.optional(),
    }),
  },
  /** The lines of a guest's cart came in; units of a SKU that was there already are added, up to the most that a line has. */
  CartMerged: {
    version: 1,
    data: z.strictObject({ ...cart, fromCartId: cartIdSchema, lines: z.array(cartLineSchema).min(1) }),
  },
  /**
   * This customer has taken it over, and nobody else will; what was in it goes into the other cart. Once more, with another
   * cart, where the first has declined it.
   */
  CartHandedOver: {
    version: 1,
    data: z.strictObject({ ...cart, toCartId: cartIdSchema, customerId: customerIdSchema }),
  },
  /** The lines of that cart never come in here: this one was closed, or too full, before they did. */
  CartMergeDeclined: { version: 1, data: z.strictObject({ ...cart, fromCartId: cartIdSchema }) },
  /** Nobody has touched it for `CART_IDLE_MS`; any change brings it back, with a `CartStillActive`. */
  CartAbandoned: { version: 1, data: z.strictObject(cart) },
  /** It was not idle for long enough; `since`: its last change, in ms of the log's clock. */
  CartStillActive: { version: 1, data: z.strictObject({ ...cart, since: z.int().min(0) }) },
} satisfies EventDefinitions;

export type CartLineData = z.output<typeof cartLineSchema>;
export type CartEvent = EventOf<typeof cartEvents>;
