// The real engines for tests: started when the first suite needs one, and shared by all processes of a mocha run. Each run has
// its own data.
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { ENGINES, type EngineDefinition, type EngineName as LocalEngineName } from '../infra/engines/definitions.js';
import { openPostgres, stopLeftoverPostgres } from '../infra/engines/embedded-postgres.js';
import { EngineUnavailable } from '../infra/engines/errors.js';
import { type RunningEngine, startEngine, stopEngine } from '../infra/engines/local-engines.js';
import { withLock } from '../infra/engines/lock.js';
import { commandLine, freePort } from '../infra/engines/processes.js';
import { startEventStoreDbServer } from './eventstoredb/server.js';

/** A first run installs the engines, which takes minutes on a slow line. */
const BRING_UP_TIMEOUT_MS = 10 * 60_000;
/** Their data is deleted with them, so they are killed at once. */
const NO_GRACE_MS = 0;
const LONGEST_END_MS = 10_000;
const POLL_MS = 50;

/** `mocha --parallel` runs the files in child processes of the run's main process. */
export const IS_WORKER = process.env.MOCHA_WORKER_ID !== undefined;
const RUN = IS_WORKER ? process.ppid : process.pid;

/** `npm run test:redis-cluster`: the shops of the tests use a Redis cluster. */
export const IS_REDIS_CLUSTER = process.env.REDIS_CLUSTER === '1';

export const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export type EngineName =
  | 'postgres'
  | 'dynamodb'
  | 'kinesis'
  | 's3'
  | 'mongodb'
  | 'opensearch'
  | 'redis'
  | 'eventstoredb';

/** Addresses for the tests of a suite. Call these inside tests and hooks, not while the suite is described. */
export interface TestEngines {
  /** URL of a database that other suites share. For a separate one see `freshDatabase`. */
  postgres(): string;
  /** Endpoint of DynamoDB, Kinesis and S3, for the AWS clients. */
  aws(): string;
  mongodb(): string;
  opensearch(): string;
  redis(): string;
  /** The server at EVENTSTORE_URL, or one in this process. */
  eventstoredb(): string;
  /** A separate engine that a test may block or stop. */
  freshEngine(name: LocalEngineName): Promise<RunningEngine>;
  /** A separate Redis cluster: its three nodes, each with the part of its keys, and their replicas if wanted. */
  freshRedisCluster(options?: { withReplicas: boolean }): Promise<RedisCluster>;
  /** URL of a new, empty Postgres database. */
  freshDatabase(): Promise<string>;
}

export interface RedisCluster {
  nodes: RunningEngine[];
  /** One of each node. */
  replicas: RunningEngine[];
}

/**
 * A `describe` whose tests run against real engines, or (without names) start their own programs. If an engine is not available
 * on this machine, its tests are skipped with a reason; with REQUIRE_ENGINES=1 they fail. With NO_ENGINES=1 they are left out.
 */
export function describeWith(
  names: EngineName | readonly EngineName[],
  title: string,
  define: (this: Mocha.Suite, engines: TestEngines) => void,
): void {
  if (process.env.NO_ENGINES) return;
  const wanted = [names].flat() as EngineName[];
  describe(title, function () {
    before(async function () {
      this.timeout(BRING_UP_TIMEOUT_MS);
      try {
        await Promise.all(wanted.map(async (name) => addresses.set(name, await bringUp(name))));
      } catch (error) {
        if (!(error instanceof EngineUnavailable) || process.env.REQUIRE_ENGINES === '1') throw error;
        await report(error);
        this.skip();
      }
    });
    define.call(this, engines);
  });
}

/** A name that no other suite or earlier run has used, valid for tables, streams, collections, indices and key prefixes. */
export function freshName(prefix: string): string {
  return `${prefix}_${randomBytes(6).toString('hex')}`;
}

const engines: TestEngines = {
  postgres: () => addressOf('postgres'),
  aws: () => addressOf('dynamodb', 'kinesis', 's3'),
  mongodb: () => addressOf('mongodb'),
  opensearch: () => addressOf('opensearch'),
  redis: () => addressOf('redis'),
  eventstoredb: () => addressOf('eventstoredb'),
  freshEngine: (name) => startEngine(engineOf(name), join(runFolder(RUN), freshName(name))),
  freshRedisCluster: startRedisCluster,
  async freshDatabase() {
    const name = freshName('test');
    await administer(`create database ${name}`);
    databases.push(name);
    const url = new URL(addressOf('postgres'));
    url.pathname = `/${name}`;
    return url.href;
  },
};

/** For the main process of a run: its engines stop with it, also when it is interrupted. */
export function endEnginesOnSignals(): void {
  for (const signal of SIGNALS) process.on(signal, () => void endBy(signal));
}

/** Stops the engines that the processes of this run started. The processes have ended. */
export async function stopEngines(): Promise<void> {
  await Promise.allSettled(underway.values());
  await leavePostgres();
  leaveEventStoreDb();
  await sweepRun(RUN);
}

/** Drops the databases of finished tests in this process, because a shared server would keep them. */
export async function dropDatabases(): Promise<void> {
  const made = databases.splice(0);
  if (!process.env.DATABASE_URL) return;
  for (const name of made) await administer(`drop database if exists ${name} with (force)`);
}

const addresses = new Map<EngineName, string>();
const underway = new Map<LocalEngineName | 'postgres' | 'eventstoredb', Promise<string>>();
const databases: string[] = [];
let leavePostgres = async (): Promise<void> => {};
let leaveEventStoreDb = (): void => {};

/** One folder per run, named by its main process. */
const runsFolder = join(tmpdir(), `commerce-tests-${userInfo().username}`);
const runFolder = (pid: number): string => join(runsFolder, String(pid));

function addressOf(...names: EngineName[]): string {
  const name = names.find((candidate) => addresses.has(candidate));
  if (!name) throw new Error(`This suite did not ask for ${names.join(' or ')}: name it in describeWith.`);
  return addresses.get(name) as string;
}

/** DynamoDB, Kinesis and S3 are names of one engine. */
const local: Record<Exclude<EngineName, 'postgres' | 'eventstoredb'>, LocalEngineName> = {
  dynamodb: 'ministack',
  kinesis: 'ministack',
  s3: 'ministack',
  mongodb: 'mongodb',
  opensearch: 'opensearch',
  redis: 'redis',
};

function bringUp(name: EngineName): Promise<string> {
  const engine = name === 'postgres' || name === 'eventstoredb' ? name : local[name];
  const coming = underway.get(engine) ?? prepare().then(() => start(engine));
  underway.set(engine, coming);
  return coming;
}

function start(engine: LocalEngineName | 'postgres' | 'eventstoredb'): Promise<string> {
  if (engine === 'postgres') return startPostgres();
  return engine === 'eventstoredb' ? startEventStoreDb() : startLocal(engine);
}

async function startEventStoreDb(): Promise<string> {
  if (process.env.EVENTSTORE_URL) return process.env.EVENTSTORE_URL;
  const { url, kill } = await startEventStoreDbServer();
  leaveEventStoreDb = kill;
  return url;
}

async function startPostgres(): Promise<string> {
  if (process.env.DATABASE_URL) return process.env.DATABASE_URL;
  const { url, stop } = await openPostgres({ dataDir: join(runFolder(RUN), 'postgres') });
  leavePostgres = stop;
  return url;
}

async function startLocal(name: LocalEngineName): Promise<string> {
  const engine = engineOf(name);
  const given = process.env[engine.variable];
  if (given) return given;
  if (name === 'redis' && IS_REDIS_CLUSTER) return (await startRedisCluster()).nodes[0]!.address;
  return (await startEngine(engine, join(runFolder(RUN), name))).address;
}

function engineOf(name: LocalEngineName): EngineDefinition {
  return ENGINES.find((candidate) => candidate.name === name) as EngineDefinition;
}

const SLOTS = 16_384;
const CLUSTER_NODES = 3;

/** A node that does not answer for this long is replaced by its replica. */
const NODE_TIMEOUT_MS = 2_000;

async function startRedisCluster({ withReplicas } = { withReplicas: false }): Promise<RedisCluster> {
  const single = engineOf('redis');
  const start = async () => {
    // By default the bus has a port that may not exist.
    const bus = await freePort();
    const options = [
      '--cluster-enabled',
      'yes',
      '--cluster-port',
      `${bus}`,
      '--cluster-node-timeout',
      `${NODE_TIMEOUT_MS}`,
    ];
    const command: EngineDefinition['command'] = async (folder, port) => {
      const { args, ...rest } = await single.command(folder, port);
      return { ...rest, args: [...args, ...options] };
    };
    const engine = await startEngine({ ...single, command }, join(runFolder(RUN), freshName('redis')));
    return { engine, bus, client: new Redis(engine.address) };
  };
  const count = withReplicas ? 2 * CLUSTER_NODES : CLUSTER_NODES;
  const all = await Promise.all(Array.from({ length: count }, start));
  const [first, ...others] = all as [(typeof all)[0], ...typeof all];
  const bound = (place: number) => Math.floor((place * SLOTS) / CLUSTER_NODES);
  for (const [n, { client }] of all.slice(0, CLUSTER_NODES).entries())
    await client.call('cluster', 'addslotsrange', bound(n), bound(n + 1) - 1);
  for (const { client } of others) await client.call('cluster', 'meet', '127.0.0.1', first.engine.port, first.bus);
  const isWhole = new RegExp(`cluster_state:ok[\\s\\S]*cluster_known_nodes:${count}`);
  for (const { client } of all) while (!isWhole.test(await client.cluster('INFO'))) await delay(POLL_MS);
  for (const [n, { client }] of all.slice(CLUSTER_NODES).entries()) {
    await client.call('cluster', 'replicate', await all[n]!.client.cluster('MYID'));
    while (!(await client.info('replication')).includes('link_status:up')) await delay(POLL_MS);
  }
  for (const { client } of all) client.disconnect();
  const engines = all.map(({ engine }) => engine);
  return { nodes: engines.slice(0, CLUSTER_NODES), replicas: engines.slice(CLUSTER_NODES) };
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client(addressOf('postgres'));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

let ready: Promise<void> | undefined;

/** Runs before the first engine of this process. */
function prepare(): Promise<void> {
  ready ??= (async () => {
    await mkdir(runsFolder, { recursive: true });
    await withLock(join(runsFolder, 'lock'), sweepKilledRuns);
  })();
  return ready;
}

let ending = false;

/** Mocha runs no teardown when it is interrupted, and forwards one Ctrl-C as several signals. */
async function endBy(signal: NodeJS.Signals): Promise<void> {
  if (ending) return;
  ending = true;
  await stopEngines();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** Stops the engines of runs that were killed. */
async function sweepKilledRuns(): Promise<void> {
  for (const entry of await readdir(runsFolder)) {
    const pid = Number(entry);
    if (pid && pid !== RUN && !(await commandLine(pid))) await sweepRun(pid);
  }
}

async function sweepRun(pid: number): Promise<void> {
  const folder = runFolder(pid);
  // Postgres may need a moment to notice that its users have ended.
  const deadline = Date.now() + LONGEST_END_MS;
  while (!(await stopLeftoverPostgres(join(folder, 'postgres'))) && Date.now() < deadline) await delay(POLL_MS);
  const engineFolders = await readdir(folder).catch(() => []);
  await Promise.all(engineFolders.map((name) => stopEngine(join(folder, name), NO_GRACE_MS)));
  await rm(folder, { recursive: true, force: true });
}

/** Reports once in a run, in the process that comes first. */
async function report({ engine, message }: EngineUnavailable): Promise<void> {
  await mkdir(runFolder(RUN), { recursive: true });
  const isFirst = writeFile(join(runFolder(RUN), `${engine}.skipped`), message, { flag: 'wx' }).then(
    () => true,
    () => false,
  );
  if (await isFirst) console.error(`\n${message}; its tests are skipped`);
}
