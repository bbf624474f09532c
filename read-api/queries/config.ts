// What a client has to know of the shop before it shows anything.
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { currencySchema } from '../../domain/kernel/money.js';

const shopAnswer = z
  .strictObject({
    currencies: z.array(currencySchema),
    countries: z.array(z.string()).meta({ description: 'ISO 3166-1 alpha-2: where orders can be sent' }),
    stripePublishableKey: z.string().optional(),
  })
  .meta({ id: 'Config' });

export type ShopConfig = z.output<typeof shopAnswer>;

export function configQuery(shop: ShopConfig): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/config',
    summary: 'Currencies, countries, keys',
    roles: ['public'],
    answers: { 200: shopAnswer },
    handle: async () => ({ status: 200, body: shop }),
  });
}
