// The bench of rebuilds: the read model of orders is built anew on Postgres, compared with a COPY of the documents that this makes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { START } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { createEventsTable, createPostgresEventStore } from '../../infra/event-store/postgres/postgres-event-store.js';
import { createPool } from '../../infra/postgres.js';
import { createFileSpill } from '../../infra/rebuild/file-spill.js';
import { hasEnded, runnerOfThisProcess } from '../../infra/rebuild/runner.js';
import { createPostgresSink } from '../../infra/sinks/postgres.js';
import { orders } from '../../projections/models/orders.js';
import { createRebuilds, DEFAULT_SEGMENTS } from '../../projections/rebuild/rebuilds.js';
import { createBuildList, tableOf } from '../../projections/runtime/build-list.js';
import { followBuilds } from '../../projections/runtime/follow-builds.js';
import { CALLERS, type RatioBench } from './bench.js';
import { createDatabase } from './database.js';
import { inParts } from './parts.js';
import { codec, commitsOf, placeOrder } from './work.js';

const CONNECTIONS = 16;

/** Each is one commit and one document. */
const ORDERS = 5_000;
const ALL_ORDERS = 100_000;
const ORDERS_AT_ONCE = 5_000;

/** Shorter than in the product: nobody else writes. */
const WATERMARK_LAG_MS = 100;

const silent = { info() {}, warn() {}, error() {} };

export const rebuild: RatioBench = {
  kind: 'ratio',
  name: 'rebuild',
  inFlight: 1,
  target: 0.7,
  how: `commits of a rebuild of the orders at full speed, without its wait of 3 s for other processes ÷ a COPY of the documents that it makes, into a table with the same indexes; ${ORDERS} orders, or ${ALL_ORDERS} with --whole`,
  async open(engines, { whole }) {
    const database = await createDatabase(await engines.postgres());
    const folder = await mkdtemp(join(tmpdir(), 'commerce-bench-rebuild-'));
    const pool = createPool({ url: database.url, max: CONNECTIONS });
    const tasks = whole ? ALL_ORDERS : ORDERS;
    await createEventsTable(pool);
    const store = createPostgresEventStore({ pool, codec, watermarkLagMs: WATERMARK_LAG_MS });
    await writeOrders(store, tasks);
    const run = await rebuilder(pool, store, folder);
    const table = await run();
    const rows = await copied(pool, table);
    return {
      ours: { callers: 1, tasks, prepare: async () => [run] },
      raw: {
        callers: 1,
        tasks,
        async prepare() {
          await pool.query('drop table if exists raw_documents');
          await pool.query(`create table raw_documents (like ${table} including all)`);
          return [() => load(pool, rows)];
        },
      },
      async close() {
        await pool.end();
        await database.drop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};

async function writeOrders(store: EventStore, orders: number): Promise<void> {
  for (let done = 0; done < orders; done += ORDERS_AT_ONCE) {
    const commits = await commitsOf(Array.from({ length: Math.min(ORDERS_AT_ONCE, orders - done) }, placeOrder));
    await inParts(commits.length, CALLERS, async (part) => {
      const { stream, position, commandIds, events } = codec.decode(commits[part]!);
      const { appended } = await store.append(stream, START, { at: position.at, commandIds, events });
      if (!appended) throw new Error(`${stream} was not new.`);
    });
  }
  await delay(2 * WATERMARK_LAG_MS);
}

/** The function rebuilds, and returns the name of the new table. */
async function rebuilder(pool: Pool, store: EventStore, folder: string): Promise<() => Promise<string>> {
  const projections = [orders];
  const documents = await createPostgresSink(pool).open(projections);
  const shared = {
    engine: 'Postgres',
    documents,
    builds: createBuildList({ engine: 'Postgres', projections, documents }),
  };
  await shared.builds.read();
  const context = { store, clock: Date.now, log: silent };
  const projector = followBuilds({ ...context, ...shared, fed: await shared.builds.fed() });
  const rebuilds = createRebuilds({
    ...context,
    stores: [{ ...shared, projections, projector }],
    events: codec.events,
    spillOf: (table) => createFileSpill(join(folder, table)),
    runner: runnerOfThisProcess(),
    hasEnded,
    rest: async () => {},
    pause: async () => {},
  });
  const { signal } = new AbortController();
  return async () => {
    const { build } = await rebuilds.run(orders.name, { signal, segments: DEFAULT_SEGMENTS, isFullSpeed: true });
    return tableOf(orders.name, { version: orders.version, build });
  };
}

async function copied(pool: Pool, table: string): Promise<Buffer[]> {
  const client = await pool.connect();
  try {
    const rows: Buffer[] = [];
    for await (const some of client.query(copyTo(`copy ${table} to stdout`))) rows.push(some);
    return rows;
  } finally {
    client.release();
  }
}

async function load(pool: Pool, rows: readonly Buffer[]): Promise<void> {
  const client = await pool.connect();
  try {
    await pipeline(Readable.from(rows), client.query(copyFrom('copy raw_documents from stdin')));
  } finally {
    client.release();
  }
}
