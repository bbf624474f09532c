// Plays the customer's bank for the built-in test provider: it ends a 3-D Secure step. It is not mounted with a real provider.
import { z } from 'zod';
import { shows } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { askedId, pathId, streamOf } from '../../domain/kernel/id.js';
import type { Money } from '../../domain/kernel/money.js';
import { paymentIdSchema } from '../../domain/order/events.js';
import { paymentStatusOf } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import { type AuthorisationAnswer, recordOf } from '../../domain/payment/provider-calls.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CheckoutResult } from './process.js';

export interface TestBank {
  authenticated(step: { paymentId: string; amount: Money; method: string; succeed: boolean }): AuthorisationAnswer;
}

export interface TestPaymentsDeps {
  runner: CommandRunner;
  bank: TestBank;
  /** Continues the checkout that waited for the payment. */
  onChange: (paymentId: string) => Promise<Pick<CheckoutResult, 'seen'> | undefined>;
}

export function testPaymentEndpoints({ runner, bank, onChange }: TestPaymentsDeps): Endpoint[] {
  async function load(paymentId: string) {
    const { state } = await runner.load(payment, streamOf(askedId(paymentIdSchema, paymentId)));
    if (state?.authorisation?.provider !== 'test')
      throw new Problem('not_found', `There is no test payment ${paymentId}.`);
    return { authorisation: state.authorisation, status: state.status };
  }

  return [
    endpoint({
      method: 'post',
      path: '/v1/test-payments/{paymentId}/authenticate',
      summary: 'Authenticate a test payment',
      description: 'Passes or fails the 3-D Secure step in place of the customer.',
      roles: ['public'],
      idempotency: 'accepted',
      params: z.strictObject({ paymentId: pathId(paymentIdSchema, 'payment_1') }),
      find: ({ params }) => load(params.paymentId),
      body: z.strictObject({ succeed: z.boolean() }),
      answers: { 200: z.strictObject({ id: z.string(), status: z.string() }).meta({ id: 'TestPayment' }) },
      async handle({ params, body: { succeed }, command }) {
        const { paymentId } = params;
        const stream = streamOf(paymentId);
        const { authorisation, status } = await load(paymentId);
        if (authorisation.clientSecret === undefined) {
          throw new Problem('conflict', `${paymentId} is ${status}; it does not wait for its customer.`);
        }
        const { operationId, amount, currency, method } = authorisation;
        const answer = bank.authenticated({ paymentId, amount: { amount, currency }, method, succeed });
        const outcome = orThrow(await runner.execute(payment, stream, recordOf(operationId, answer), command()));
        const { seen = [] } = (await onChange(paymentId)) ?? {};
        return shows(200, { id: paymentId, status: paymentStatusOf(outcome.state) }, stream, outcome, ...seen);
      },
    }),
  ];
}
