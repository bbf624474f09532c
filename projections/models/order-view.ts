// The schema of an order in answers.
import { z } from 'zod';
import { addressSchema } from '../../domain/kernel/address.js';
import { currencySchema, moneySchema } from '../../domain/kernel/money.js';
import { HOLD_CODES, lineUnitsSchema, parcelSchema } from '../../domain/order/events.js';
import { FULFILMENT_STATUSES, ORDER_STATUSES } from '../../domain/order/order.js';
import { PAYMENT_STATUSES } from '../../domain/payment/ledger.js';
import { returnViewSchema } from './return-view.js';
import { shipmentViewSchema } from './shipment-view.js';
import { taxesViewSchema } from './taxes-view.js';

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC', example: '2011-12-09T12:50:00.000Z' });

/** The usual steps of an order, named for its customer. */
export const ORDER_STEPS = [
  'placed',
  'payment_action_required',
  'payment_unknown',
  'payment_authorised',
  'payment_declined',
  'confirmed',
  'address_changed',
  'payment_lapsed',
  'held',
  'resumed',
  'payment_captured',
  'payment_failed',
  'shipped',
  'delivery_failed',
  'shipment_lost',
  'delivered',
  'lines_cancelled',
  'completed',
  'expired',
  'rejected',
  'cancelled',
  'payment_voided',
  'return_requested',
  'return_approved',
  'return_declined',
  'return_received',
  'refunded',
  'refund_failed',
  'payment_disputed',
  'dispute_closed',
] as const;

export type OrderStep = (typeof ORDER_STEPS)[number];

const rateView = z.number().meta({ example: 2000 });

/** Fields that are unknown or do not apply to the step are absent. */
const timelineEntrySchema = z.strictObject({
  at: time,
  what: z.enum(ORDER_STEPS),
  amount: moneySchema.optional().meta({ description: 'Authorised, captured, refunded or disputed' }),
  lines: z
    .array(lineUnitsSchema)
    .optional()
    .meta({ description: 'Units that were shipped, cancelled, requested for return, or returned' }),
  shipmentId: z
    .string()
    .optional()
    .meta({ description: 'The shipment that the step belongs to', example: 'shipment_7Q2mXw' }),
  tracking: z.string().optional().meta({ description: 'The tracking number of the carrier', example: 'RM123456785GB' }),
  returnId: z
    .string()
    .optional()
    .meta({ description: 'The return that the step belongs to', example: 'return_7Q2mXw' }),
  reason: z.string().optional().meta({
    description:
      'A problem code if the order was rejected. A decline code if the payment was declined. Free text if the order, its lines or a return were cancelled or declined',
  }),
});

export const orderViewSchema = z
  .strictObject({
    id: z.string().meta({ example: 'order_536365' }),
    number: z.string().meta({ description: 'The order number that customers and staff use', example: '536365' }),
    version: z.int().meta({
      description: 'The version of the order, without its payment. `If-Match` compares this part of the ETag',
    }),
    status: z.enum(ORDER_STATUSES),
    reason: z.string().optional().meta({
      description: 'A problem code if the order was rejected. Free text if it was cancelled',
      example: 'out_of_stock',
    }),
    held: z.literal(true).optional().meta({ description: 'Nothing is sent until the order is resumed' }),
    heldReason: z.string().optional().meta({ description: 'For support only: free text from staff, or a code' }),
    holds: z
      .array(z.strictObject({ code: z.enum(HOLD_CODES), note: z.string().optional() }))
      .optional()
      .meta({ description: 'For support only: why the order is held' }),
    missing: z.array(parcelSchema).optional().meta({
      description: 'For support only: units that are committed to the order but missing, here and at other locations',
    }),
    paymentStatus: z.enum(PAYMENT_STATUSES).meta({ description: 'Derived from the payment' }),
    nextAction: z
      .strictObject({ type: z.literal('authenticate'), clientSecret: z.string() })
      .optional()
      .meta({ description: 'What the customer has to do to pay, such as a 3-D Secure step' }),
    fulfilmentStatus: z.enum(FULFILMENT_STATUSES).meta({ description: 'Derived from the units that were sent' }),
    paymentId: z.string().meta({ description: 'The id of the payment, for support', example: 'payment_536365' }),
    customerId: z.string(),
    placedBy: z.enum(['customer', 'staff']),
    placedAt: time,
    currency: currencySchema,
    lines: z.array(
      z.strictObject({
        id: z.string(),
        sku: z.string(),
        title: z.string(),
        quantity: z.int(),
        fulfilled: z.int().meta({ description: 'Units that have been sent' }),
        cancelled: z.int(),
        returned: z.int().meta({ description: 'Units that were sent and came back' }),
        unitPrice: moneySchema,
        total: moneySchema,
        discount: moneySchema.optional().meta({ description: 'The discount on the total' }),
        tax: moneySchema.optional().meta({ description: 'Added to the total, or contained in it' }),
        taxRate: rateView.optional().meta({ description: 'The rate of the tax, in hundredths of a per cent' }),
      }),
    ),
    subtotal: moneySchema,
    discount: moneySchema,
    coupons: z.array(z.strictObject({ code: z.string(), amount: moneySchema })).optional(),
    shipping: moneySchema,
    shippingDiscount: moneySchema.optional().meta({ description: 'The discount on the shipping' }),
    shippingTax: moneySchema.optional().meta({ description: 'Added to the shipping, or contained in it' }),
    shippingTaxRate: rateView.optional().meta({ description: 'The rate of that tax, in hundredths of a per cent' }),
    tax: moneySchema.meta({ description: 'Added to the prices' }),
    includedTax: moneySchema.optional().meta({ description: 'Contained in the prices' }),
    taxes: taxesViewSchema.optional().meta({
      description: 'The taxed part of the ordered total, by rate: the amount without tax (`net`) and the tax',
    }),
    taxed: z.literal(false).optional().meta({ description: 'No tax rate applied at the shipping address' }),
    total: moneySchema.meta({ description: 'subtotal + shipping + tax − discount' }),
    captured: moneySchema.meta({ description: 'The amount that the customer was charged, before refunds' }),
    refunded: moneySchema.meta({ description: 'The amount that was refunded to the customer' }),
    allocation: z.array(parcelSchema).optional().meta({
      description:
        'For support only: the locations of the units that are still to be sent. Each shipment leaves from one location',
    }),
    shippingMethod: z.string(),
    shippingTitle: z.string().meta({ description: 'The name of the shipping method', example: 'Standard delivery' }),
    carrier: z.string().optional().meta({ description: 'The carrier of the shipping method' }),
    shippingAddress: addressSchema
      .optional()
      .meta({ description: 'Absent after the personal data of the customer was erased' }),
    email: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    shipments: z.array(
      shipmentViewSchema.omit({ orderId: true }).extend({
        location: shipmentViewSchema.shape.location
          .optional()
          .meta({ description: 'For support only: the location that it leaves from' }),
      }),
    ),
    returns: z.array(returnViewSchema.omit({ orderId: true, location: true })),
    timeline: z.array(timelineEntrySchema).meta({ description: 'What happened to the order, oldest first' }),
  })
  .meta({ id: 'Order' });

export type OrderView = z.output<typeof orderViewSchema>;
