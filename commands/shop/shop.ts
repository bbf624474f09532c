// Shop administration: the currencies it sells in, and the countries it sends to.
import { shows, type View } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { type ShopSettings, shopSettingsSchema } from '../../domain/shop/events.js';
import { SHOP, shop } from '../../domain/shop/shop.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CurrentSettings } from './settings.js';

export interface ShopEndpointsDeps {
  runner: CommandRunner;
  settings: Pick<CurrentSettings, 'changed'>;
  view: View<ShopSettings>;
}

export function shopEndpoints({ runner, settings, view }: ShopEndpointsDeps): Endpoint[] {
  return [
    endpoint({
      method: 'put',
      path: '/v1/shop',
      summary: 'Set the currencies and countries of the shop',
      description:
        'The body has the form of the GET answer. Carts and prices in a currency that is left out stay as they are, but they ' +
        'cannot be ordered. The same holds for carts with a shipping address in a country that is left out. Other ' +
        'processes may use the old settings for up to five seconds.',
      roles: ['catalogue'],
      idempotency: 'accepted',
      body: shopSettingsSchema,
      answers: { 200: view.schema },
      async handle({ body, command }) {
        try {
          const outcome = orThrow(
            await runner.execute(shop, SHOP, { type: 'ConfigureShop', settings: body }, command()),
          );
          return shows(200, await view.of(outcome.state), SHOP, outcome);
        } finally {
          // Even after a failure, because the change may have happened.
          settings.changed();
        }
      },
    }),
  ];
}
