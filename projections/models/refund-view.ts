// A refund in answers to support.

import { z } from 'zod';
import { defined } from '../../domain/kernel/json.js';
import { moneySchema, sum } from '../../domain/kernel/money.js';
import type { SealedIn } from '../../domain/kernel/personal.js';
import { addedUp } from '../../domain/order/taxes.js';
import type { Payment, Refund } from '../../domain/payment/ledger.js';
import { latestOf } from '../../domain/payment/ledger.js';
import { taxesView, taxesViewSchema } from './taxes-view.js';

export const REFUND_STATUSES = ['requested', 'refunded', 'failed'] as const;

export const refundViewSchema = z
  .strictObject({
    id: z.string(),
    amount: moneySchema,
    reason: z.string().optional().meta({ description: 'Absent if its customer was forgotten' }),
    status: z.enum(REFUND_STATUSES),
    requestedAt: z.iso.datetime().meta({ description: 'RFC 3339, UTC' }),
    failure: z.string().optional().meta({ description: 'Why the payment provider refused the refund' }),
    taxes: taxesViewSchema
      .optional()
      .meta({ description: 'The tax in the amount, by rate. Absent if nothing is taxed' }),
    location: z.string().optional().meta({ description: 'The location where the refunded goods arrived' }),
  })
  .meta({ id: 'Refund' });

export type RefundView = z.output<typeof refundViewSchema>;
export type SealedRefundView = SealedIn<RefundView, 'reason'>;

/**
 * A refund with its parts. The status of an unfinished or failed part is the status of the whole. A refunded payment was
 * captured, so it has an authorisation.
 */
export function refundView(payment: Payment, parts: readonly Refund[]): SealedRefundView {
  const [first] = parts;
  if (!first) throw new Error(`${payment.paymentId} has no such refund.`);
  const { operationId, reason, requestedAt, location } = first;
  const { currency } = latestOf(payment);
  const taxes = addedUp(parts.flatMap((part) => part.taxes ?? []));
  const open = parts.find(({ status }) => status !== 'refunded');
  return {
    id: operationId,
    amount: { amount: sum(parts.map(({ amount }) => amount)), currency },
    reason,
    status: open?.status ?? 'refunded',
    requestedAt: new Date(requestedAt).toISOString(),
    ...defined({
      failure: open?.failure,
      taxes: taxes.length > 0 ? taxesView(taxes, currency) : undefined,
      location,
    }),
  };
}
