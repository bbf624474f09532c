// What can happen to an order. Every event names the order: read models do not see the stream.
import { z } from 'zod';
import { addressSchema } from '../kernel/address.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, skuSchema } from '../kernel/id.js';
import { amountSchema, currencySchema, unitPriceSchema } from '../kernel/money.js';
import { personal } from '../kernel/personal.js';
import { quantitySchema } from '../stock/events.js';

export const orderIdSchema = idSchema('order');
export const customerIdSchema = idSchema('customer');
export const paymentIdSchema = idSchema('payment');

/** One line of an order; at most 200 bytes of JSON, see `orderLines`. Ids are `1`, `2`, `3` … */
export const orderLineSchema = z.strictObject({
  id: z.string().min(1).max(5),
  sku: skuSchema,
  title: z.string().min(1).max(200),
  quantity: quantitySchema,
  unitPrice: unitPriceSchema,
  total: amountSchema,
});

export const shippingSchema = z.strictObject({ method: z.string().min(1).max(50), amount: amountSchema });

/** What an order is made of, before it is numbered and added up. */
export const orderContents = {
  orderId: orderIdSchema,
  customerId: customerIdSchema,
  placedBy: z.enum(['customer', 'staff']),
  currency: currencySchema,
  lines: z.array(orderLineSchema).min(1),
  shipping: shippingSchema,
  email: personal(z.email().max(254)).optional(),
  shippingAddress: personal(addressSchema).optional(),
  /** Free words of the shop, such as the country of an imported invoice. */
  labels: z.record(z.string().min(1).max(50), z.string().max(100)).optional(),
  cartId: idSchema('cart').optional(),
};

/** Whose are the personal fields of events that hold an order's contents. */
export const orderPersonal = {
  subject: (data: { customerId: string }) => data.customerId,
  fields: ['email', 'shippingAddress'],
};

const order = { orderId: orderIdSchema };

export const orderEvents = {
  /** The whole snapshot, in minor units of `currency`: Σ lines + shipping + tax − discount = total. */
  OrderPlaced: {
    version: 1,
    data: z.strictObject({
      ...orderContents,
      number: z.string().min(1).max(100),
      paymentId: paymentIdSchema,
      subtotal: amountSchema,
      discount: amountSchema,
      tax: amountSchema,
      total: amountSchema,
    }),
    personal: orderPersonal,
  },
  OrderConfirmed: { version: 1, data: z.strictObject(order) },
  /** `reason` is a problem code such as `out_of_stock` or `payment_declined`. */
  OrderRejected: {
    version: 1,
    data: z.strictObject({ ...order, reason: z.string().min(1).max(50), detail: z.string().max(1_000) }),
  },
  OrderCancelled: { version: 1, data: z.strictObject({ ...order, reason: z.string().min(1).max(200) }) },
  OrderFulfilled: {
    version: 1,
    data: z.strictObject({
      ...order,
      /** The id under which a repeat is recognised. */
      fulfilmentId: z.string().min(1).max(200),
      lines: z.array(z.strictObject({ lineId: z.string().min(1).max(5), quantity: quantitySchema })).min(1),
    }),
  },
  /** Everything that was ordered is fulfilled. */
  OrderCompleted: { version: 1, data: z.strictObject(order) },
} satisfies EventDefinitions;

export type OrderLine = z.output<typeof orderLineSchema>;
export type Shipping = z.output<typeof shippingSchema>;
export type OrderEvent = EventOf<typeof orderEvents>;
