// Settings of the shop that a client needs before it shows anything.
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import { type ShopSettings, shopSettingsSchema } from '../../domain/shop/events.js';

const { currencies, countries } = shopSettingsSchema.shape;

const shopAnswer = z
  .strictObject({ currencies, countries, stripePublishableKey: z.string().optional() })
  .meta({ id: 'Config' });

export interface ConfigQueryDeps {
  settings(): Promise<ShopSettings>;
  stripePublishableKey?: string | undefined;
}

export function configQuery({ settings, stripePublishableKey }: ConfigQueryDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/config',
    summary: 'Get the public configuration',
    description: 'Returns currencies, countries and public keys.',
    roles: ['public'],
    answers: { 200: shopAnswer },
    async handle() {
      const { currencies, countries } = await settings();
      return { status: 200, body: { currencies, countries, ...defined({ stripePublishableKey }) } };
    },
  });
}
