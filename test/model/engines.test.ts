// The same histories on real engines, where requests overlap freely. Faults are injected at the ports.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import type { Pool } from 'pg';
import type { EventStore } from '../../domain/kernel/event-store.js';
import * as dynamodb from '../../infra/event-store/dynamodb/dynamodb-event-store.js';
import { createEventStoreDb, type EventStoreDb } from '../../infra/event-store/eventstoredb/client.js';
import { createEventStoreDbEventStore } from '../../infra/event-store/eventstoredb/eventstoredb-event-store.js';
import * as postgres from '../../infra/event-store/postgres/postgres-event-store.js';
import { createPool } from '../../infra/postgres.js';
import { describeOnAws } from '../aws.js';
import { describeWith, freshName } from '../engines.js';
import { runsOf } from '../every-case.js';
import { codec, histories, playOn } from './history.js';

const ON_POSTGRES = runsOf(20);
const ON_DYNAMODB = runsOf(10);
const ON_EVENTSTOREDB = runsOf(10);
const SEED = 2026;
const TIMEOUT_MS = 10 * 60_000;

function keepsItsPromises(openStore: () => EventStore, numRuns: number): void {
  it('keeps its promises whatever happens to it', async () => {
    const property = fc.asyncProperty(histories(), (history) => playOn(openStore, history));
    // A failure may not repeat, so histories are not shrunk.
    await fc.assert(property, { numRuns, endOnFailure: true, seed: SEED });
  }).timeout(TIMEOUT_MS);
}

describeWith('postgres', 'The shop on Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await postgres.createEventsTable(pool);
  });
  after(() => pool.end());
  keepsItsPromises(() => postgres.createPostgresEventStore({ pool, codec }), ON_POSTGRES);
});

describeOnAws('The shop on DynamoDB', (aws) => {
  const table = freshName('events');
  let client: DynamoDBClient;
  before(async () => {
    client = aws.dynamodb();
    await dynamodb.createEventsTable({ client, table });
  });
  keepsItsPromises(() => dynamodb.createDynamoEventStore({ client, table, codec }), ON_DYNAMODB);
});

describeWith('eventstoredb', 'The shop on EventStoreDB', (engines) => {
  let db: EventStoreDb;
  before(() => {
    db = createEventStoreDb(engines.eventstoredb());
  });
  after(() => db.close());
  const prefix = freshName('log');
  keepsItsPromises(() => createEventStoreDbEventStore({ db, prefix, codec }), ON_EVENTSTOREDB);
});
