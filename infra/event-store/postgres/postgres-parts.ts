// The parts of the event store `postgres`.
import { createLeasesTable, createPostgresLeases } from '../../leadership/postgres-leases.js';
import { type EventStoreParts, lazy, type Parts, type Recipes } from '../../modules/parts.js';
import { postgresForCommands } from '../../modules/postgres-server.js';
import { postgresStore } from '../../stores/postgres-stores.js';
import { createEventsTable, createPostgresEventStore } from './postgres-event-store.js';
import { createCheckpointsTable, createPostgresFeed } from './postgres-feed.js';
import { createFeedWakes, type FeedWakes } from './postgres-feed-wakes.js';
import { createPostgresLoader } from './postgres-loader.js';
import { createPostgresSnapshotTexts, createSnapshotsTable } from './postgres-snapshots.js';

/** The lookup of a commit that does not exist. */
const LOOK = `select from events where pk = '' and sk = 0`;

/** Only this store has it. */
interface WakeParts {
  feedWakes: FeedWakes;
}

export const postgresEventStoreParts = {
  logEngines: ({ postgresServer }) => lazy(() => [postgresForCommands(postgresServer, 'log', [LOOK])]),

  logStore: ({ postgresServer: { pool, engine, schemas } }) =>
    lazy(() => postgresStore(pool, engine.address, schemas.log)),

  feedWakes: ({ postgres: { pool } }) => lazy(() => createFeedWakes(pool)),

  eventStore: ({ postgres: { pool }, codec, clock, feedWakes: wakes }) =>
    lazy(async () => {
      await createEventsTable(pool);
      return createPostgresEventStore({ pool, codec, clock, wakes });
    }),

  logLoader: ({ postgresServer: { pool } }) => lazy(() => () => createPostgresLoader(pool)),

  snapshotTexts: ({ postgres: { pool } }) =>
    lazy(async () => {
      await createSnapshotsTable(pool);
      return createPostgresSnapshotTexts(pool);
    }),

  feed: ({ postgres: { pool }, codec, tamperAlarm: alarm, log, feedWakes: wakes }) =>
    lazy(async () => {
      await createEventsTable(pool);
      await createCheckpointsTable(pool);
      return createPostgresFeed({ pool, codec, alarm, log, wakes });
    }),

  leases: ({ postgres: { pool } }) =>
    lazy(async () => {
      await createLeasesTable(pool);
      return createPostgresLeases(pool);
    }),
} satisfies Recipes<EventStoreParts & WakeParts, Parts & WakeParts>;
