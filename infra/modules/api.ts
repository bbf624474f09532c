// The HTTP surface: collects all endpoints with their dependencies and mounts them on one app.
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { writeSide } from '../../commands/write-side.js';
import { createCurrentCartReader } from '../../read-api/queries/current-carts.js';
import { createOrderReader } from '../../read-api/queries/order-reader.js';
import { readSide } from '../../read-api/read-side.js';
import { createApp } from '../http/app.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { lazy, pick, type Recipes } from './parts.js';
import { enginesAway } from './reachable.js';

export const apiParts = {
  endpoints: (all) => {
    const { ownStore, readModels, seals, paymentService, paymentEndpoints } = all;
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
    ]);
    return lazy(() => {
      const { personal, queries } = parts;
      const { store, ownCommits } = ownStore;
      const { visibility } = readModels;
      return [
        ...sessionEndpoints({ ...parts, accessTokens: seals.accessTokens }),
        ...writeSide({
          ...parts,
          provider: paymentService.name,
          orders: createOrderReader({ store, personal, upTo: ownCommits.upTo }),
          currentCarts: createCurrentCartReader(queries.currentCarts, visibility.currentCarts),
        }),
        ...paymentEndpoints,
        ...readSide({ ...parts, store, visibility, publishableKey: paymentService.publishableKey }),
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
    lazy(() =>
      createApp({
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
        readiness: async () => ({
          away: await enginesAway(engines),
          standingStill: [...hosts].flatMap((host) => host.readiness()),
          ...firstLook.state(),
        }),
        registry,
        clock,
        log,
      }),
    ),
} satisfies Partial<Recipes>;
