// The benches on Postgres: our appends and commands compared with single-row inserts into the same table.
import type { Pool } from 'pg';
import { START } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { createPostgresEventStore } from '../../infra/event-store/postgres/postgres-event-store.js';
import { createPool } from '../../infra/postgres.js';
import { CALLERS, type RatioBench } from './bench.js';
import { createDatabase } from './database.js';
import type { BenchEngines } from './engines.js';
import type { Side } from './measure.js';
import { createRawTable, insertRaw } from './raw-inserts.js';
import { codec, commitsOf, deliveries, placeOrder, runnerOn } from './work.js';

/** The size of the product's pool; raw inserts use the same. */
const CONNECTIONS = 16;

/** Tasks of a round. Coalesced appends are fast, sequential ones are slow. */
const ORDERS = 6_000;
const HOT_DELIVERIES = 6_000;
const SINGLE_INSERTS = 500;

export const append: RatioBench = {
  kind: 'ratio',
  name: 'append',
  inFlight: CALLERS,
  target: 2,
  how: 'appends, one order per stream ÷ single-row inserts of the same commits',
  open: (engines) => onPostgres(engines, ({ store, raw }) => ({ ours: appends(store), raw })),
};

export const command: RatioBench = {
  kind: 'ratio',
  name: 'command',
  inFlight: CALLERS,
  target: 1.5,
  how: 'commands (load, decide and append), one order per stream ÷ single-row inserts of the same commits',
  open: (engines) => onPostgres(engines, ({ store, raw }) => ({ ours: commands(store), raw })),
};

export const hotStream: RatioBench = {
  kind: 'ratio',
  name: 'hot-stream',
  inFlight: CALLERS,
  target: 5,
  how: 'commands on one stream, deliveries of one SKU ÷ single-row inserts of the same commits, one after the other',
  open: (engines) =>
    onPostgres(engines, ({ store, pool }) => ({ ours: commandsOnOne(store), raw: insertsOnOne(pool) })),
};

function appends(store: EventStore): Side {
  return {
    callers: CALLERS,
    tasks: ORDERS,
    async prepare(tasks) {
      return (await commitsOf(times(tasks, placeOrder)))
        .map(codec.decode)
        .map(({ stream, position: { at }, commandIds, events }) => async () => {
          const { appended } = await store.append(stream, START, { at, commandIds, events });
          if (!appended) throw new Error(`${stream} was not new.`);
        });
    },
  };
}

function commands(store: EventStore): Side {
  return {
    callers: CALLERS,
    tasks: ORDERS,
    async prepare(tasks) {
      const runner = runnerOn(store);
      return times(tasks, placeOrder).map((issue) => () => issue(runner));
    },
  };
}

function commandsOnOne(store: EventStore): Side {
  return {
    callers: CALLERS,
    tasks: HOT_DELIVERIES,
    async prepare(tasks) {
      const runner = runnerOn(store);
      return deliveries(tasks).map((issue) => () => issue(runner));
    },
  };
}

function inserts(pool: Pool): Side {
  return {
    callers: CALLERS,
    tasks: ORDERS,
    prepare: async (tasks) => (await commitsOf(times(tasks, placeOrder))).map((row) => () => insertRaw(pool, row)),
  };
}

function insertsOnOne(pool: Pool): Side {
  return {
    callers: 1,
    tasks: SINGLE_INSERTS,
    prepare: async (tasks) => (await commitsOf(deliveries(tasks))).map((row) => () => insertRaw(pool, row)),
  };
}

/** A database of this bench, with the log's table and an equal one for raw inserts. */
async function onPostgres(
  engines: BenchEngines,
  sidesOf: (given: { store: EventStore; pool: Pool; raw: Side }) => Record<'ours' | 'raw', Side>,
): Promise<Record<'ours' | 'raw', Side> & { close(): Promise<void> }> {
  const database = await createDatabase(await engines.postgres());
  const pool = createPool({ url: database.url, max: CONNECTIONS });
  await createRawTable(pool);
  return {
    ...sidesOf({ store: createPostgresEventStore({ pool, codec }), pool, raw: inserts(pool) }),
    async close() {
      await pool.end();
      await database.drop();
    },
  };
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
