// The engines of a bench: servers of this run in a temporary folder, or those at DATABASE_URL and AWS_ENDPOINT_URL.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { ENGINES } from '../../infra/engines/definitions.js';
import { openPostgres, type RunningPostgres, stopLeftoverPostgres } from '../../infra/engines/embedded-postgres.js';
import { startEngine, stopEngine } from '../../infra/engines/local-engines.js';
import { commandLine } from '../../infra/engines/processes.js';
import { createDatabase, type Database } from './database.js';
import { type Product, startProduct } from './product.js';

/** Their data is deleted with them, so they are killed at once. */
const NO_GRACE_MS = 0;

export interface BenchEngines {
  /** URL of a server that can create databases. Throws `EngineUnavailable`. */
  postgres(): Promise<string>;
  /** Endpoint of DynamoDB. Throws `EngineUnavailable`. */
  dynamodb(): Promise<string>;
  /** The whole product, running on its own database and shared by all benches. Throws `EngineUnavailable`. */
  product(): Promise<RunningProduct>;
  /** Stops everything that was started. */
  close(): Promise<void>;
}

export interface RunningProduct {
  product: Product;
  database: Database;
}

const runsFolder = join(tmpdir(), `commerce-bench-${userInfo().username}`);
const ministack = ENGINES.find(({ name }) => name === 'ministack')!;

export async function openEngines(): Promise<BenchEngines> {
  const folder = join(runsFolder, String(process.pid));
  await mkdir(folder, { recursive: true });
  await sweepKilledRuns();
  let server: RunningPostgres | undefined;
  let running: RunningProduct | undefined;

  async function postgres(): Promise<string> {
    if (process.env.DATABASE_URL) return process.env.DATABASE_URL;
    server ??= await openPostgres({ dataDir: postgresIn(folder) });
    return server.url;
  }

  return {
    postgres,
    async product() {
      if (running) return running;
      const database = await createDatabase(await postgres());
      try {
        running = { database, product: await startProduct(database) };
        return running;
      } catch (error) {
        await database.drop();
        throw error;
      }
    },
    async dynamodb() {
      return process.env[ministack.variable] || (await startEngine(ministack, ministackIn(folder))).address;
    },
    async close() {
      await running?.product.stop();
      await running?.database.drop();
      await server?.stop();
      await clear(folder);
    },
  };
}

/** Stops the engines of killed runs and deletes their folders. */
async function sweepKilledRuns(): Promise<void> {
  for (const entry of await readdir(runsFolder)) {
    if (!(await commandLine(Number(entry)))) await clear(join(runsFolder, entry));
  }
}

async function clear(folder: string): Promise<void> {
  await stopLeftoverPostgres(postgresIn(folder));
  await stopEngine(ministackIn(folder), NO_GRACE_MS);
  await rm(folder, { recursive: true, force: true });
}

const postgresIn = (folder: string): string => join(folder, 'postgres');
const ministackIn = (folder: string): string => join(folder, 'ministack');
