// The saved payment methods of the caller. The payment provider stores them.
import { type View, wholeList, wholeListAnswer } from '../../domain/kernel/answers.js';
import { customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import type { SavedMethod } from '../views/saved-method.js';

export interface PaymentMethodQueryDeps {
  /** Port: the methods that the provider stores for a customer. */
  savedMethods: { of(customerId: string): Promise<readonly SavedMethod[]> };
  view: View<SavedMethod>;
}

export function paymentMethodQuery({ savedMethods, view }: PaymentMethodQueryDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/me/payment-methods',
    summary: 'List the saved payment methods of the caller',
    roles: ['customer'],
    answers: { 200: wholeListAnswer(view.schema).meta({ id: 'PaymentMethods' }) },
    async handle({ caller }) {
      const methods = await savedMethods.of(customerOf(caller));
      return { status: 200, body: wholeList(await Promise.all(methods.map(view.of))) };
    },
  });
}
