// The HTTP surface: all endpoints with what they need, mounted on one app.
import { ContainerModule } from 'inversify';
import { cartEndpoints } from '../../commands/endpoints/carts.js';
import { checkoutEndpoint } from '../../commands/endpoints/checkout.js';
import { createOwnCarts } from '../../commands/endpoints/own-carts.js';
import { createPrices } from '../../commands/endpoints/prices.js';
import { productEndpoints } from '../../commands/endpoints/products.js';
import { stockEndpoints } from '../../commands/endpoints/stock.js';
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { configQuery } from '../../read-api/queries/config.js';
import { createOrderReader } from '../../read-api/queries/order-reader.js';
import { orderQueries } from '../../read-api/queries/orders.js';
import { productQueries } from '../../read-api/queries/products.js';
import { stockQuery } from '../../read-api/queries/stock.js';
import { createApp } from '../http/app.js';
import { enginesAway } from './reachable.js';
import {
  APP,
  CHECKOUT,
  CLOCK,
  ENDPOINTS,
  ENGINES,
  EVENT_STORE,
  IDEMPOTENCY,
  LOG,
  METRICS,
  PERSONAL_DATA,
  PROJECTOR_HOSTS,
  QUERIES,
  READ_MODELS,
  RUNNER,
  SESSIONS,
  SKU_OWNERS,
  TOKENS,
} from './tokens.js';

/** What the shop sells in, and where it ships to. */
const SHOP = { currencies: ['GBP', 'EUR', 'USD'], countries: ['GB', 'IE', 'FR', 'DE', 'US'] };

export const apiModule = new ContainerModule(({ bind }) => {
  bind(ENDPOINTS)
    .toResolvedValue(
      (runner, process, store, personal, sessions, tokens, clock, queries, { visibility }, skuOwners) => {
        const prices = createPrices({ runner, skuOwners });
        const ownCarts = createOwnCarts({ runner });
        const orders = createOrderReader({ store, personal });
        const { currencies } = SHOP;
        return [
          ...sessionEndpoints({ sessions, tokens, clock }),
          ...productEndpoints({ runner, skuOwners }),
          ...stockEndpoints({ runner, skuOwners }),
          ...cartEndpoints({ runner, ownCarts, prices, personal, currencies }),
          checkoutEndpoint({ runner, ownCarts, prices, process, orders, provider: 'test' }),
          ...productQueries({
            catalogue: { queries: queries.catalogue, visibility: visibility.catalogue },
            productPage: { queries: queries.productPage, visibility: visibility.productPage },
            productSearch: { queries: queries.productSearch, visibility: visibility.productSearch },
          }),
          ...orderQueries({ queries: queries.orders, visibility: visibility.orders, personal }),
          stockQuery({ queries: queries.stock, visibility: visibility.stock }),
          configQuery(SHOP),
        ];
      },
      [RUNNER, CHECKOUT, EVENT_STORE, PERSONAL_DATA, SESSIONS, TOKENS, CLOCK, QUERIES, READ_MODELS, SKU_OWNERS],
    )
    .inSingletonScope();

  bind(APP)
    .toResolvedValue(
      (endpoints, tokens, idempotency, engines, hosts, registry, clock, log) =>
        createApp({
          endpoints,
          authenticate: (token) => tokens.authenticate(token),
          idempotency,
          readiness: async () => ({
            away: await enginesAway(engines),
            standingStill: [...hosts].flatMap((host) => host.readiness()),
          }),
          registry,
          clock,
          log,
        }),
      [ENDPOINTS, TOKENS, IDEMPOTENCY, ENGINES, PROJECTOR_HOSTS, METRICS, CLOCK, LOG],
    )
    .inSingletonScope();
});
