// What can happen to an order. Every event names the order: read models do not see the stream.
import { z } from 'zod';
import { addressSchema } from '../kernel/address.js';
import { emailKeySchema, emailSchema } from '../kernel/email.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, locationSchema, skuSchema } from '../kernel/id.js';
import { amountSchema, currencySchema, unitPriceSchema } from '../kernel/money.js';
import { personal } from '../kernel/personal.js';
import { MAX_QUANTITY, quantitySchema } from '../stock/events.js';
import { shippingMethodSchema, taxCategorySchema, taxRateSchema } from '../tariffs/events.js';

export const orderIdSchema = idSchema('order');
export const customerIdSchema = idSchema('customer');
export const paymentIdSchema = idSchema('payment');

/** Who moves the money: `external` is money that somebody else moves and that is only recorded here. */
export const providerSchema = z.enum(['external', 'test', 'stripe']);
export const paymentMethodSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be 1 to 100 letters, digits, dashes or underscores');
/** Who is asked for the money, and by which method of the customer's. */
export const paymentChoiceSchema = z.strictObject({ provider: providerSchema, method: paymentMethodSchema });

/** Most coupons of a cart, and of its order. */
export const MAX_COUPONS = 10;

/** What is taken off the price of a line or of the shipping, and the tax on it or in it. */
export const priced = {
  /** What each coupon of the order takes off, in the sequence of `coupons`. */
  discounts: z.array(amountSchema).min(1).max(MAX_COUPONS).optional(),
  /** Of what the discounts leave: added to it, or contained in it where prices include tax. */
  tax: amountSchema.optional(),
  /** The position of its rate in `taxRates`; without it no rate applies. */
  taxRate: z.int().min(0).optional(),
};

const { country, region, basisPoints } = taxRateSchema.shape;

/** How goods of a category are taxed where the order goes; `shipping` is the category of the shipping. */
const appliedTaxRateSchema = z.strictObject({ category: taxCategorySchema.optional(), country, region, basisPoints });

/** What of an amount is taxed by one rate: `net` without, `tax` is the tax. What no rate names is not taxed. */
export const taxAmountSchema = z.strictObject({ country, region, basisPoints, net: amountSchema, tax: amountSchema });
/** Of each rate at most one. */
export const taxAmountsSchema = z.array(taxAmountSchema).min(1);

/** What a customer pays: the discount is off it, the tax is in it. */
const charge = { amount: amountSchema, discount: amountSchema.optional(), tax: amountSchema.optional() };

const orderLineIdSchema = z.string().regex(/^[A-Za-z0-9]{1,5}$/, 'must be the id of a line of the order');

/** One line of an order. Ids are `1`, `2`, `3` … All lines together fit one commit, see `MAX_ORDER_BYTES`. */
export const orderLineSchema = z.strictObject({
  id: orderLineIdSchema,
  sku: skuSchema,
  title: z.string().min(1).max(200),
  quantity: quantitySchema,
  unitPrice: unitPriceSchema,
  total: amountSchema,
  ...priced,
});

export const shippingSchema = z.strictObject({
  method: z.string().min(1).max(50),
  /** As the customer has read it. */
  title: shippingMethodSchema.shape.title,
  /** Who brings it, where the method says so. */
  carrier: shippingMethodSchema.shape.carrier,
  amount: amountSchema,
  ...priced,
  /** Whoever sends back all that was sent gets it back. */
  refundable: z.literal(true).optional(),
});

/** Units of a SKU at the location that sends them. */
export const parcelSchema = z.strictObject({ sku: skuSchema, location: locationSchema, quantity: quantitySchema });

export const couponCodeSchema = z
  .string()
  .regex(/^[A-Z0-9_-]{2,40}$/, 'must be 2 to 40 capital letters, digits, dashes or underscores');
/** `amount`: all that it takes off. Its limits are those of when the cart was submitted: what the order counts against, and gives back. */
export const appliedCouponSchema = z.strictObject({
  code: couponCodeSchema,
  amount: amountSchema,
  limited: z.literal(true).optional(),
  limitPerCustomer: z.int().min(1).optional(),
});

/** What is settled when a cart is submitted, beside what its lines cost. */
export const submissionTerms = {
  shipping: shippingSchema,
  /** Prices contain the tax; it is not added to the total. */
  taxIncluded: z.literal(true).optional(),
  /** No tax rate applied to where it goes. */
  taxed: z.literal(false).optional(),
  /** The rates that its lines and its shipping name. */
  taxRates: z.array(appliedTaxRateSchema).min(1).optional(),
  coupons: z.array(appliedCouponSchema).max(MAX_COUPONS).optional(),
  /** Where each SKU is taken from; without it everything from the default location. */
  allocation: z.array(parcelSchema).optional(),
  payment: paymentChoiceSchema,
  email: personal(emailSchema).optional(),
  /** Keyed hash of the e-mail address. */
  emailKey: emailKeySchema.optional(),
};

/** What an order is made of, before it is numbered and added up: all that its checkout needs, wherever and whenever it runs. */
export const orderContents = {
  orderId: orderIdSchema,
  customerId: customerIdSchema,
  placedBy: z.enum(['customer', 'staff']),
  currency: currencySchema,
  lines: z.array(orderLineSchema).min(1),
  ...submissionTerms,
  /** What people call the order; without it the number follows from the id. */
  number: z.string().min(1).max(100).optional(),
  shippingAddress: personal(addressSchema).optional(),
  /** Free words of the shop, such as the country of an imported invoice. */
  labels: z.record(z.string().min(1).max(50), z.string().max(100)).optional(),
  cartId: idSchema('cart').optional(),
  /** The goods have left and the money is in: it is only recorded (staff, import). */
  dispatch: z.literal('at_once').optional(),
  /** When it all happened in the world, if that is in the past. */
  occurredAt: z.iso.datetime().optional(),
};

const subject = (data: { customerId: string }) => data.customerId;

const order = { orderId: orderIdSchema };
/** Ids under which a repeated fulfilment, cancellation, return or collection is recognised. */
const operationId = z.string().min(1).max(200);
/** Some units of a line, and units of one that came back. */
export const lineUnitsSchema = z.strictObject({ lineId: orderLineIdSchema, quantity: quantitySchema });
/** Most entries in a list of units of an order; the same line may stand there more than once. */
export const MAX_UNITS_ENTRIES = 2_000;
export const returnedUnitsSchema = lineUnitsSchema.extend({ writtenOff: z.literal(true).optional() });
/**
 * The share of an operation in what the order costs, decided once, by the command that made it: each line's, the shipping's if it
 * is part of it, and both by tax rate. `amount` is all of it.
 */
const shareOf = <L extends z.ZodType>(line: L) => ({
  lines: z.array(line).min(1),
  shipping: z.strictObject(charge).optional(),
  taxes: taxAmountsSchema.optional(),
  amount: amountSchema,
});
const chargedUnits = shareOf(lineUnitsSchema.extend(charge));
const parcels = z.array(parcelSchema);
/** Why staff hold an order; the note says more. */
export const STAFF_HOLD_CODES = ['address', 'customer_request', 'fraud', 'payment', 'other'] as const;
/** Why nothing of an order is sent; the first are found by the shop itself: units or money are not there. */
export const HOLD_CODES = ['stock_shortfall', 'payment_failed', 'authorisation_lapsed', ...STAFF_HOLD_CODES] as const;
const hold = { code: z.enum(HOLD_CODES), note: z.string().min(1).max(200).optional() };
const reallocation = z.strictObject({
  ...order,
  reallocationId: operationId,
  from: parcelSchema,
  to: parcels.min(1),
});

export const orderEvents = {
  /**
   * The whole snapshot, in minor units of `currency`: Σ lines + shipping + tax − discount = total. It is the one place where the
   * lines of an order stand, and the beginning of its checkout.
   */
  OrderPlaced: {
    version: 1,
    data: z.strictObject({
      ...orderContents,
      number: z.string().min(1).max(100),
      paymentId: paymentIdSchema,
      subtotal: amountSchema,
      discount: amountSchema,
      tax: amountSchema,
      includedTax: amountSchema.optional(),
      total: amountSchema,
    }),
    personal: { subject, fields: ['email', 'shippingAddress'] },
  },
  /** With `allocation` where the stock was found elsewhere than where it was looked for first. */
  OrderConfirmed: {
    version: 1,
    data: z.strictObject({ ...order, reservationId: operationId.optional(), allocation: parcels.optional() }),
  },
  /** `reason` is a problem code such as `out_of_stock` or `payment_declined`. */
  OrderRejected: {
    version: 1,
    data: z.strictObject({ ...order, reason: z.string().min(1).max(50), detail: z.string().max(1_000) }),
  },
  /** Given up before it was confirmed: its checkout undoes what was done. */
  OrderWithdrawn: { version: 1, data: z.strictObject({ ...order, reason: z.string().min(1).max(200) }) },
  /** Nobody paid in time. */
  OrderExpired: { version: 1, data: z.strictObject({ ...order, detail: z.string().max(1_000) }) },
  /** The customer does not pay the amount, or gets it back. The shipping is part of it if nothing is sent any more. */
  OrderLinesCancelled: {
    version: 1,
    data: z.strictObject({
      ...order,
      cancellationId: operationId,
      reason: z.string().min(1).max(200),
      ...chargedUnits,
      from: parcels,
    }),
  },
  /** The customer owes the amount. The first units bring the shipping with them. */
  OrderFulfilled: {
    version: 1,
    data: z.strictObject({
      ...order,
      fulfilmentId: operationId,
      ...chargedUnits,
      /** What leaves which location; absent where the goods have left and the money is in already. */
      from: parcels.optional(),
    }),
  },
  /** Units are asked to be sent back: nobody can ask for them again until they have come or the return is closed. */
  ReturnOpened: {
    version: 1,
    data: z.strictObject({
      ...order,
      operationId,
      returnId: operationId,
      lines: z.array(lineUnitsSchema.extend({ reason: z.string().min(1).max(200) })).min(1),
    }),
  },
  /** Nothing comes of it. */
  ReturnClosed: { version: 1, data: z.strictObject({ ...order, returnId: operationId }) },
  /** Units came back; the amount is what the customer gets for them, with the shipping if that is given back. */
  OrderReturned: {
    version: 1,
    data: z.strictObject({
      ...order,
      returnId: operationId,
      ...shareOf(returnedUnitsSchema.extend(charge)),
      /** Where the goods have arrived. */
      location: locationSchema,
      /** When it happened in the world, if in the past: all that follows from it did then, too. */
      occurredAt: z.iso.datetime().optional(),
    }),
  },
  /** It is sent to this address instead. Its amounts stay as they are. */
  OrderAddressChanged: {
    version: 1,
    data: z.strictObject({ ...order, customerId: customerIdSchema, shippingAddress: personal(addressSchema) }),
    personal: { subject, fields: ['shippingAddress'] },
  },
  /** What was sent and could not be captured is asked for again. */
  CollectionRequested: { version: 1, data: z.strictObject({ ...order, collectionId: operationId }) },
  /** Stock and payment have followed this fulfilment, cancellation, return or collection. */
  OrderSettled: { version: 1, data: z.strictObject({ ...order, operationId }) },
  /** Nothing is sent until it is resumed. */
  OrderHeld: { version: 1, data: z.strictObject({ ...order, ...hold }) },
  /** `code`: that of the holds that are over; without it every hold is. */
  OrderResumed: { version: 1, data: z.strictObject({ ...order, code: hold.code.optional() }) },
  /** So many of the units that are held for it at a location are not there; 0 if all are again. */
  OrderUnitsMissing: {
    version: 1,
    data: z.strictObject({
      ...order,
      sku: skuSchema,
      location: locationSchema,
      quantity: z.int().min(0).max(MAX_QUANTITY),
    }),
  },
  /** Units are to be sent from elsewhere, if there is stock. */
  ReallocationRequested: { version: 1, data: reallocation },
  /** They are. */
  OrderReallocated: { version: 1, data: reallocation },
  ReallocationAbandoned: { version: 1, data: z.strictObject({ ...order, reallocationId: operationId }) },
  /** Everything that was ordered is cancelled, by `OrderLinesCancelled`: nothing was sent. */
  OrderCancelled: { version: 1, data: z.strictObject({ ...order, reason: z.string().min(1).max(200) }) },
  /** Everything that was ordered is fulfilled or cancelled, and something was fulfilled. */
  OrderCompleted: { version: 1, data: z.strictObject(order) },
} satisfies EventDefinitions;

export type LineUnits = z.output<typeof lineUnitsSchema>;
export type ReturnedUnits = z.output<typeof returnedUnitsSchema>;
export type OrderLine = z.output<typeof orderLineSchema>;
export type Shipping = z.output<typeof shippingSchema>;
export type Hold = z.output<z.ZodObject<typeof hold>>;
export type AppliedTaxRate = z.output<typeof appliedTaxRateSchema>;
export type TaxAmount = z.output<typeof taxAmountSchema>;
export type AppliedCoupon = z.output<typeof appliedCouponSchema>;
export type OrderEvent = EventOf<typeof orderEvents>;
