// The HTTP surface: all endpoints with what they need, mounted on one app.
import { ContainerModule } from 'inversify';
import { createCartQuotes } from '../../commands/endpoints/cart-quotes.js';
import { cartEndpoints } from '../../commands/endpoints/carts.js';
import { checkoutEndpoint } from '../../commands/endpoints/checkout.js';
import { couponEndpoints } from '../../commands/endpoints/coupons.js';
import { type CurrentCarts, currentCartEndpoints } from '../../commands/endpoints/current-carts.js';
import { orderEndpoints } from '../../commands/endpoints/orders.js';
import { paymentEndpoints } from '../../commands/endpoints/payments.js';
import { productEndpoints } from '../../commands/endpoints/products.js';
import { returnEndpoints } from '../../commands/endpoints/returns.js';
import { shipmentEndpoints } from '../../commands/endpoints/shipments.js';
import { stockEndpoints } from '../../commands/endpoints/stock.js';
import { createSubmissions } from '../../commands/endpoints/submissions.js';
import { tariffEndpoints } from '../../commands/endpoints/tariffs.js';
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { createAvailability } from '../../commands/lookups/availability.js';
import { createTariffs } from '../../commands/lookups/current-tariffs.js';
import { createOrderNumbers } from '../../commands/lookups/order-numbers.js';
import { createOwnCarts } from '../../commands/lookups/own-carts.js';
import { createPrices } from '../../commands/lookups/prices.js';
import { createStockAllocator } from '../../commands/lookups/stock-allocator.js';
import { createUsableCoupons } from '../../commands/lookups/usable-coupons.js';
import { caughtUp } from '../../read-api/queries/caught-up.js';
import { configQuery } from '../../read-api/queries/config.js';
import { createOrderReader } from '../../read-api/queries/order-reader.js';
import { orderQueries } from '../../read-api/queries/orders.js';
import { productQueries } from '../../read-api/queries/products.js';
import { stockQuery } from '../../read-api/queries/stock.js';
import { stockMovementsQuery } from '../../read-api/queries/stock-movements.js';
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
  PAYMENT_ENDPOINTS,
  PAYMENT_SERVICE,
  PAYMENTS,
  PERSONAL_DATA,
  PROJECTOR_HOSTS,
  QUERIES,
  READ_MODELS,
  RUNNER,
  SESSIONS,
  SETTLEMENT,
  SKU_OWNERS,
  TOKENS,
} from './tokens.js';

/** What the shop sells in, and where it ships to. */
const SHOP = { currencies: ['GBP', 'EUR', 'USD'], countries: ['GB', 'IE', 'FR', 'DE', 'US'] };

export const apiModule = new ContainerModule(({ bind }) => {
  bind(ENDPOINTS)
    .toResolvedValue(
      (
        runner,
        process,
        store,
        personal,
        sessions,
        tokens,
        clock,
        queries,
        { visibility },
        skuOwners,
        payments,
        settlement,
        service,
        ofPayments,
      ) => {
        const { publishableKey } = service;
        const prices = createPrices({ runner, skuOwners });
        const ownCarts = createOwnCarts({ runner });
        const orders = createOrderReader({ store, personal });
        const tariffs = createTariffs({ runner, clock });
        const quotes = createCartQuotes({ tariffs, personal, clock });
        const coupons = createUsableCoupons({ runner, clock });
        const allocator = createStockAllocator({ runner, skuOwners });
        const availability = createAvailability({ skuOwners, allocator });
        const numbers = createOrderNumbers({ runner, clock });
        const submissions = createSubmissions({ prices, availability, coupons, quotes, numbers });
        const currentCarts: CurrentCarts = {
          async of(customerId, request) {
            await caughtUp('The current carts', visibility.currentCarts, request);
            return queries.currentCarts.of(customerId);
          },
        };
        const { currencies } = SHOP;
        return [
          ...sessionEndpoints({ sessions, tokens, clock }),
          ...productEndpoints({ runner, skuOwners }),
          ...stockEndpoints({ runner, skuOwners }),
          ...couponEndpoints({ runner }),
          ...tariffEndpoints({ runner, tariffs }),
          ...currentCartEndpoints({ runner, currentCarts, tokens, quotes }),
          ...cartEndpoints({ runner, ownCarts, prices, quotes, coupons, tariffs, currencies }),
          checkoutEndpoint({ runner, ownCarts, submissions, availability, process, orders, provider: service.name }),
          ...orderEndpoints({ runner, checkout: process, settlement, orders }),
          ...shipmentEndpoints({ runner, settlement }),
          ...returnEndpoints({ runner, settlement }),
          ...paymentEndpoints({ runner, payments }),
          ...ofPayments,
          ...productQueries({
            catalogue: { queries: queries.catalogue, visibility: visibility.catalogue },
            productPage: { queries: queries.productPage, visibility: visibility.productPage },
            productSearch: { queries: queries.productSearch, visibility: visibility.productSearch },
          }),
          ...orderQueries({ queries: queries.orders, visibility: visibility.orders, personal }),
          stockQuery({ queries: queries.stock, visibility: visibility.stock }),
          stockMovementsQuery({ store }),
          configQuery({ ...SHOP, ...(publishableKey && { stripePublishableKey: publishableKey }) }),
        ];
      },
      [
        RUNNER,
        CHECKOUT,
        EVENT_STORE,
        PERSONAL_DATA,
        SESSIONS,
        TOKENS,
        CLOCK,
        QUERIES,
        READ_MODELS,
        SKU_OWNERS,
        PAYMENTS,
        SETTLEMENT,
        PAYMENT_SERVICE,
        PAYMENT_ENDPOINTS,
      ],
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
