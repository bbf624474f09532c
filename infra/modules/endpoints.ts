// The API: all endpoints with their dependencies, and what is enforced around them.
import { randomBytes } from 'node:crypto';
import { createGuestMerge } from '../../commands/cart/guest-merge.js';
import { accountEndpoints } from '../../commands/identity/account-endpoints.js';
import { createAccounts } from '../../commands/identity/accounts.js';
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { createMailLinks } from '../../commands/identity/mails.js';
import { opsEndpoints } from '../../commands/ops/endpoints.js';
import { createTakeViews } from '../../commands/view/take-along.js';
import { createPricing, writeSide } from '../../commands/write-side.js';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import { createCurrentCartReader } from '../../read-api/queries/current-carts.js';
import { opsQueries } from '../../read-api/queries/ops.js';
import { type ReadSideDeps, readSide } from '../../read-api/read-side.js';
import { createViews } from '../../read-api/views.js';
import type { RecordedOpenings } from '../crypto/recorded-openings.js';
import { actorOf } from '../http/caller.js';
import { earliestOf as earliestTime } from '../ids.js';
import { createAttempts } from '../rate-limits/attempts.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { lazy, pick, type Recipes } from './parts.js';
import { PAUSABLE } from './read-models.js';

export const endpointParts = {
  endpoints: (all) => {
    const { ownStore, codec, seals, paymentService, paymentEndpoints, recordedOpenings } = all;
    const { agenda, operations, quarantine, archiveQueries: archive, rateLimiter, config, personal: unrecorded } = all;
    const { background } = all;
    const parts = pick(all, [
      'runner',
      'clock',
      'sessions',
      'credentials',
      'preferences',
      'passwords',
      'mailer',
      'evenAnswerMs',
      'tokens',
      'keyedHash',
      'emailKeyOf',
      'settings',
      'skuOwners',
      'allocator',
      'checkout',
      'settlement',
      'payments',
      'forgetting',
      'ownStreams',
      'openings',
      'queries',
      'rebuilds',
      'viewStream',
      'browsing',
      'sessionOf',
    ]);
    return lazy(() => {
      const { runner: states, queries } = parts;
      const { start: inBackground } = background;
      const { personal } = recordedOpenings;
      const { store, ownCommits } = ownStore;
      const { name: provider, methods: savedMethods, publishableKey } = paymentService;
      const pricing = createPricing({ ...parts, personal });
      const { quotes } = pricing;
      const views = createViews({ states, quotes, personal, store, upTo: ownCommits.upTo });
      const currentCarts = createCurrentCartReader({
        currentCarts: queries.currentCarts,
        states,
      });
      const earliestOf = (id: string) => earliestTime(id, parts.clock());
      const attempts = createAttempts(rateLimiter);
      const takeViews = createTakeViews({ ...parts, views: parts.viewStream });
      const guests = createGuestMerge({ ...parts, currentCarts });
      // What an account's own mails need is not opened for a person, so it is not recorded as opened.
      const accounts = createAccounts({
        ...parts,
        inBackground,
        personal: unrecorded,
        mailLinks: createMailLinks(config.mail.shopUrl),
        newSecret: () => randomBytes(16).toString('base64url'),
      });
      const shared = { ...parts, personal, currentCarts, guests, savedMethods, views };
      const recordOpening: ReadSideDeps['recordOpening'] = ({ caller, ...request }, subjects) =>
        parts.openings.record({ actor: actorOf(caller), ...request }, subjects);
      const endpoints = [
        ...sessionEndpoints({
          ...parts,
          inBackground,
          accounts,
          attempts,
          guests,
          takeViews,
          accessTokens: seals.accessTokens,
        }),
        ...accountEndpoints({ ...parts, inBackground, accounts, attempts }),
        ...writeSide({ ...shared, provider, pricing }),
        ...paymentEndpoints,
        ...readSide({
          ...shared,
          states,
          quotes,
          store,
          decode: codec.decode,
          earliestOf,
          archive,
          publishableKey,
          recordOpening,
        }),
        ...opsEndpoints({ operations }),
        ...opsQueries({ quarantine, targets: PAUSABLE, store, agenda, states, clock: parts.clock }),
      ];
      return endpoints.map((endpoint) => recorded(endpoint, recordedOpenings));
    });
  },

  api: ({
    endpoints,
    tokens,
    staff,
    rateLimiter,
    config: { trustedProxies, quotas, corsOrigins },
    idempotency,
    seals,
    metrics: registry,
    clock,
    log,
    tracing,
  }) =>
    lazy(() => ({
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
      registry,
      clock,
      log,
      ...defined({ tracing }),
    })),
} satisfies Partial<Recipes>;

/** The data of others that the endpoint opens is recorded as opened by its caller. */
function recorded(endpoint: Endpoint, { during }: RecordedOpenings): Endpoint {
  const purpose = `${endpoint.method.toUpperCase()} ${endpoint.path}`;
  return {
    ...endpoint,
    handle(request) {
      const { caller, requestId } = request;
      return during({ actor: actorOf(caller), requestId, purpose }, () => endpoint.handle(request));
    },
  };
}
