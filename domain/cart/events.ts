// What can happen to a cart. Carts are read by folding their stream, so that most events need not repeat its id.
import { z } from 'zod';
import { addressSchema } from '../kernel/address.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, skuSchema } from '../kernel/id.js';
import { currencySchema, unitPriceSchema } from '../kernel/money.js';
import { personal } from '../kernel/personal.js';
import { customerIdSchema, orderIdSchema, shippingSchema } from '../order/events.js';
import { paymentMethodSchema, providerSchema } from '../payment/events.js';

export const MAX_CART_LINES = 200;
/** Most units on one line of a cart. */
export const MAX_LINE_QUANTITY = 10_000;

export const cartIdSchema = idSchema('cart');
export const lineIdSchema = z.string().min(1).max(100);
export const lineQuantitySchema = z.int().min(1).max(MAX_LINE_QUANTITY);

const available = z.record(skuSchema, z.int());

export const cartEvents = {
  CartCreated: {
    version: 1,
    data: z.strictObject({ cartId: cartIdSchema, customerId: customerIdSchema, currency: currencySchema }),
  },
  /** Title and unit price are the catalogue's when it was added. */
  CartLineAdded: {
    version: 1,
    data: z.strictObject({
      lineId: lineIdSchema,
      sku: skuSchema,
      title: z.string().min(1).max(200),
      quantity: lineQuantitySchema,
      unitPrice: unitPriceSchema,
    }),
  },
  /** `additionId`: the line id under which the SKU was added once more, where that is the cause. */
  CartLineQuantityChanged: {
    version: 1,
    data: z.strictObject({ lineId: lineIdSchema, quantity: lineQuantitySchema, additionId: lineIdSchema.optional() }),
  },
  CartLineRemoved: { version: 1, data: z.strictObject({ lineId: lineIdSchema }) },
  ShippingAddressSet: {
    version: 1,
    data: z.strictObject({ customerId: customerIdSchema, address: personal(addressSchema) }),
    personal: { subject: (data: { customerId: string }) => data.customerId, fields: ['address'] },
  },
  ShippingMethodChosen: { version: 1, data: shippingSchema },
  /** Freezes the cart. With the fold of the cart it holds all that the checkout needs, so that another worker can start it. */
  CartSubmitted: {
    version: 1,
    data: z.strictObject({
      cartId: cartIdSchema,
      customerId: customerIdSchema,
      orderId: orderIdSchema,
      /** What the catalogue asks per SKU at this moment. */
      unitPrices: z.record(skuSchema, unitPriceSchema),
      provider: providerSchema,
      paymentMethod: paymentMethodSchema,
      email: personal(z.email().max(254)).optional(),
    }),
    personal: { subject: (data: { customerId: string }) => data.customerId, fields: ['email'] },
  },
  /** The order of that attempt failed; `available` says what there was of the SKUs that were short. */
  CartReopened: {
    version: 1,
    data: z.strictObject({
      orderId: orderIdSchema,
      reason: z.string().min(1).max(50),
      available: available.optional(),
    }),
  },
} satisfies EventDefinitions;

export type CartEvent = EventOf<typeof cartEvents>;
