// The HTTP surface: collects all endpoints with their dependencies and mounts them on one app.
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { createPricing, writeSide } from '../../commands/write-side.js';
import { createCurrentCartReader } from '../../read-api/queries/current-carts.js';
import { readSide } from '../../read-api/read-side.js';
import { createViews } from '../../read-api/views.js';
import { createApp } from '../http/app.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { lazy, pick, type Recipes } from './parts.js';
import { createHealth } from './reachable.js';

export const apiParts = {
  endpoints: (all) => {
    const { ownStore, seals, paymentService, paymentEndpoints } = all;
    const parts = pick(all, [
      'runner',
      'clock',
      'personal',
      'sessions',
      'tokens',
      'keyedHash',
      'emailKeyOf',
      'settings',
      'skuOwners',
      'allocator',
      'checkout',
      'settlement',
      'payments',
      'queries',
      'rebuilds',
    ]);
    return lazy(() => {
      const { runner: states, personal, queries } = parts;
      const { store, ownCommits } = ownStore;
      const { name: provider, methods: savedMethods, publishableKey } = paymentService;
      const pricing = createPricing(parts);
      const { quotes } = pricing;
      const views = createViews({ states, quotes, personal, store, upTo: ownCommits.upTo });
      const currentCarts = createCurrentCartReader({
        currentCarts: queries.currentCarts,
        states,
      });
      const shared = { ...parts, currentCarts, savedMethods, views };
      return [
        ...sessionEndpoints({ ...parts, accessTokens: seals.accessTokens }),
        ...writeSide({ ...shared, provider, pricing }),
        ...paymentEndpoints,
        ...readSide({ ...shared, states, quotes, store, publishableKey }),
      ];
    });
  },

  app: ({
    endpoints,
    tokens,
    staff,
    rateLimiter,
    config: { trustedProxies, quotas, corsOrigins },
    idempotency,
    seals,
    engines,
    projectorHosts: hosts,
    firstLook,
    metrics: registry,
    clock,
    log,
  }) =>
    lazy(() => {
      const enginesAway = createHealth(engines);
      const readiness = async () => {
        const { commands: away, readModels: storesAway } = await enginesAway();
        const standingStill = [...hosts].flatMap((host) => host.readiness());
        return { away, storesAway, standingStill, ...firstLook.state() };
      };
      return createApp({
        endpoints,
        admission: {
          async authenticate(token) {
            const caller = await tokens.authenticate(token);
            return caller && staff.admit(caller);
          },
          rateLimiter,
          ownRateLimiter: createMemoryRateLimiter(quotas),
          trustedProxies,
        },
        corsOrigins,
        idempotency,
        seals,
        readiness,
        registry,
        clock,
        log,
      });
    }),
} satisfies Partial<Recipes>;
