// Customers ask to be forgotten.
import { z } from 'zod';
import { customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import type { Forgetting } from './forgetting.js';

export interface PersonalEndpointsDeps {
  forgetting: Pick<Forgetting, 'forget'>;
}

export function personalEndpoints({ forgetting }: PersonalEndpointsDeps): Endpoint[] {
  return [
    endpoint({
      method: 'delete',
      path: '/v1/customers/me',
      summary: 'Delete the caller as a customer',
      description:
        'Forgets the person for ever: nobody can read their personal data any more, all their sessions end, and their saved ' +
        'payment methods are deleted. **What was not sent to them yet is cancelled** and refunded, because nobody knows the ' +
        'address any more. Their orders stay on record without the person. 204: all of it is done. 202: the personal data is ' +
        'gone, and the rest follows within minutes. A repeat does nothing.',
      roles: ['customer'],
      idempotency: 'accepted',
      answers: { 202: z.void(), 204: z.void() },
      async handle({ caller, command }) {
        const { unfinished } = await forgetting.forget(customerOf(caller), command());
        return { status: unfinished.length > 0 ? 202 : 204 };
      },
    }),
  ];
}
