// The `embedded` profile: every port uses one Postgres.
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
import { type Recipes, recipe } from './parts.js';

/** Interval of the deletion of expired sessions and idempotency records. */
const PURGE_EVERY_MS = 60 * 60_000;

export const embeddedParts = {
  engines: recipe(['postgresServer'], ({ postgresServer: { engine } }) => [engine]),

  stores: recipe(
    ['postgresServer'],
    ({
      postgresServer: {
        pool,
        engine: { address },
        schema,
      },
    }) => ({
      log: named(postgresLog(pool, address)),
      readModels: [named(postgresReadModels(pool, address, schema))],
    }),
  ),

  eventStore: recipe(['postgres', 'codec', 'clock'], async ({ postgres: { pool }, codec, clock }) => {
    await createEventsTable(pool);
    return createPostgresEventStore({ pool, codec, clock });
  }),

  snapshotTexts: recipe(['postgres'], async ({ postgres: { pool } }) => {
    await createSnapshotsTable(pool);
    return createPostgresSnapshotTexts(pool);
  }),

  feed: recipe(['postgres', 'codec', 'log'], async ({ postgres: { pool }, codec, log }) => {
    await createEventsTable(pool);
    await createCheckpointsTable(pool);
    return createPostgresFeed({ pool, codec, log });
  }),

  subjectKeys: recipe(['postgres'], async ({ postgres: { pool } }) => {
    await createSubjectKeysTable(pool);
    return createPostgresSubjectKeys(pool);
  }),

  sessions: recipe(['postgres', 'clock', 'lifecycle'], async ({ postgres: { pool }, clock, lifecycle }) => {
    await prepareSessions(pool);
    const sessions = createPostgresSessions(pool);
    purgeNowAndThen(() => sessions.purge(clock()), lifecycle);
    return sessions;
  }),

  idempotency: recipe(['postgres', 'clock', 'lifecycle', 'countedLog'], async (parts) => {
    const { postgres, clock, lifecycle, countedLog } = parts;
    await prepareIdempotency(postgres.pool);
    const records = createPostgresIdempotency({
      pool: postgres.pool,
      onLostEnd: (error) => countedLog.warn({ err: error }, 'an answer was sent but could not be kept for repeats'),
    });
    lifecycle.onClose(() => records.settled());
    purgeNowAndThen(() => records.purge(clock()), lifecycle);
    return records;
  }),

  rateLimiter: recipe(['config'], ({ config: { quotas } }) => createMemoryRateLimiter(quotas)),

  sinks: recipe(['postgres'], ({ postgres: { pool } }) => {
    const sink = createPostgresSink(pool);
    return { relational: sink, documents: sink, search: sink, cache: sink };
  }),

  queries: recipe(['postgres'], ({ postgres: { pool } }) => ({
    orders: createPostgresOrders(pool),
    workLists: createPostgresWorkLists(pool),
    stock: stockQueries(postgresTable(pool, stock)),
    currentCarts: createPostgresCurrentCarts(pool),
    agenda: createPostgresAgenda(pool),
    catalogue: createPostgresCatalogue(pool),
    productSearch: createPostgresProductSearch(pool),
    productPage: productPageQueries(postgresTable(pool, productPage)),
  })),
} satisfies Partial<Recipes>;

/** A failed purge is repeated at the next interval. Readers check the expiry time themselves. */
function purgeNowAndThen(purge: () => Promise<unknown>, lifecycle: { onClose(close: () => unknown): void }): void {
  const timer = setInterval(() => void purge().catch(() => {}), PURGE_EVERY_MS).unref();
  lifecycle.onClose(() => clearInterval(timer));
}
