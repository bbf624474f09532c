// Refunds of a payment that belong to no return and no cancellation.
import { z } from 'zod';
import type { View } from '../../domain/kernel/answers.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { askedId, existing, pathId, siblingId, streamOf } from '../../domain/kernel/id.js';
import { amountSchema, moneySchema } from '../../domain/kernel/money.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { shortText } from '../../domain/kernel/text.js';
import { paymentIdSchema, type TaxAmount } from '../../domain/order/events.js';
import { chargedOf, type Order, order } from '../../domain/order/order.js';
import { taxesOfPart } from '../../domain/order/taxes.js';
import { type Payment, partsOf, type Refund } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { PaymentOperations } from './operations.js';

const params = z.strictObject({ id: pathId(paymentIdSchema, 'payment_1') });

const someAmount = amountSchema.min(1);
const refundAmount = z.union([someAmount, moneySchema.extend({ amount: someAmount })]).meta({
  description: 'In the currency of the payment: an amount with its currency, or a number of minor units',
  example: 500,
});

export interface PaymentEndpointsDeps {
  runner: CommandRunner;
  payments: PaymentOperations;
  personal: Pick<PersonalData, 'sealFor'>;
  view: View<{ payment: Payment; parts: readonly Refund[] }>;
}

export function paymentEndpoints({ runner, payments, personal, view }: PaymentEndpointsDeps): Endpoint[] {
  async function find(id: string): Promise<Payment> {
    return existing((await runner.load(payment, streamOf(askedId(paymentIdSchema, id)))).state, id);
  }

  /** The refund is for no particular units, so it takes its share of all taxes. */
  function taxesOf(state: Order | null, amount: number): TaxAmount[] {
    if (!state) return [];
    const charged = chargedOf(state);
    return taxesOfPart(charged.taxes, amount, charged.amount);
  }

  return [
    endpoint({
      method: 'post',
      path: '/v1/payments/{id}/refunds',
      summary: 'Refund a payment',
      description: 'The amount can be all or a part of the captured amount.',
      roles: ['support'],
      idempotency: 'required',
      params,
      find: ({ params }) => find(params.id),
      body: z.strictObject({ amount: refundAmount, reason: shortText(200) }),
      answers: { 201: view.schema },
      async handle({ params, body, command, newId }) {
        const paymentId = askedId(paymentIdSchema, params.id);
        const stream = streamOf(paymentId);
        const operationId = newId('refund');
        const meta = command();
        const { amount, reason } = body;
        const money = typeof amount === 'number' ? { amount } : amount;
        const { state: ordered } = await runner.load(order, streamOf(siblingId('order', paymentId)));
        const taxes = taxesOf(ordered, money.amount);
        const sealed = await personal.sealFor(ordered?.customerId ?? paymentId, `${stream}/reason`, reason);
        const requested = { type: 'RequestRefund', operationId, ...money, reason: sealed, taxes } as const;
        orThrow(await runner.execute(payment, stream, requested, meta));
        const { state, seen } = await payments.ask(paymentId, { origin: originOf(meta) });
        const known = existing(state, paymentId);
        const refund = { payment: known, parts: partsOf(known, operationId) };
        return { status: 201, body: await view.of(refund), seen };
      },
    }),
  ];
}

function originOf({ correlationId, actor }: CommandMeta) {
  return { correlationId, actor };
}
