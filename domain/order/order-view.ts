// An order as callers see it: the shape of every answer that shows one.
import { z } from 'zod';
import { addressSchema } from '../kernel/address.js';
import { currencySchema, moneySchema } from '../kernel/money.js';
import { PAYMENT_STATUSES } from '../payment/ledger.js';

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC', example: '2011-12-09T12:50:00.000Z' });

/** What can happen to an order, in the order in which it happens. */
export const ORDER_STEPS = [
  'placed',
  'payment_unknown',
  'payment_authorised',
  'payment_declined',
  'confirmed',
  'payment_captured',
  'fulfilled',
  'completed',
  'rejected',
  'cancelled',
  'payment_voided',
] as const;

export type OrderStep = (typeof ORDER_STEPS)[number];

export const orderViewSchema = z
  .strictObject({
    id: z.string().meta({ example: 'order_536365' }),
    number: z.string().meta({ description: 'What people call it', example: '536365' }),
    status: z.enum(['placed', 'confirmed', 'completed', 'rejected', 'cancelled']),
    paymentStatus: z.enum(PAYMENT_STATUSES).meta({ description: 'Follows from the payment' }),
    fulfilmentStatus: z
      .enum(['not_fulfilled', 'partially_fulfilled', 'fulfilled'])
      .meta({ description: 'Follows from what was sent' }),
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
        unitPrice: moneySchema,
        total: moneySchema,
      }),
    ),
    subtotal: moneySchema,
    discount: moneySchema,
    shipping: moneySchema,
    tax: moneySchema,
    total: moneySchema.meta({ description: 'subtotal + shipping + tax − discount' }),
    shippingMethod: z.string(),
    shippingAddress: addressSchema.optional().meta({ description: 'Absent once the customer is forgotten' }),
    email: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    timeline: z.array(z.strictObject({ at: time, what: z.enum(ORDER_STEPS) })),
  })
  .meta({ id: 'Order' });

export type OrderView = z.output<typeof orderViewSchema>;
