// The settings of the shop, for the staff who change them.
import { shows, type View } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import type { States } from '../../domain/kernel/states.js';
import type { ShopSettings } from '../../domain/shop/events.js';
import { SHOP, shop } from '../../domain/shop/shop.js';

export interface ShopQueryDeps {
  states: States;
  view: View<ShopSettings>;
}

export function shopQuery({ states, view }: ShopQueryDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/shop',
    summary: 'Get the shop settings',
    roles: ['catalogue'],
    answers: { 200: view.schema },
    async handle() {
      const loaded = await states.load(shop, SHOP);
      return shows(200, await view.of(loaded.state), SHOP, loaded);
    },
  });
}
