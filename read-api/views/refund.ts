// A refund, for support.
import type { View } from '../../domain/kernel/answers.js';
import type { Payment, Refund } from '../../domain/payment/ledger.js';
import { type RefundView, refundView, refundViewSchema } from '../../projections/models/refund-view.js';
import { type Opener, openedReason } from './opened.js';

export function createRefundView(personal: Opener): View<{ payment: Payment; parts: readonly Refund[] }, RefundView> {
  return {
    schema: refundViewSchema,
    of: ({ payment, parts }) => openedReason(refundView(payment, parts), personal),
  };
}
