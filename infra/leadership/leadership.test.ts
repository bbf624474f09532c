// Leadership on every store of the log.
import type { Pool } from 'pg';
import { describeOnAws } from '../../test/aws.js';
import { leasesContract } from '../../test/contracts/leases.contract.js';
import { notes } from '../../test/contracts/notes.js';
import { describeWith, freshName } from '../../test/engines.js';
import { ensureTable } from '../aws.js';
import { createCommitCodec } from '../event-store/codec.js';
import {
  createDynamoEventStore,
  createEventsTable as createDynamoEventsTable,
} from '../event-store/dynamodb/dynamodb-event-store.js';
import { createEventStoreDb, type EventStoreDb } from '../event-store/eventstoredb/client.js';
import { createEventStoreDbEventStore } from '../event-store/eventstoredb/eventstoredb-event-store.js';
import { createEventsTable, createPostgresEventStore } from '../event-store/postgres/postgres-event-store.js';
import { createPool } from '../postgres.js';
import { createDynamoLeases, LEASES_TABLE } from './dynamodb-leases.js';
import { createDuringTerm, createLeasesTable, createPostgresLeases } from './postgres-leases.js';

const codec = createCommitCodec(notes);

describeWith('postgres', 'Leadership on Postgres', function (engines) {
  this.timeout(60_000);
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await Promise.all([createEventsTable(pool), createLeasesTable(pool), createLeasesTable(pool)]);
  });
  after(() => pool.end());

  leasesContract(() => ({ leases: createPostgresLeases(pool), store: createPostgresEventStore({ pool, codec }) }));
});

describeOnAws('Leadership on DynamoDB', (aws) => {
  leasesContract(async () => {
    const client = aws.dynamodb();
    const table = freshName('events');
    const leases = freshName('leases');
    await Promise.all([createDynamoEventsTable({ client, table }), ensureTable(client, leases, LEASES_TABLE)]);
    return {
      leases: createDynamoLeases({ client, table: leases }),
      store: createDynamoEventStore({ client, table, leases, codec }),
    };
  });
});

describeWith(['postgres', 'eventstoredb'], 'Leadership on EventStoreDB, with leases in Postgres', function (engines) {
  this.timeout(60_000);
  let pool: Pool;
  let db: EventStoreDb;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase(), max: 40 });
    db = createEventStoreDb(engines.eventstoredb());
    await createLeasesTable(pool);
  });
  after(() => Promise.all([pool.end(), db.close()]));

  leasesContract(() => ({
    leases: createPostgresLeases(pool),
    store: createEventStoreDbEventStore({ db, prefix: freshName('log'), codec, duringTerm: createDuringTerm(pool) }),
  }));
});
