// The parts of the event store `eventstoredb`. What the engine has no conditions for is in the Postgres of the shop: leases, snapshots
// and the checkpoints of the feed.
import { OperatorError } from '../../../domain/kernel/errors.js';
import { createDuringTerm, createLeasesTable, createPostgresLeases } from '../../leadership/postgres-leases.js';
import { type EventStoreParts, lazy, type Parts, type Recipes } from '../../modules/parts.js';
import type { Engine } from '../../modules/reachable.js';
import { createPostgresSnapshotTexts, createSnapshotsTable } from '../postgres/postgres-snapshots.js';
import { createCatchUpFeed } from './catch-up-feed.js';
import { createCheckpointsTable, createPostgresCheckpoints } from './checkpoints.js';
import { createEventStoreDb, ENGINE, type EventStoreDb } from './client.js';
import { prefixOf } from './commit-event.js';
import { createEventStoreDbEventStore } from './eventstoredb-event-store.js';
import { eventStoreDbStore, markStreamOf } from './eventstoredb-store.js';
import { createEventStoreDbLoader } from './loader.js';

interface EventStoreDbParts {
  eventStoreDbServer: {
    db: EventStoreDb;
    engine: Engine;
    /** The beginning of the names of all streams of the shop. */
    shop: string;
  };
}

export const eventstoredbEventStoreParts = {
  eventStoreDbServer: ({ config: { namespace, profile }, addresses: { eventStoreDbUrl: url }, lifecycle }) =>
    lazy(() => {
      if (url === undefined)
        throw new OperatorError('The event store eventstoredb needs the address of a server: set EVENTSTORE_URL.');
      const db = createEventStoreDb(url);
      lifecycle.onClose(() => db.close());
      const shop = `${namespace}_${profile}`;
      const engine: Engine = {
        name: ENGINE,
        address: addressOf(url),
        serves: 'commands',
        ping: () => db.date(),
        check: () => db.readStream(markStreamOf(shop), { from: 'end', count: 1 }),
      };
      return { db, engine, shop };
    }),

  logEngines: ({ eventStoreDbServer: { engine } }) => lazy(() => [engine]),

  logStore: ({ eventStoreDbServer: { db, engine, shop } }) =>
    lazy(() => eventStoreDbStore({ db, address: engine.address, shop })),

  eventStore: ({ eventStoreDbServer: { db, shop }, claimed: { log }, postgres: { pool }, codec, clock }) =>
    lazy(async () => {
      await createLeasesTable(pool);
      const prefix = prefixOf(shop, log);
      return createEventStoreDbEventStore({ db, prefix, codec, clock, duringTerm: createDuringTerm(pool) });
    }),

  logLoader: ({ eventStoreDbServer: { db, shop } }) =>
    lazy(() => async (log) => createEventStoreDbLoader({ db, prefix: prefixOf(shop, log) })),

  snapshotTexts: ({ postgres: { pool } }) =>
    lazy(async () => {
      await createSnapshotsTable(pool);
      return createPostgresSnapshotTexts(pool);
    }),

  leases: ({ postgres: { pool } }) =>
    lazy(async () => {
      await createLeasesTable(pool);
      return createPostgresLeases(pool);
    }),

  feed: ({ eventStoreDbServer: { db, shop }, claimed, postgres: { pool }, codec, tamperAlarm: alarm, log }) =>
    lazy(async () => {
      await createCheckpointsTable(pool);
      const checkpoints = createPostgresCheckpoints(pool);
      return createCatchUpFeed({ db, prefix: prefixOf(shop, claimed.log), checkpoints, codec, alarm, log });
    }),
} satisfies Recipes<EventStoreParts & EventStoreDbParts, Parts & EventStoreDbParts>;

/** Hosts and ports, without user, password and options. */
function addressOf(url: string): string {
  return url.replace(/^[^:]*:\/\/([^@/]*@)?/, '').replace(/[/?].*$/, '');
}
