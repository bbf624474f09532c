// The caller's own account and preferences.
import { customer } from '../../domain/customer/customer.js';
import { preferencesSchema, type ShopPreferences } from '../../domain/customer/preferences.js';
import { shows } from '../../domain/kernel/answers.js';
import { customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { States } from '../../domain/kernel/states.js';
import type { Views } from '../views.js';

export interface AccountQueryDeps {
  states: States;
  preferences: { of(customerId: string): Promise<ShopPreferences | undefined> };
  view: Views['account'];
}

export function accountQueries({ states, preferences, view }: AccountQueryDeps): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/v1/customers/me',
      summary: "Get the caller's account",
      roles: ['customer'],
      answers: { 200: view.schema },
      async handle({ caller }) {
        const customerId = customerOf(caller);
        const loaded = await states.load(customer, streamOf(customerId));
        return shows(200, await view.of({ customerId, state: loaded.state }), streamOf(customerId), loaded);
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/me/preferences',
      summary: "Get the caller's preferences",
      roles: ['customer'],
      answers: { 200: preferencesSchema },
      async handle({ caller }) {
        return { status: 200, body: (await preferences.of(customerOf(caller))) ?? {} };
      },
    }),
  ];
}
