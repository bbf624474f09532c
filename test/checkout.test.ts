// Checkouts with crashes between any two steps, on every event store.
import type { Pool } from 'pg';
import { eventTypes } from '../domain/events.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import * as dynamodb from '../infra/event-store/dynamodb/dynamodb-event-store.js';
import { createEventStoreDb, type EventStoreDb } from '../infra/event-store/eventstoredb/client.js';
import { createEventStoreDbEventStore } from '../infra/event-store/eventstoredb/eventstoredb-event-store.js';
import { createMemoryEventStore, createMemoryLog } from '../infra/event-store/memory.js';
import * as postgres from '../infra/event-store/postgres/postgres-event-store.js';
import { createPool } from '../infra/postgres.js';
import { describeOnAws } from './aws.js';
import { CASES_OF_ENGINES, checkoutContract } from './contracts/checkout.contract.js';
import { describeWith, freshName } from './engines.js';

const codec = createCommitCodec(eventTypes);

const log = createMemoryLog();
checkoutContract('the log in memory', () => createMemoryEventStore({ codec, log }), 300);

describeWith('postgres', 'On Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await postgres.createEventsTable(pool);
  });
  after(() => pool.end());
  checkoutContract('Postgres', () => postgres.createPostgresEventStore({ pool, codec }), 20, CASES_OF_ENGINES);
});

describeOnAws('On DynamoDB', (aws) => {
  const table = freshName('events');
  before(() => dynamodb.createEventsTable({ client: aws.dynamodb(), table }));
  const openStore = () => dynamodb.createDynamoEventStore({ client: aws.dynamodb(), table, codec });
  checkoutContract('DynamoDB', openStore, 10, CASES_OF_ENGINES);
});

describeWith('eventstoredb', 'On EventStoreDB', (engines) => {
  const prefix = freshName('log');
  let db: EventStoreDb;
  before(() => {
    db = createEventStoreDb(engines.eventstoredb());
  });
  after(() => db.close());
  const openStore = () => createEventStoreDbEventStore({ db, prefix, codec });
  checkoutContract('EventStoreDB', openStore, 10, CASES_OF_ENGINES);
});
