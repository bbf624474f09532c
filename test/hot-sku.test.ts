// Buyers of the last units of one SKU, each in an environment of its own, as in Lambdas: no memory and no queue in common. The bench
// `hot-sku` does the same with 2,000 buyers over four processes.
import { expect } from 'chai';
import { Unavailable } from '../domain/kernel/errors.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { createDynamoEventStore, createEventsTable } from '../infra/event-store/dynamodb/dynamodb-event-store.js';
import * as postgres from '../infra/event-store/postgres/postgres-event-store.js';
import { createPool } from '../infra/postgres.js';
import { openEnvironment, serve, stockAtRest, stockUp } from '../scripts/bench/environment.js';
import { codec } from '../scripts/bench/work.js';
import { describeOnAws } from './aws.js';
import { describeWith, freshName } from './engines.js';

const ENVIRONMENTS = 20;
const BUYERS = 60;
const UNITS = 6;

async function expectSoldOut(store: EventStore): Promise<void> {
  const sku = freshName('RUSH');
  await stockUp(store, sku, UNITS);
  const environments = Array.from({ length: ENVIRONMENTS }, () => openEnvironment(store));
  const { waits, ...told } = await serve(environments, { sku, buyers: BUYERS });
  expect({ ...told, served: waits.length }).to.deep.equal({ sold: UNITS, errors: [], served: BUYERS });
  expect(await stockAtRest(store, sku)).to.include({ committed: UNITS });
}

describeWith('postgres', 'Buyers without common memory on Postgres', (engines) => {
  it('buy exactly the units that there are, and all others are told that they are out of stock', async () => {
    const pool = createPool({ url: await engines.freshDatabase() });
    await postgres.createEventsTable(pool);
    await expectSoldOut(postgres.createPostgresEventStore({ pool, codec }));
    await pool.end();
  });

  it('leave no unit reserved once the agenda has recovered checkouts that could not commit theirs', async () => {
    const pool = createPool({ url: await engines.freshDatabase() });
    await postgres.createEventsTable(pool);
    const store = postgres.createPostgresEventStore({ pool, codec });
    const failing: EventStore = {
      ...store,
      append: async (...args) => {
        if (JSON.stringify(args).includes('ReservationCommitted')) throw new Unavailable('the log', 'is away');
        return store.append(...args);
      },
    };
    const sku = freshName('RUSH');
    await stockUp(store, sku, UNITS);
    const { sold } = await serve([openEnvironment(failing)], { sku, buyers: UNITS });
    expect(sold).to.equal(UNITS);
    expect(await stockAtRest(store, sku, { recoverAfterMs: 0 })).to.include({ committed: UNITS, reserved: 0 });
    await pool.end();
  });
});

describeOnAws('Buyers without common memory on DynamoDB', (aws) => {
  it('buy exactly the units that there are, and all others are told that they are out of stock', async () => {
    const [client, table] = [aws.dynamodb(), freshName('events')];
    await createEventsTable({ client, table });
    await expectSoldOut(createDynamoEventStore({ client, table, codec }));
  });
});
