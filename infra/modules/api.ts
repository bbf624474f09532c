// The HTTP surface: all endpoints with what they need, mounted on one app.
import { ContainerModule } from 'inversify';
import type { CurrentCarts } from '../../commands/cart/current-carts.js';
import type { CartsInUse } from '../../commands/cart/customer-carts.js';
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { createCurrentSettings } from '../../commands/shop/settings.js';
import { writeSide } from '../../commands/write-side.js';
import { caughtUp } from '../../read-api/queries/caught-up.js';
import { configQuery } from '../../read-api/queries/config.js';
import { createOrderReader } from '../../read-api/queries/order-reader.js';
import { orderQueries } from '../../read-api/queries/orders.js';
import { productQueries } from '../../read-api/queries/products.js';
import { stockQuery } from '../../read-api/queries/stock.js';
import { stockMovementsQuery } from '../../read-api/queries/stock-movements.js';
import { workListQueries } from '../../read-api/queries/work-lists.js';
import { createApp } from '../http/app.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { enginesAway } from './reachable.js';
import {
  APP,
  CHECKOUT,
  CLOCK,
  CONFIG,
  EMAIL_KEY_OF,
  ENDPOINTS,
  ENGINES,
  FIRST_LOOK,
  IDEMPOTENCY,
  KEYED_HASH,
  LOG,
  METRICS,
  OWN_STORE,
  PAYMENT_ENDPOINTS,
  PAYMENT_SERVICE,
  PAYMENTS,
  PERSONAL_DATA,
  PROJECTOR_HOSTS,
  QUERIES,
  RATE_LIMITER,
  READ_MODELS,
  RUNNER,
  SEALS,
  SESSIONS,
  SETTLEMENT,
  SKU_OWNERS,
  STOCK_ALLOCATOR,
  TOKENS,
} from './tokens.js';

export const apiModule = new ContainerModule(({ bind }) => {
  bind(ENDPOINTS).toResolvedValue(
    (
      runner,
      checkout,
      { store, ownCommits },
      personal,
      sessions,
      tokens,
      keyedHash,
      seals,
      clock,
      queries,
      { visibility },
      skuOwners,
      allocator,
      payments,
      settlement,
      service,
      ofPayments,
      emailKeyOf,
    ) => {
      const { publishableKey } = service;
      const settings = createCurrentSettings({ runner, clock });
      const orders = createOrderReader({ store, personal, upTo: ownCommits.upTo });
      const currentCarts: CurrentCarts & CartsInUse = {
        async of(customerId, request) {
          await caughtUp('The current carts', visibility.currentCarts, request);
          return queries.currentCarts.of(customerId);
        },
        async inUse(cartIds, request) {
          await caughtUp('The current carts', visibility.currentCarts, request);
          return queries.currentCarts.inUse(cartIds);
        },
      };
      return [
        ...sessionEndpoints({ sessions, tokens, keyedHash, accessTokens: seals.accessTokens, clock }),
        ...writeSide({
          runner,
          clock,
          personal,
          tokens,
          skuOwners,
          allocator,
          currentCarts,
          orders,
          checkout,
          settlement,
          payments,
          provider: service.name,
          emailKeyOf,
          settings,
        }),
        ...ofPayments,
        ...productQueries({
          catalogue: { queries: queries.catalogue, visibility: visibility.catalogue },
          productPage: { queries: queries.productPage, visibility: visibility.productPage },
          productSearch: { queries: queries.productSearch, visibility: visibility.productSearch },
          currencyOf: settings.currencyOf,
        }),
        ...orderQueries({ queries: queries.orders, visibility: visibility.orders, personal, emailKeyOf }),
        ...workListQueries({ queries: queries.workLists, visibility: visibility.orders }),
        stockQuery({ queries: queries.stock, visibility: visibility.stock }),
        stockMovementsQuery({ store }),
        configQuery({ settings: settings.current, ...(publishableKey && { stripePublishableKey: publishableKey }) }),
      ];
    },
    [
      RUNNER,
      CHECKOUT,
      OWN_STORE,
      PERSONAL_DATA,
      SESSIONS,
      TOKENS,
      KEYED_HASH,
      SEALS,
      CLOCK,
      QUERIES,
      READ_MODELS,
      SKU_OWNERS,
      STOCK_ALLOCATOR,
      PAYMENTS,
      SETTLEMENT,
      PAYMENT_SERVICE,
      PAYMENT_ENDPOINTS,
      EMAIL_KEY_OF,
    ],
  );

  bind(APP).toResolvedValue(
    (
      endpoints,
      tokens,
      rateLimiter,
      { trustedProxies, quotas, corsOrigins },
      idempotency,
      seals,
      engines,
      hosts,
      firstLook,
      registry,
      clock,
      log,
    ) =>
      createApp({
        endpoints,
        admission: {
          authenticate: (token) => tokens.authenticate(token),
          rateLimiter,
          ownRateLimiter: createMemoryRateLimiter(quotas),
          trustedProxies,
        },
        corsOrigins,
        idempotency,
        seals,
        readiness: async () => ({
          away: await enginesAway(engines),
          standingStill: [...hosts].flatMap((host) => host.readiness()),
          ...firstLook.state(),
        }),
        registry,
        clock,
        log,
      }),
    [
      ENDPOINTS,
      TOKENS,
      RATE_LIMITER,
      CONFIG,
      IDEMPOTENCY,
      SEALS,
      ENGINES,
      PROJECTOR_HOSTS,
      FIRST_LOOK,
      METRICS,
      CLOCK,
      LOG,
    ],
  );
});
