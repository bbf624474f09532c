// The HTTP surface: collects all endpoints with their dependencies and mounts them on one app.
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { writeSide } from '../../commands/write-side.js';
import { createCurrentCartReader } from '../../read-api/queries/current-carts.js';
import { createOrderReader } from '../../read-api/queries/order-reader.js';
import { readSide } from '../../read-api/read-side.js';
import { createApp } from '../http/app.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { type Recipes, recipe } from './parts.js';
import { createHealth } from './reachable.js';

export const apiParts = {
  endpoints: recipe(
    [
      'runner',
      'clock',
      'personal',
      'sessions',
      'tokens',
      'keyedHash',
      'seals',
      'emailKeyOf',
      'settings',
      'skuOwners',
      'allocator',
      'checkout',
      'settlement',
      'payments',
      'paymentService',
      'paymentEndpoints',
      'ownStore',
      'queries',
      'readModels',
    ],
    ({ ownStore: { store, ownCommits }, readModels: { visibility }, ...parts }) => {
      const { personal, seals, queries, paymentService, paymentEndpoints } = parts;
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
    },
  ),

  app: recipe(
    [
      'endpoints',
      'tokens',
      'staff',
      'rateLimiter',
      'config',
      'idempotency',
      'seals',
      'engines',
      'projectorHosts',
      'firstLook',
      'metrics',
      'clock',
      'log',
    ],
    ({
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
    }) => {
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
    },
  ),
} satisfies Partial<Recipes>;
