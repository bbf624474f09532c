// The ledger of a payment, for support: shows the money movements, and makes refunds.
import { z } from 'zod';
import { shows } from '../../domain/kernel/answers.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { askedId, existing, pathId, siblingId, streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { amountSchema, currencySchema, moneySchema } from '../../domain/kernel/money.js';
import { isForgotten, type PersonalData } from '../../domain/kernel/personal.js';
import { shortText } from '../../domain/kernel/text.js';
import { paymentIdSchema, type TaxAmount } from '../../domain/order/events.js';
import { chargedOf, order } from '../../domain/order/order.js';
import { taxesOfPart } from '../../domain/order/taxes.js';
import { cardSchema, last4Schema, riskSchema } from '../../domain/payment/events.js';
import {
  type Authorisation,
  authorisationsOf,
  capturedOf,
  heldOf,
  PAYMENT_STATUSES,
  type Payment,
  partsOf,
  paymentStatusOf,
  refundableOf,
  refundedOf,
} from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import { refundView, refundViewSchema } from '../../domain/payment/refund-view.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { PaymentOperations } from './operations.js';

const params = z.strictObject({ id: pathId(paymentIdSchema, 'payment_1') });
const text = z.string();
const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC' });

const someAmount = amountSchema.min(1);
const refundAmount = z.union([someAmount, moneySchema.extend({ amount: someAmount })]).meta({
  description: 'In the currency of the payment: an amount with its currency, or a number of minor units',
  example: 500,
});

/** ISO 4217's code for no currency. Used if nothing was ever requested for a payment. */
const NO_CURRENCY = 'XXX';
const paidSchema = moneySchema.extend({ currency: z.union([currencySchema, z.literal(NO_CURRENCY)]) });

const paymentAnswer = z
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

export interface PaymentEndpointsDeps {
  runner: CommandRunner;
  payments: PaymentOperations;
  personal: Pick<PersonalData, 'open'>;
}

export function paymentEndpoints({ runner, payments, personal }: PaymentEndpointsDeps): Endpoint[] {
  async function load(id: string) {
    const stream = streamOf(askedId(paymentIdSchema, id));
    const { state, position } = await runner.load(payment, stream);
    return { stream, state: existing(state, id), position };
  }

  /** The refund is for no particular units, so it takes its share of all taxes. */
  async function taxesOf(paymentId: string, amount: number): Promise<TaxAmount[]> {
    const { state } = await runner.load(order, streamOf(siblingId('order', paymentId)));
    if (!state) return [];
    const charged = chargedOf(state);
    return taxesOfPart(charged.taxes, amount, charged.amount);
  }

  return [
    endpoint({
      method: 'get',
      path: '/v1/payments/{id}',
      summary: 'Get a payment',
      description: 'Returns the payment with all its authorisations, captures, refunds and disputes.',
      roles: ['support'],
      params,
      answers: { 200: paymentAnswer },
      async handle({ params }) {
        const { stream, ...loaded } = await load(params.id);
        return shows(200, await viewOf(loaded.state, params.id, personal), stream, loaded);
      },
    }),
    endpoint({
      method: 'post',
      path: '/v1/payments/{id}/refunds',
      summary: 'Refund a payment',
      description: 'The amount can be all or a part of the captured amount.',
      roles: ['support'],
      idempotency: 'required',
      params,
      find: ({ params }) => load(params.id),
      body: z.strictObject({ amount: refundAmount, reason: shortText(200) }),
      answers: { 201: refundViewSchema },
      async handle({ params, body, command, newId }) {
        const paymentId = askedId(paymentIdSchema, params.id);
        const stream = streamOf(paymentId);
        const operationId = newId('refund');
        const meta = command();
        const { amount, reason } = body;
        const money = typeof amount === 'number' ? { amount } : amount;
        const taxes = await taxesOf(paymentId, money.amount);
        const requested = { type: 'RequestRefund', operationId, ...money, reason, taxes } as const;
        orThrow(await runner.execute(payment, stream, requested, meta));
        const { state, seen } = await payments.ask(paymentId, { origin: originOf(meta) });
        return { status: 201, body: refundView(state!, partsOf(state!, operationId)), seen };
      },
    }),
  ];
}

function originOf({ correlationId, actor }: CommandMeta) {
  return { correlationId, actor };
}

type PaymentView = z.output<typeof paymentAnswer>;

async function viewOf(state: Payment, id: string, personal: Pick<PersonalData, 'open'>): Promise<PaymentView> {
  const money = moneyOf(state);
  const cards = await Promise.all(authorisationsOf(state).map((one) => cardOf(one, personal)));
  return {
    id,
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
    refunds: state.refunds.map((refund) => refundView(state, [refund])),
    disputes: state.disputes.map(({ disputeId, amount, reason, status }) => ({
      id: disputeId,
      amount: money(amount),
      reason,
      status,
    })),
  };
}

/** Once the customer is forgotten, the digits are forgotten too. */
async function cardOf({ card, last4: sealed }: Authorisation, personal: Pick<PersonalData, 'open'>) {
  if (sealed === undefined) return card;
  const last4 = await personal.open(sealed);
  return isForgotten(last4) ? card : { ...card, last4 };
}

/** A payment that was voided before any request has no currency, and all its amounts are 0. */
function moneyOf({ authorisation }: Payment) {
  const currency = authorisation?.currency ?? NO_CURRENCY;
  return (amount: number) => ({ amount, currency });
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
