// The `embedded` profile: every port uses the Postgres of the shop, except that of objects, which uses a folder.
import { join } from 'node:path';
import { createLocalKeyWrap } from '../crypto/master-key.js';
import { createPostgresSubjectKeys, createSubjectKeysTable } from '../crypto/subject-keys-postgres.js';
import { createPostgresIdempotency, prepareIdempotency } from '../idempotency/postgres-idempotency.js';
import { createPostgresSessions, prepareSessions } from '../identity/sessions-postgres.js';
import { createBulkFiles } from '../objects/bulk-files.js';
import { createFolderObjects } from '../objects/folder-objects.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { createPostgresAgenda } from '../read-models/agenda.postgres.js';
import { createPostgresCatalogue } from '../read-models/catalogue.postgres.js';
import { createPostgresCurrentCarts } from '../read-models/current-carts.postgres.js';
import { productPageQueries, stockQueries } from '../read-models/documents.js';
import { createPostgresOrders } from '../read-models/orders.postgres.js';
import { postgresTable } from '../read-models/postgres-documents.js';
import { createPostgresProductSearch } from '../read-models/product-search.postgres.js';
import { createPostgresWorkLists } from '../read-models/work-lists.postgres.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { lazy, type ProfileParts, type Recipes } from './parts.js';
import { postgresForCommands } from './postgres-server.js';
import { watchedSynonyms } from './synonyms.js';

/** In the data folder. */
export const OBJECTS_FOLDER = 'objects';

/** Interval of the deletion of expired sessions and idempotency records. */
const PURGE_EVERY_MS = 60 * 60_000;

/** Lookups of keys that do not exist are cheap, however large the tables are. */
const LOOKS = [
  `select from subject_keys where subject = ''`,
  `select from sessions where customer_id = '' and id = ''`,
  `select from idempotency where id = ''`,
];

export const embeddedParts = {
  profileEngines: ({ postgresServer }) => lazy(() => [postgresForCommands(postgresServer, 'profile', LOOKS)]),

  profileStores: () => lazy(() => []),

  objectPlace: ({ config: { dataDir } }) => lazy(() => createFolderObjects(join(dataDir, OBJECTS_FOLDER))),

  bulkFiles: () => lazy(() => createBulkFiles()),

  subjectKeys: ({ postgres: { pool } }) =>
    lazy(async () => {
      await createSubjectKeysTable(pool);
      return createPostgresSubjectKeys(pool);
    }),

  keyWrap: ({ masterKey }) => lazy(() => createLocalKeyWrap(masterKey)),

  sessions: ({ postgres: { pool }, clock, lifecycle }) =>
    lazy(async () => {
      await prepareSessions(pool);
      const sessions = createPostgresSessions(pool);
      purgeNowAndThen(() => sessions.purge(clock()), lifecycle);
      return sessions;
    }),

  idempotency: ({ postgres: { pool }, clock, lifecycle, countedLog }) =>
    lazy(async () => {
      await prepareIdempotency(pool);
      const records = createPostgresIdempotency({
        pool,
        onLostEnd: (error) => countedLog.warn({ err: error }, 'an answer was sent but could not be kept for repeats'),
      });
      lifecycle.onClose(() => records.close());
      purgeNowAndThen(() => records.purge(clock()), lifecycle);
      return records;
    }),

  rateLimiter: ({ config: { quotas } }) => lazy(() => createMemoryRateLimiter(quotas)),

  sinks: ({ postgres: { pool } }) =>
    lazy(() => {
      const sink = createPostgresSink(pool);
      return { relational: sink, documents: sink, search: sink, cache: sink };
    }),

  queriesOf: ({ postgres: { pool }, config: { synonymsFile }, lifecycle, countedLog }) =>
    lazy(async () => {
      const synonyms = await watchedSynonyms(synonymsFile, lifecycle, countedLog);
      return {
        orders: (build) => createPostgresOrders(pool, build),
        workLists: (build) => createPostgresWorkLists(pool, build),
        stock: (build) => stockQueries(postgresTable(pool, build)),
        currentCarts: (build) => createPostgresCurrentCarts(pool, build),
        agenda: (build) => createPostgresAgenda(pool, build),
        catalogue: (build) => createPostgresCatalogue(pool, build),
        productSearch: (build) => createPostgresProductSearch(pool, build, synonyms),
        productPage: (build) => productPageQueries(postgresTable(pool, build)),
      };
    }),
} satisfies Recipes<ProfileParts>;

/** A failed purge is repeated at the next interval. Readers check the expiry time themselves. */
function purgeNowAndThen(purge: () => Promise<unknown>, lifecycle: { onClose(close: () => unknown): void }): void {
  const timer = setInterval(() => void purge().catch(() => {}), PURGE_EVERY_MS).unref();
  lifecycle.onClose(() => clearInterval(timer));
}
