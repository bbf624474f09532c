// The benches of rebuilds: the read model of orders is built anew in each store, compared with a raw load of the documents that this
// makes; with more segments; with the memory that it takes; and with commands beside it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { createPostgresEventStore } from '../../infra/event-store/postgres/postgres-event-store.js';
import { createPool } from '../../infra/postgres.js';
import { createPostgresSink } from '../../infra/sinks/postgres.js';
import { DEFAULT_SEGMENTS } from '../../projections/rebuild/rebuilds.js';
import type { FigureBench, RatioBench } from './bench.js';
import { createDatabase } from './database.js';
import type { BenchEngines } from './engines.js';
import { quantile } from './measure.js';
import type { RebuildOrder } from './rebuild-once.js';
import { STORES, type StoreName } from './rebuild-stores.js';
import { openRebuildWorld, writeOrders } from './rebuild-world.js';
import { codec, placeOrder, runnerOn } from './work.js';

const CONNECTIONS = 16;

/** A command begins every so often, whether the one before has ended or not. */
const COMMAND_EVERY_MS = 10;

const LOAD = 'a raw load of the documents that it makes, by the bulk path of the store, prepared and with its indexes';

export const rebuilds: readonly RatioBench[] = [
  ratio('rebuild', 'postgres', DEFAULT_SEGMENTS),
  ratio('rebuild-mongodb', 'mongodb', DEFAULT_SEGMENTS),
  ratio('rebuild-opensearch', 'opensearch', DEFAULT_SEGMENTS),
  ratio('rebuild-redis', 'redis', DEFAULT_SEGMENTS),
  ...[1, 4, 8].map((segments) => ratio('rebuild-segments', 'postgres', segments)),
];

function ratio(name: string, store: StoreName, segments: number): RatioBench {
  return {
    kind: 'ratio',
    name,
    inFlight: segments,
    target: 0.7,
    how: `commits of a rebuild of the orders, one commit each, at full speed, without its wait of 3 s for other processes ÷ ${LOAD}; --commits says how many. In flight: segments`,
    async open(engines, { commits: tasks }) {
      const { pool, folder, close } = await openLog(engines, tasks);
      const { sink, rawLoad, close: closeStore } = await STORES[store](engines, pool);
      const world = await openRebuildWorld(pool, sink, folder);
      const run = () => world.rebuild({ segments, isFullSpeed: true });
      const raw = await rawLoad(await run(), world.documents);
      return {
        ours: { callers: 1, tasks, prepare: async () => [run] },
        raw: {
          callers: 1,
          tasks,
          async prepare() {
            await raw.prepare();
            return [raw.load];
          },
        },
        async close() {
          await closeStore();
          await close();
        },
      };
    },
  };
}

export const rebuildMemory: FigureBench = {
  kind: 'figure',
  name: 'rebuild-memory',
  inFlight: DEFAULT_SEGMENTS,
  target: 600,
  unit: 'MB',
  how: 'largest resident memory of a process that rebuilds the orders on Postgres at full speed; --commits says how many',
  async open(engines, { commits }) {
    const { url, folder, close } = await openLog(engines, commits);
    return {
      async take() {
        const child = fork(join(import.meta.dirname, 'bench/rebuild-once.js'), { execArgv: [] });
        child.send({ url, folder } satisfies RebuildOrder);
        const [megabytes] = (await once(child, 'message')) as [number];
        await once(child, 'exit');
        return megabytes;
      },
      close,
    };
  },
};

export const rebuildCommands: FigureBench = {
  kind: 'figure',
  name: 'rebuild-commands',
  inFlight: DEFAULT_SEGMENTS,
  target: 1.5,
  unit: '×',
  how: `99th percentile of the time of commands beside a rebuild of the orders on Postgres with the default throttle, in the same process ÷ that of as many commands without it; one every ${COMMAND_EVERY_MS} ms; --commits says how many are rebuilt`,
  async open(engines, { commits }) {
    const { pool, folder, close } = await openLog(engines, commits);
    const world = await openRebuildWorld(pool, createPostgresSink(pool), folder);
    const runner = runnerOn(createPostgresEventStore({ pool, codec }));
    async function commandsWhile(goesOn: (issued: number) => boolean): Promise<number[]> {
      const times: Promise<number>[] = [];
      while (goesOn(times.length)) {
        const began = performance.now();
        times.push(placeOrder()(runner).then(() => performance.now() - began));
        await delay(COMMAND_EVERY_MS);
      }
      return Promise.all(times);
    }
    return {
      async take() {
        let isDone = false;
        const rebuilding = world.rebuild({ segments: DEFAULT_SEGMENTS, isFullSpeed: false }).finally(() => {
          isDone = true;
        });
        const [beside] = await Promise.all([commandsWhile(() => !isDone), rebuilding]);
        const alone = await commandsWhile((issued) => issued < beside.length);
        return quantile(beside, 0.99) / quantile(alone, 0.99);
      },
      close,
    };
  },
};

/** A database with a log of so many orders, and a folder for the files of rebuilds. */
async function openLog(
  engines: BenchEngines,
  commits: number,
): Promise<{ url: string; pool: Pool; folder: string; close(): Promise<void> }> {
  const database = await createDatabase(await engines.postgres());
  const folder = await mkdtemp(join(tmpdir(), 'commerce-bench-rebuild-'));
  const pool = createPool({ url: database.url, max: CONNECTIONS });
  await writeOrders(pool, commits);
  return {
    url: database.url,
    pool,
    folder,
    async close() {
      await pool.end();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
