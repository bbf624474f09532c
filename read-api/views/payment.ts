// A payment for support: all its authorisations, captures, refunds and disputes.
import { z } from 'zod';
import type { View } from '../../domain/kernel/answers.js';
import { defined } from '../../domain/kernel/json.js';
import { currencySchema, moneySchema } from '../../domain/kernel/money.js';
import { cardSchema, last4Schema, riskSchema } from '../../domain/payment/events.js';
import {
  type Authorisation,
  authorisationsOf,
  capturedOf,
  heldOf,
  PAYMENT_STATUSES,
  type Payment,
  paymentStatusOf,
  refundableOf,
  refundedOf,
} from '../../domain/payment/ledger.js';
import { refundView, refundViewSchema } from '../../projections/models/refund-view.js';
import { type Opener, opened, openedReason } from './opened.js';

const text = z.string();
const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC' });

/** ISO 4217's code for no currency. Used if nothing was ever requested for a payment. */
const NO_CURRENCY = 'XXX';
const paidSchema = moneySchema.extend({ currency: z.union([currencySchema, z.literal(NO_CURRENCY)]) });

const paymentSchema = z
  .strictObject({
    id: text,
    orderId: text,
    status: z.enum(PAYMENT_STATUSES),
    held: paidSchema.meta({ description: 'Authorised, and can still be captured' }),
    captured: paidSchema,
    refunded: paidSchema,
    refundable: paidSchema.meta({ description: 'captured − requested or completed refunds − disputes' }),
    authorisations: z.array(
      z.strictObject({
        id: text,
        provider: text,
        method: text,
        amount: moneySchema,
        status: text,
        requestedAt: time,
        providerRef: text.optional(),
        declineCode: text.optional(),
        captureBefore: time.optional(),
        card: cardSchema
          .extend({ last4: last4Schema.optional() })
          .optional()
          .meta({ description: 'The card and the result of 3-D Secure, if the provider reports them' }),
        risk: riskSchema
          .optional()
          .meta({ description: 'The risk of fraud, as rated by the provider; a score goes from 0 (lowest) to 100' }),
      }),
    ),
    captures: z.array(
      z.strictObject({
        id: text,
        amount: moneySchema,
        status: z.enum(['requested', 'captured', 'failed']),
        requestedAt: time,
        providerRef: text.optional().meta({ description: "The provider's id of the charge" }),
        fee: moneySchema.optional().meta({ description: 'The fee of the provider, if it is reported' }),
        failure: text.optional(),
      }),
    ),
    refunds: z.array(refundViewSchema),
    disputes: z.array(
      z.strictObject({ id: text, amount: moneySchema, reason: text, status: z.enum(['open', 'won', 'lost']) }),
    ),
  })
  .meta({ id: 'Payment' });

type PaymentView = z.output<typeof paymentSchema>;

export function createPaymentView(personal: Opener): View<Payment, PaymentView> {
  return { schema: paymentSchema, of: (payment) => viewOf(payment, personal) };
}

async function viewOf(state: Payment, personal: Opener): Promise<PaymentView> {
  const money = moneyOf(state);
  const cards = await Promise.all(authorisationsOf(state).map((one) => cardOf(one, personal)));
  const refunds = state.refunds.map((refund) => openedReason(refundView(state, [refund]), personal));
  return {
    id: state.paymentId,
    orderId: state.orderId,
    status: paymentStatusOf(state),
    held: money(state.authorisation ? heldOf(state) : 0),
    captured: money(capturedOf(state)),
    refunded: money(refundedOf(state)),
    refundable: money(refundableOf(state)),
    authorisations: authorisationsOf(state).map((one, index) => ({
      id: one.operationId,
      provider: one.provider,
      method: one.method,
      amount: money(one.amount),
      status: one.status,
      requestedAt: timeOf(one.requestedAt),
      ...defined({
        providerRef: one.providerRef,
        declineCode: one.declineCode,
        captureBefore: one.captureBefore,
        card: cards[index],
        risk: one.risk,
      }),
    })),
    captures: state.captures.map(({ operationId, amount, status, requestedAt, providerRef, fee, reason }) => ({
      id: operationId,
      amount: money(amount),
      status,
      requestedAt: timeOf(requestedAt),
      ...defined({ providerRef, fee, failure: reason }),
    })),
    refunds: await Promise.all(refunds),
    disputes: state.disputes.map(({ disputeId, amount, reason, status }) => ({
      id: disputeId,
      amount: money(amount),
      reason,
      status,
    })),
  };
}

/** Once the customer is forgotten, the digits are forgotten too. */
async function cardOf({ card, last4: sealed }: Authorisation, personal: Opener) {
  if (sealed === undefined) return card;
  const last4 = await opened(sealed, personal);
  return last4 === undefined ? card : { ...card, last4 };
}

/** A payment that was voided before any request has no currency, and all its amounts are 0. */
function moneyOf({ authorisation }: Payment) {
  const currency = authorisation?.currency ?? NO_CURRENCY;
  return (amount: number) => ({ amount, currency });
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
