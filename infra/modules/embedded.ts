// The profile `embedded`: every port on one Postgres.
import { ContainerModule } from 'inversify';
import { productPage } from '../../projections/models/product-page.js';
import { stock } from '../../projections/models/stock.js';
import { createPostgresSubjectKeys, createSubjectKeysTable } from '../crypto/subject-keys-postgres.js';
import { createEventsTable, createPostgresEventStore } from '../event-store/postgres.js';
import { createPostgresSnapshotTexts, createSnapshotsTable } from '../event-store/snapshots-postgres.js';
import { createCheckpointsTable, createPostgresFeed } from '../feed/postgres.js';
import { createPostgresIdempotency, prepareIdempotency } from '../idempotency/postgres.js';
import { createPostgresSessions, prepareSessions } from '../identity/sessions-postgres.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { createPostgresAgenda } from '../read-models/agenda.postgres.js';
import { createPostgresCatalogue } from '../read-models/catalogue.postgres.js';
import { createPostgresCurrentCarts } from '../read-models/current-carts.postgres.js';
import { productPageQueries, stockQueries } from '../read-models/documents.js';
import { createPostgresOrders } from '../read-models/orders.postgres.js';
import { postgresTable } from '../read-models/postgres.js';
import { createPostgresProductSearch } from '../read-models/product-search.postgres.js';
import { createPostgresWorkLists } from '../read-models/work-lists.postgres.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { postgresLog, postgresReadModels } from '../stores/postgres.js';
import { named } from '../stores/store.js';
import {
  CLOCK,
  CODEC,
  CONFIG,
  ENGINES,
  EVENT_STORE,
  FEED,
  IDEMPOTENCY,
  LIFECYCLE,
  LOG,
  POSTGRES,
  POSTGRES_SERVER,
  QUERIES,
  RATE_LIMITER,
  SESSIONS,
  SINKS,
  SNAPSHOT_TEXTS,
  STORES,
  SUBJECT_KEYS,
} from './tokens.js';

/** Expired sessions and idempotency records are deleted this often. */
const PURGE_EVERY_MS = 60 * 60_000;

export const embeddedModule = new ContainerModule(({ bind }) => {
  bind(ENGINES).toResolvedValue(({ engine }) => [engine], [POSTGRES_SERVER]);

  bind(STORES).toResolvedValue(
    ({ pool, engine: { address }, schema }) => ({
      log: named(postgresLog(pool, address)),
      readModels: [named(postgresReadModels(pool, address, schema))],
    }),
    [POSTGRES_SERVER],
  );

  bind(EVENT_STORE).toResolvedValue(
    async ({ pool }, codec, clock) => {
      await createEventsTable(pool);
      return createPostgresEventStore({ pool, codec, clock });
    },
    [POSTGRES, CODEC, CLOCK],
  );

  bind(SNAPSHOT_TEXTS).toResolvedValue(
    async ({ pool }) => {
      await createSnapshotsTable(pool);
      return createPostgresSnapshotTexts(pool);
    },
    [POSTGRES],
  );

  bind(FEED).toResolvedValue(
    async ({ pool }, codec, log) => {
      await createEventsTable(pool);
      await createCheckpointsTable(pool);
      return createPostgresFeed({ pool, codec, log });
    },
    [POSTGRES, CODEC, LOG],
  );

  bind(SUBJECT_KEYS).toResolvedValue(
    async ({ pool }) => {
      await createSubjectKeysTable(pool);
      return createPostgresSubjectKeys(pool);
    },
    [POSTGRES],
  );

  bind(SESSIONS).toResolvedValue(
    async ({ pool }, clock, lifecycle) => {
      await prepareSessions(pool);
      const sessions = createPostgresSessions(pool);
      purgeNowAndThen(() => sessions.purge(clock()), lifecycle);
      return sessions;
    },
    [POSTGRES, CLOCK, LIFECYCLE],
  );

  bind(IDEMPOTENCY).toResolvedValue(
    async ({ pool }, clock, lifecycle) => {
      await prepareIdempotency(pool);
      const records = createPostgresIdempotency(pool);
      purgeNowAndThen(() => records.purge(clock()), lifecycle);
      return records;
    },
    [POSTGRES, CLOCK, LIFECYCLE],
  );

  bind(RATE_LIMITER).toResolvedValue(({ quotas }) => createMemoryRateLimiter(quotas), [CONFIG]);

  bind(SINKS).toResolvedValue(
    ({ pool }) => {
      const sink = createPostgresSink(pool);
      return { relational: sink, documents: sink, search: sink, cache: sink };
    },
    [POSTGRES],
  );

  bind(QUERIES).toResolvedValue(
    ({ pool }) => ({
      orders: createPostgresOrders(pool),
      workLists: createPostgresWorkLists(pool),
      stock: stockQueries(postgresTable(pool, stock)),
      currentCarts: createPostgresCurrentCarts(pool),
      agenda: createPostgresAgenda(pool),
      catalogue: createPostgresCatalogue(pool),
      productSearch: createPostgresProductSearch(pool),
      productPage: productPageQueries(postgresTable(pool, productPage)),
    }),
    [POSTGRES],
  );
});

/** What could not be purged now is purged the next time; readers compare the time anyway. */
function purgeNowAndThen(purge: () => Promise<unknown>, lifecycle: { onClose(close: () => unknown): void }): void {
  const timer = setInterval(() => void purge().catch(() => {}), PURGE_EVERY_MS).unref();
  lifecycle.onClose(() => clearInterval(timer));
}
