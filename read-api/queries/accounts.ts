// The caller's own account and preferences, and the accounts that support looks up.
import { z } from 'zod';
import { customer } from '../../domain/customer/customer.js';
import { preferencesSchema, type ShopPreferences } from '../../domain/customer/preferences.js';
import { shows, wholeList, wholeListAnswer } from '../../domain/kernel/answers.js';
import { type EmailKeyOf, emailSchema } from '../../domain/kernel/email.js';
import { customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { States } from '../../domain/kernel/states.js';
import { customerIdSchema } from '../../domain/order/events.js';
import type { CustomerQueries } from '../../projections/models/customers.js';
import type { ReadModel } from '../../projections/visibility.js';
import type { Views } from '../views.js';
import { caughtUp } from './caught-up.js';

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
        return shows(200, await view.of({ customerId, account: loaded.state.account }), streamOf(customerId), loaded);
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

export interface CustomerQueryDeps {
  customers: ReadModel<CustomerQueries>;
  emailKeyOf: EmailKeyOf;
  view: Views['account'];
}

export function customerQuery({ customers, emailKeyOf, view }: CustomerQueryDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/customers',
    summary: 'List the customers with an e-mail address, or with an id',
    description:
      'The list has at most one customer, and none without a filter. Guests, and customers who were forgotten, are not found.',
    roles: ['support'],
    query: z.strictObject({
      email: emailSchema.optional().meta({ description: 'Case does not matter', example: 'ada@example.com' }),
      customerId: customerIdSchema.optional(),
    }),
    answers: { 200: wholeListAnswer(view.schema) },
    async handle(request) {
      const { email, customerId } = request.query;
      const queries = await caughtUp('The list of customers', customers, request);
      const found =
        email === undefined ? await queries.byId(customerId ?? '') : await queries.byEmailKey(emailKeyOf(email));
      const isWanted = found && (customerId === undefined || found.customerId === customerId);
      const shown = isWanted ? [await view.of(found)] : [];
      return { status: 200, body: wholeList(shown.filter((one) => one.email !== undefined)) };
    },
  });
}
