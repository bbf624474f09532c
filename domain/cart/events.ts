// The events of a cart. Carts are read by folding their stream, so most events need not repeat the cart's id.
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
/** A merge may fill a cart up to this, so that two full carts lose no line when their owner logs in. */
export const MAX_MERGED_LINES = 2 * MAX_CART_LINES;
/** Most units on one line of a cart. */
export const MAX_LINE_QUANTITY = 10_000;

/** A cart without a change for this long counts as abandoned. */
export const CART_IDLE_MS = 24 * 60 * 60_000;

export const cartIdSchema = idSchema('cart');
export const lineIdSchema = z.string().min(1).max(100);
export const lineQuantitySchema = z.int().min(1).max(MAX_LINE_QUANTITY);

const available = z.record(skuSchema, z.int());
const cart = { cartId: cartIdSchema };

/** Title, price, tax category and weight (grams) are copied from the catalogue when the line is added. */
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
   * `additionId`: the line id under which the SKU was added again, if that is the cause. `unitPrice`: the current price, if it
   * had changed. A customer who changes a line accepts it.
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
  /** The shipping charge follows from the cart and the current tables. */
  ShippingMethodChosen: { version: 1, data: z.strictObject({ method: shippingSchema.shape.method }) },
  /** The terms are those of the coupon when it was applied: what the customer was promised. */
  CartCouponApplied: { version: 1, data: z.strictObject({ code: couponCodeSchema, terms: couponTermsSchema }) },
  CartCouponRemoved: { version: 1, data: z.strictObject({ code: couponCodeSchema }) },
  /**
   * Freezes the cart. Together with its lines and address the event holds all the contents of the order, so that another worker
   * can place it.
   */
  CartSubmitted: {
    version: 1,
    data: z.strictObject({
      ...cart,
      customerId: customerIdSchema,
      orderId: orderIdSchema,
      number: z.string().min(1).max(100),
      /** The current price of each line of the cart, in their sequence. */
      lines: z.array(z.strictObject({ unitPrice: unitPriceSchema, ...priced })).min(1),
      ...submissionTerms,
    }),
    personal: { subject: (data: { customerId: string }) => data.customerId, fields: ['email'] },
  },
  /** The order of that attempt failed. `available` lists the available units of each SKU that was short. */
  CartReopened: {
    version: 1,
    data: z.strictObject({
      ...cart,
      orderId: orderIdSchema,
      reason: z.string().min(1).max(50),
      available: available.optional(),
    }),
  },
  /** The lines of a guest's cart were merged in. Units of a SKU that was already there are added, up to the maximum of a line. */
  CartMerged: {
    version: 1,
    data: z.strictObject({ ...cart, fromCartId: cartIdSchema, lines: z.array(cartLineSchema).min(1) }),
  },
  /**
   * This customer has taken over the cart, and nobody else can. Its contents go into the other cart. The event repeats with
   * another cart if the first one has declined it.
   */
  CartHandedOver: {
    version: 1,
    data: z.strictObject({ ...cart, toCartId: cartIdSchema, customerId: customerIdSchema }),
  },
  /** The lines of that cart will never be merged in here: this cart was closed, or too full, before they were. */
  CartMergeDeclined: { version: 1, data: z.strictObject({ ...cart, fromCartId: cartIdSchema }) },
  /** The cart had no change for `CART_IDLE_MS`. Any change reactivates it, with a `CartStillActive`. */
  CartAbandoned: { version: 1, data: z.strictObject(cart) },
  /** The cart was not idle for long enough. `since`: its last change, in ms of the log's clock. */
  CartStillActive: { version: 1, data: z.strictObject({ ...cart, since: z.int().min(0) }) },
} satisfies EventDefinitions;

export type CartLineData = z.output<typeof cartLineSchema>;
export type CartEvent = EventOf<typeof cartEvents>;
