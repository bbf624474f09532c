// The benches on Postgres: what our appends and commands make of single-row inserts into the same table.
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { START, type StoredCommit } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { EngineUnavailable } from '../../infra/engines/errors.js';
import { createEventsTable, createPostgresEventStore } from '../../infra/event-store/postgres.js';
import { COMMIT_COLUMNS } from '../../infra/event-store/postgres-schema.js';
import { createPool } from '../../infra/postgres.js';
import { type Bench, CALLERS, type OpenBench } from './bench.js';
import type { BenchEngines } from './engines.js';
import type { Side } from './measure.js';
import { codec, commitsOf, deliveries, placeOrder, runnerOn } from './work.js';

/** The product's pool; raw inserts have it, too. */
const CONNECTIONS = 16;

/** Tasks of a round. Appends that are coalesced are quick, those that come one after the other are slow. */
const ORDERS = 6_000;
const HOT_DELIVERIES = 6_000;
const SINGLE_INSERTS = 500;

export const append: Bench = {
  name: 'append',
  aim: 2,
  how: `appends of ${CALLERS} callers, each an order on a stream of its own ÷ single-row inserts of such commits by as many callers`,
  open: (engines) => onPostgres(engines, ({ store, raw }) => ({ ours: appends(store), raw })),
};

export const command: Bench = {
  name: 'command',
  aim: 1.3,
  how: `commands of ${CALLERS} callers, load, decide and append, each an order on a stream of its own ÷ single-row inserts of such commits by as many callers`,
  open: (engines) => onPostgres(engines, ({ store, raw }) => ({ ours: commands(store), raw })),
};

export const hotStream: Bench = {
  name: 'hot-stream',
  aim: 5,
  how: `commands of ${CALLERS} callers on one stream, deliveries of one SKU ÷ single-row inserts of such commits one after the other`,
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
    prepare: async (tasks) => (await commitsOf(times(tasks, placeOrder))).map((row) => () => insert(pool, row)),
  };
}

function insertsOnOne(pool: Pool): Side {
  return {
    callers: 1,
    tasks: SINGLE_INSERTS,
    prepare: async (tasks) => (await commitsOf(deliveries(tasks))).map((row) => () => insert(pool, row)),
  };
}

const INSERT_SQL = `
  insert into raw_events (${COMMIT_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  on conflict do nothing`;

async function insert(pool: Pool, { pk, sk, f, fv, lv, ev, at, cs, ph, h, lp }: StoredCommit): Promise<void> {
  const values = [pk, sk, f, fv, lv, ev, at, JSON.stringify(cs), ph, h, lp];
  const { rowCount } = await pool.query({ name: 'raw-insert', text: INSERT_SQL, values });
  if (rowCount !== 1) throw new Error(`${pk} ${sk} was there already.`);
}

/** A database of this bench alone, with the log's table and an equal one for raw inserts. */
async function onPostgres(
  engines: BenchEngines,
  sidesOf: (given: { store: EventStore; pool: Pool; raw: Side }) => Omit<OpenBench, 'close'>,
): Promise<OpenBench> {
  const server = createPool({ url: await engines.postgres(), max: 1 });
  const database = `commerce_bench_${randomBytes(6).toString('hex')}`;
  try {
    await server.query(`create database ${database}`);
  } catch (error) {
    await server.end();
    throw new EngineUnavailable('postgres', `no database can be made for the bench: ${(error as Error).message}`);
  }
  const url = new URL(await engines.postgres());
  url.pathname = `/${database}`;
  const pool = createPool({ url: url.href, max: CONNECTIONS });
  await createEventsTable(pool);
  await pool.query('create table raw_events (like events including all)');
  return {
    ...sidesOf({ store: createPostgresEventStore({ pool, codec }), pool, raw: inserts(pool) }),
    async close() {
      await pool.end();
      await server.query(`drop database ${database} with (force)`);
      await server.end();
    },
  };
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
