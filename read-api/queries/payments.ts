// A payment, for support.
import { z } from 'zod';
import { shows } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { askedId, existing, pathId, streamOf } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import type { States } from '../../domain/kernel/states.js';
import { paymentIdSchema } from '../../domain/order/events.js';
import { payment } from '../../domain/payment/payment.js';
import { createPaymentView } from '../views/payment.js';

export interface PaymentQueryDeps {
  states: States;
  personal: Pick<PersonalData, 'open'>;
}

export function paymentQuery({ states, personal }: PaymentQueryDeps): Endpoint {
  const view = createPaymentView(personal);
  return endpoint({
    method: 'get',
    path: '/v1/payments/{id}',
    summary: 'Get a payment',
    description: 'Returns the payment with all its authorisations, captures, refunds and disputes.',
    roles: ['support'],
    params: z.strictObject({ id: pathId(paymentIdSchema, 'payment_1') }),
    answers: { 200: view.schema },
    async handle({ params: { id } }) {
      const stream = streamOf(askedId(paymentIdSchema, id));
      const { state, position } = await states.load(payment, stream);
      return shows(200, await view.of(existing(state, id)), stream, { position });
    },
  });
}
