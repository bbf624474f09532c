// The engines of a bench: servers of this run in a temporary folder, or those whose addresses are in the environment.
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { ENGINES, type EngineDefinition, type EngineName } from '../../infra/engines/definitions.js';
import { openPostgres, type RunningPostgres, stopLeftoverPostgres } from '../../infra/engines/embedded-postgres.js';
import { startEngine, stopEngine } from '../../infra/engines/local-engines.js';
import { commandLine } from '../../infra/engines/processes.js';
import { createDatabase } from './database.js';
import { type Environment, type Product, startProduct } from './product.js';

/** Their data is deleted with them, so they are killed at once. */
const NO_GRACE_MS = 0;

export interface BenchEngines {
  /** URL of a server that can create databases. Throws `EngineUnavailable`. */
  postgres(): Promise<string>;
  /** Address of an engine of the profile `aws`. Throws `EngineUnavailable`. */
  local(name: EngineName): Promise<string>;
  /** Endpoint of DynamoDB. Throws `EngineUnavailable`. */
  dynamodb(): Promise<string>;
  /** An empty shop, which does not run yet. Throws `EngineUnavailable`. */
  freshShop(profile?: 'embedded' | 'aws'): Promise<FreshShop>;
  /** The whole product, running on its own database and shared by all benches. Throws `EngineUnavailable`. */
  product(): Promise<RunningProduct>;
  /** Stops everything that was started. */
  close(): Promise<void>;
}

export interface FreshShop {
  environment: Environment;
  namespace: string;
  /** URL of its database. */
  url: string;
  drop(): Promise<void>;
}

export interface RunningProduct {
  shop: FreshShop;
  product: Product;
}

/** Folders of shops. */
const DATA_PREFIX = 'data-';

const runsFolder = join(tmpdir(), `commerce-bench-${userInfo().username}`);

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

  async function local(engine: EngineDefinition): Promise<string> {
    return process.env[engine.variable] || (await startEngine(engine, join(folder, engine.name))).address;
  }

  const localByName = (wanted: EngineName) => local(ENGINES.find(({ name }) => name === wanted)!);

  async function freshShop(profile: 'embedded' | 'aws' = 'embedded'): Promise<FreshShop> {
    const addresses: Environment = {};
    for (const engine of profile === 'aws' ? ENGINES : []) addresses[engine.variable] = await local(engine);
    const { url, drop } = await createDatabase(await postgres());
    const namespace = `bench-${randomBytes(6).toString('hex')}`;
    const dataDir = join(folder, `${DATA_PREFIX}${namespace}`);
    await mkdir(dataDir, { mode: 0o755 }); // open to the system user of Postgres, if this runs as root
    const place = { COMMERCE_NAMESPACE: namespace, COMMERCE_DATA: dataDir, DATABASE_URL: url };
    return { environment: { COMMERCE_PROFILE: profile, ...place, ...addresses }, namespace, url, drop };
  }

  return {
    postgres,
    freshShop,
    async product() {
      if (running) return running;
      const shop = await freshShop();
      try {
        running = { shop, product: await startProduct(shop.environment) };
        return running;
      } catch (error) {
        await shop.drop();
        throw error;
      }
    },
    local: localByName,
    dynamodb: () => localByName('ministack'),
    async close() {
      await running?.product.stop();
      await running?.shop.drop();
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
  const dataFolders = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(DATA_PREFIX));
  for (const name of dataFolders) await stopLeftoverPostgres(postgresIn(join(folder, name)));
  for (const { name } of ENGINES) await stopEngine(join(folder, name), NO_GRACE_MS);
  await rm(folder, { recursive: true, force: true });
}

const postgresIn = (folder: string): string => join(folder, 'postgres');
