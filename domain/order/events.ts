// The events of an order. Every event names the order, because read models do not see the stream.
import { z } from 'zod';
import { addressSchema } from '../kernel/address.js';
import { emailKeySchema, emailSchema } from '../kernel/email.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, locationSchema, skuSchema } from '../kernel/id.js';
import { amountSchema, currencySchema, unitPriceSchema } from '../kernel/money.js';
import { personal, plainBefore } from '../kernel/personal.js';
import type { RejectionCode } from '../kernel/rejection.js';
import { METHOD_KINDS } from '../payment/method-kinds.js';
import { MAX_QUANTITY, quantitySchema } from '../stock/events.js';
import { shippingMethodSchema, taxCategorySchema, taxRateSchema } from '../tariffs/events.js';

export const orderIdSchema = idSchema('order');
export const customerIdSchema = idSchema('customer');
export const paymentIdSchema = idSchema('payment');

/** The payment provider. `external` is money that moves outside the shop and is only recorded here. */
export const providerSchema = z.enum(['external', 'test', 'stripe']);
export const paymentMethodSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be 1 to 100 letters, digits, dashes or underscores');
/** The payment provider, and the customer's payment method. */
export const paymentChoiceSchema = z.strictObject({ provider: providerSchema, method: paymentMethodSchema });

/** Most coupons of a cart, and of its order. */
export const MAX_COUPONS = 10;

/** The discounts on the price of a line or of the shipping, and the tax on it or in it. */
export const priced = {
  /** The discount of each coupon of the order, in the sequence of `coupons`. */
  discounts: z.array(amountSchema).min(1).max(MAX_COUPONS).optional(),
  /** Tax on the price after discounts: added to it, or contained in it if prices include tax. */
  tax: amountSchema.optional(),
  /** The position of the rate in `taxRates`. Absent if no rate applies. */
  taxRate: z.int().min(0).optional(),
};

const { country, region, basisPoints } = taxRateSchema.shape;

/** The tax rate of a category at the order's destination. `shipping` is the category of the shipping. */
const appliedTaxRateSchema = z.strictObject({ category: taxCategorySchema.optional(), country, region, basisPoints });

/**
 * The part of an amount that is taxed by one rate: `net` is without tax, `tax` is the tax. Amounts without a rate are untaxed.
 */
export const taxAmountSchema = z.strictObject({ country, region, basisPoints, net: amountSchema, tax: amountSchema });
/** At most one entry per rate. */
export const taxAmountsSchema = z.array(taxAmountSchema).min(1);

/** The charge to a customer: the discount is subtracted, the tax is included. */
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
  /** The title as the customer read it. */
  title: shippingMethodSchema.shape.title,
  /** The carrier, if the method names one. */
  carrier: shippingMethodSchema.shape.carrier,
  amount: amountSchema,
  ...priced,
  /** Shipping is refunded to a customer who returns everything that was sent. */
  refundable: z.literal(true).optional(),
});

/** Units of a SKU at the location that sends them. */
export const parcelSchema = z.strictObject({ sku: skuSchema, location: locationSchema, quantity: quantitySchema });

export const couponCodeSchema = z
  .string()
  .regex(/^[A-Z0-9_-]{2,40}$/, 'must be 2 to 40 capital letters, digits, dashes or underscores');
/** `amount`: its whole discount. The limits are those at submission. The order counts against them until it releases the redemption. */
export const appliedCouponSchema = z.strictObject({
  code: couponCodeSchema,
  amount: amountSchema,
  limited: z.literal(true).optional(),
  limitPerCustomer: z.int().min(1).optional(),
});

/** The terms fixed when a cart is submitted, apart from line prices. */
export const submissionTerms = {
  shipping: shippingSchema,
  /** Prices include the tax. It is not added to the total. */
  taxIncluded: z.literal(true).optional(),
  /** No tax rate applied at the destination. */
  taxed: z.literal(false).optional(),
  /** The rates that the lines and the shipping refer to. */
  taxRates: z.array(appliedTaxRateSchema).min(1).optional(),
  coupons: z.array(appliedCouponSchema).max(MAX_COUPONS).optional(),
  /** The location of each SKU. Absent if everything comes from the default location. */
  allocation: z.array(parcelSchema).optional(),
  payment: paymentChoiceSchema,
  email: personal(emailSchema).optional(),
  /** Keyed hash of the e-mail address. */
  emailKey: emailKeySchema.optional(),
};

/**
 * The contents of an order before it is numbered and added up. The checkout needs nothing else, wherever and whenever it runs.
 */
export const orderContents = {
  orderId: orderIdSchema,
  customerId: customerIdSchema,
  placedBy: z.enum(['customer', 'staff']),
  currency: currencySchema,
  lines: z.array(orderLineSchema).min(1),
  ...submissionTerms,
  /** The number that people use for the order. If absent, it is derived from the id. */
  number: z.string().min(1).max(100).optional(),
  shippingAddress: personal(addressSchema).optional(),
  /** Free labels of the shop, such as the country of an imported invoice. */
  labels: z.record(z.string().min(1).max(50), z.string().max(100)).optional(),
  cartId: idSchema('cart').optional(),
  /** The goods have left and the money was received: the order is only recorded (staff, import). */
  dispatch: z.literal('at_once').optional(),
  /** When the order really took place, if in the past. */
  occurredAt: z.iso.datetime().optional(),
};

const subject = (data: { customerId: string }) => data.customerId;

const order = { orderId: orderIdSchema };
/** The id that recognises a repeated fulfilment, cancellation, return or collection. */
const operationId = z.string().min(1).max(200);
/** What a customer or a member of staff writes may be personal. What the shop itself states is stored as it is. */
const writtenReason = personal(z.string().min(1).max(200));
/** Units of a line, and units that came back. */
export const lineUnitsSchema = z.strictObject({ lineId: orderLineIdSchema, quantity: quantitySchema });
/** Units that a customer wants to send back. `reasons`: one for each entry, sealed as one value because a return may be large. */
export const announcedUnits = {
  lines: z.array(lineUnitsSchema).min(1),
  reasons: personal(z.array(z.string().min(1).max(200)).min(1)),
};
/** Version 1 had the reasons in the lines. */
export function withReasonsApart({ lines, ...data }: { lines: (LineUnits & { reason: string })[] }) {
  return {
    ...data,
    lines: lines.map(({ lineId, quantity }) => ({ lineId, quantity })),
    reasons: lines.map(({ reason }) => reason),
  };
}
/** Most entries in a list of units of an order. A line may appear more than once. */
export const MAX_UNITS_ENTRIES = 2_000;
export const returnedUnitsSchema = lineUnitsSchema.extend({ writtenOff: z.literal(true).optional() });
/**
 * The share of an operation in the order's charges, decided once by the command that caused it: per line, for shipping if
 * included, and for both by tax rate. `amount` is the sum.
 */
const shareOf = <L extends z.ZodType>(line: L) => ({
  lines: z.array(line).min(1),
  shipping: z.strictObject(charge).optional(),
  taxes: taxAmountsSchema.optional(),
  amount: amountSchema,
});
const chargedUnits = shareOf(lineUnitsSchema.extend(charge));
const parcels = z.array(parcelSchema);
/** Reasons why staff hold an order. The note has the details. */
export const STAFF_HOLD_CODES = ['address', 'customer_request', 'fraud', 'payment', 'other'] as const;
/** Reasons why an order is not sent. The first ones are set by the shop itself when units or money are missing. */
export const HOLD_CODES = ['stock_shortfall', 'payment_failed', 'authorisation_lapsed', ...STAFF_HOLD_CODES] as const;
const hold = { code: z.enum(HOLD_CODES), note: writtenReason.optional() };
const reallocation = z.strictObject({
  ...order,
  reallocationId: operationId,
  from: parcelSchema,
  to: parcels.min(1),
});

/** Codes with which an aggregate may reject a step of the checkout, apart from a stock shortage. */
const REFUSAL_CODES = [
  'not_found',
  'conflict',
  'rule_violated',
  'too_large',
] as const satisfies readonly RejectionCode[];

export const orderEvents = {
  /**
   * The complete order, in minor units of `currency`: Σ lines + shipping + tax − discount = total. Only this event lists the
   * order's lines. It also starts the checkout.
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
  /** The stock is taken from other locations. `round` counts the attempts of the checkout; the first attempt is 1. */
  CheckoutReallocated: {
    version: 1,
    data: z.strictObject({ ...order, round: z.int().min(2), allocation: parcels.min(1) }),
  },
  /**
   * The customer has to act, such as in a 3-D Secure step, within the time that this kind of payment allows. If `kind` is absent,
   * it is a card.
   */
  CheckoutActionRequired: { version: 1, data: z.strictObject({ ...order, kind: z.enum(METHOD_KINDS).optional() }) },
  /** The provider has not said whether it authorised the payment. */
  CheckoutPaymentUnknown: { version: 1, data: z.strictObject(order) },
  /** Stock is reserved and the payment is authorised: the goods are sold. Stock and coupons follow. */
  OrderConfirmed: { version: 1, data: z.strictObject(order) },
  /**
   * Stock was short (`available`: the available units of each SKU that was short), the payment was declined (`declineCode`: as
   * the customer is told), or `step` of the checkout was rejected. The checkout undoes the completed steps.
   */
  OrderRejected: {
    version: 1,
    data: z.strictObject({
      ...order,
      reason: z.enum([...REFUSAL_CODES, 'out_of_stock', 'payment_declined']),
      detail: z.string().max(1_000),
      available: z.record(skuSchema, z.int()).optional(),
      declineCode: z.string().min(1).max(100).optional(),
      step: z.string().min(1).max(50).optional(),
    }),
  },
  /** The order was given up before it was confirmed. Its checkout undoes the completed steps. */
  OrderWithdrawn: { ...plainBefore, data: z.strictObject({ ...order, reason: writtenReason }) },
  /** The order was not paid in time. */
  OrderExpired: { version: 1, data: z.strictObject({ ...order, detail: z.string().max(1_000) }) },
  /** The checkout of an order that was given up has undone all completed steps. */
  CheckoutUndone: { version: 1, data: z.strictObject(order) },
  /** The customer does not pay the amount, or gets it back. It includes the shipping if nothing more will be sent. */
  OrderLinesCancelled: {
    ...plainBefore,
    data: z.strictObject({
      ...order,
      cancellationId: operationId,
      reason: writtenReason,
      ...chargedUnits,
      from: parcels,
    }),
  },
  /** The customer owes the amount. The first fulfilment includes the shipping. */
  OrderFulfilled: {
    version: 1,
    data: z.strictObject({
      ...order,
      fulfilmentId: operationId,
      ...chargedUnits,
      /** The units that leave, by location. Absent if the goods had already left and the money was received. */
      from: parcels.optional(),
    }),
  },
  /** A return was requested. The units cannot be requested again until they have arrived or the return is closed. */
  ReturnOpened: {
    version: 2,
    data: z.strictObject({ ...order, operationId, returnId: operationId, ...announcedUnits }),
    upcast: { 1: withReasonsApart },
  },
  /** The return was closed without any units. */
  ReturnClosed: { version: 1, data: z.strictObject({ ...order, returnId: operationId }) },
  /** Units came back. The amount is the refund for them, including the shipping if that is refunded. */
  OrderReturned: {
    version: 1,
    data: z.strictObject({
      ...order,
      returnId: operationId,
      ...shareOf(returnedUnitsSchema.extend(charge)),
      /** The location where the goods arrived. */
      location: locationSchema,
      /** When the return really took place, if in the past. Everything that follows from it has the same time. */
      occurredAt: z.iso.datetime().optional(),
    }),
  },
  /** The order ships to this address instead. Its amounts do not change. */
  OrderAddressChanged: {
    version: 1,
    data: z.strictObject({ ...order, customerId: customerIdSchema, shippingAddress: personal(addressSchema) }),
    personal: { subject, fields: ['shippingAddress'] },
  },
  /** Capture the amounts again that could not be captured for goods that were sent. */
  CollectionRequested: { version: 1, data: z.strictObject({ ...order, collectionId: operationId }) },
  /** Stock and payment are settled for this fulfilment, cancellation, return or collection. */
  OrderSettled: { version: 1, data: z.strictObject({ ...order, operationId }) },
  /** Nothing is sent until the order is resumed. */
  OrderHeld: { ...plainBefore, data: z.strictObject({ ...order, ...hold }) },
  /** `code`: the holds that end. If absent, every hold ends. */
  OrderResumed: { version: 1, data: z.strictObject({ ...order, code: hold.code.optional() }) },
  /** The number of units at a location that are held for the order but missing. 0 once none are missing. */
  OrderUnitsMissing: {
    version: 1,
    data: z.strictObject({
      ...order,
      sku: skuSchema,
      location: locationSchema,
      quantity: z.int().min(0).max(MAX_QUANTITY),
    }),
  },
  /** Units are to be sent from another location, if there is stock. */
  ReallocationRequested: { version: 1, data: reallocation },
  /** The units will be sent from the other location. */
  OrderReallocated: { version: 1, data: reallocation },
  ReallocationAbandoned: { version: 1, data: z.strictObject({ ...order, reallocationId: operationId }) },
  /** All units are cancelled (by `OrderLinesCancelled`) and none was sent. */
  OrderCancelled: { ...plainBefore, data: z.strictObject({ ...order, reason: writtenReason }) },
  /** All units are fulfilled or cancelled, and at least one was fulfilled. */
  OrderCompleted: { version: 1, data: z.strictObject(order) },
} satisfies EventDefinitions;

export type LineUnits = z.output<typeof lineUnitsSchema>;
export type ReturnedUnits = z.output<typeof returnedUnitsSchema>;
export type OrderLine = z.output<typeof orderLineSchema>;
export type Shipping = z.output<typeof shippingSchema>;
export type AnnouncedUnits = z.output<z.ZodObject<typeof announcedUnits>>;
export type Hold = z.output<z.ZodObject<typeof hold>>;
export type AppliedTaxRate = z.output<typeof appliedTaxRateSchema>;
export type TaxAmount = z.output<typeof taxAmountSchema>;
export type AppliedCoupon = z.output<typeof appliedCouponSchema>;
export type OrderEvent = EventOf<typeof orderEvents>;
