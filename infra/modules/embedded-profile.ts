// The `embedded` profile: every port uses the Postgres of the shop, except that of objects, which uses a folder.
import { join } from 'node:path';
import { createPostgresViewStream, prepareViewStream } from '../browsing/stream-postgres.js';
import { createBrowsingStore } from '../browsing/texts.js';
import { createPostgresTexts, prepareBrowsing } from '../browsing/texts-postgres.js';
import { createLocalKeyWrap } from '../crypto/master-key.js';
import { createPostgresSubjectKeys, createSubjectKeysTable } from '../crypto/subject-keys-postgres.js';
import { createPostgresIdempotency, prepareIdempotency } from '../idempotency/postgres-idempotency.js';
import { createPostgresCredentials, prepareCredentials } from '../identity/credentials-postgres.js';
import { createPostgresPreferences, preparePreferences } from '../identity/preferences-postgres.js';
import { createPostgresSessions, prepareSessions } from '../identity/sessions-postgres.js';
import { createBulkFiles } from '../objects/bulk-files.js';
import { createFolderObjects } from '../objects/folder-objects.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { createPostgresCatalogue } from '../read-models/catalogue.postgres.js';
import { alsoBoughtQueries, productPageQueries } from '../read-models/documents.js';
import { postgresTable } from '../read-models/postgres-documents.js';
import { createPostgresProductSearch } from '../read-models/product-search.postgres.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { mailParts } from './mail.js';
import { lazy, type ProfileParts, type Recipes } from './parts.js';
import { postgresForCommands } from './postgres-server.js';
import { relationalQueries } from './relational-queries.js';
import { watchedSynonyms } from './synonyms.js';

/** In the data folder. */
export const OBJECTS_FOLDER = 'objects';

/** Interval of the deletion of expired sessions and idempotency records. */
const PURGE_EVERY_MS = 60 * 60_000;

/** Lookups of keys that do not exist are cheap, however large the tables are. */
const LOOKS = [
  `select from subject_keys where subject = ''`,
  `select from sessions where customer_id = '' and id = ''`,
  `select from credentials where customer_id = ''`,
  `select from idempotency where id = ''`,
];

export const embeddedParts = {
  ...mailParts,

  profileEngines: ({ postgresServer }) => lazy(() => [postgresForCommands(postgresServer, 'profile', LOOKS)]),

  profileStores: () => lazy(() => []),

  profileServers: () => lazy(() => []),

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

  credentials: ({ postgres: { pool } }) =>
    lazy(async () => {
      await prepareCredentials(pool);
      return createPostgresCredentials(pool);
    }),

  preferences: ({ postgres: { pool } }) =>
    lazy(async () => {
      await preparePreferences(pool);
      return createPostgresPreferences(pool);
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

  viewStream: ({ postgres: { pool }, log }) =>
    lazy(async () => {
      await prepareViewStream(pool);
      return createPostgresViewStream({ pool, log });
    }),

  browsing: ({ postgres: { pool }, clock, lifecycle }) =>
    lazy(async () => {
      await prepareBrowsing(pool);
      const texts = createPostgresTexts(pool, clock);
      purgeNowAndThen(() => texts.purge(), lifecycle);
      return createBrowsingStore(texts);
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
        ...relationalQueries(pool),
        catalogue: (build) => createPostgresCatalogue(pool, build),
        productSearch: (build) => createPostgresProductSearch(pool, build, synonyms),
        productPage: (build) => productPageQueries(postgresTable(pool, build)),
        alsoBought: (build) => alsoBoughtQueries(postgresTable(pool, build)),
      };
    }),
} satisfies Recipes<ProfileParts>;

/** A failed purge is repeated at the next interval. Readers check the expiry time themselves. */
function purgeNowAndThen(purge: () => Promise<unknown>, lifecycle: { onClose(close: () => unknown): void }): void {
  const timer = setInterval(() => void purge().catch(() => {}), PURGE_EVERY_MS).unref();
  lifecycle.onClose(() => clearInterval(timer));
}
