// What customers change about themselves: their profile and their preferences.
import { z } from 'zod';
import { type Account, customer } from '../../domain/customer/customer.js';
import { addressBookSchema, customerNameSchema } from '../../domain/customer/events.js';
import { preferencesSchema, type ShopPreferences } from '../../domain/customer/preferences.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import type { Addresses } from '../address/addresses.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Preferences } from './ports.js';

export interface ProfileEndpointsDeps {
  runner: CommandRunner;
  personal: Pick<PersonalData, 'sealFor'>;
  addresses: Addresses;
  preferences: Preferences<ShopPreferences>;
  view: View<{ customerId: string; account?: Account | undefined }>;
}

export function profileEndpoints({ runner, personal, addresses, preferences, view }: ProfileEndpointsDeps): Endpoint[] {
  return [
    endpoint({
      method: 'patch',
      path: '/v1/customers/me',
      summary: "Update the caller's account",
      description:
        'Changes only the given fields. `addresses` replaces all addresses. A guest has no account to change.',
      roles: ['customer'],
      idempotency: 'accepted',
      body: z.strictObject({
        name: customerNameSchema.optional(),
        addresses: addressBookSchema.optional(),
        consent: z
          .strictObject({ marketing: z.boolean().meta({ description: 'Whether the shop may send advertising' }) })
          .optional(),
      }),
      answers: { 200: view.schema },
      async handle({ caller, body, command }) {
        const customerId = customerOf(caller);
        const stream = streamOf(customerId);
        const accepted = body.addresses && (await Promise.all(body.addresses.map(addresses.accept)));
        const sealed = <T>(field: string, value: T | undefined) =>
          value === undefined ? undefined : personal.sealFor(customerId, `${stream}/${field}`, value);
        const revised = {
          type: 'ReviseAccount',
          customerId,
          name: await sealed('name', body.name),
          addresses: await sealed('addresses', accepted),
          marketing: body.consent?.marketing,
        } as const;
        const outcome = orThrow(await runner.execute(customer, stream, revised, command()));
        return shows(200, await view.of({ customerId, account: outcome.state.account }), stream, outcome);
      },
    }),
    endpoint({
      method: 'put',
      path: '/v1/me/preferences',
      summary: "Set the caller's preferences",
      description: 'Replaces all of them. When a guest logs in, a customer who has none gets those of the guest.',
      roles: ['customer'],
      idempotency: 'accepted',
      body: preferencesSchema,
      answers: { 200: preferencesSchema },
      async handle({ caller, body }) {
        const customerId = customerOf(caller);
        const { state } = await runner.load(customer, streamOf(customerId));
        if (state.forgetting) throw new Problem('rule_violated', `${customerId} was forgotten; start a new session.`);
        await preferences.put(customerId, body);
        return { status: 200, body };
      },
    }),
  ];
}
