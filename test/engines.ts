// The real engines for the tests: brought up when the first suite asks for one, shared by the whole mocha run,
// with data of that run alone.
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ENGINES, type EngineDefinition, type EngineName as LocalEngineName } from '../infra/engines/catalogue.js';
import { EngineUnavailable } from '../infra/engines/errors.js';
import { startEngine, stopEngine } from '../infra/engines/local-engines.js';
import { withLock } from '../infra/engines/lock.js';
import { openPostgres, stopLeftoverPostgres } from '../infra/engines/postgres.js';
import { commandLine } from '../infra/engines/processes.js';

/** A first run installs the engines; that takes minutes on a slow line. */
const BRING_UP_TIMEOUT_MS = 10 * 60_000;
/** Their data goes with them. */
const NO_GRACE_MS = 0;

export type EngineName = 'postgres' | 'dynamodb' | 'kinesis' | 'mongodb' | 'opensearch' | 'redis';

/** Addresses for the tests of a suite; call these inside tests and hooks, not while the suite is being described. */
export interface TestEngines {
  /** URL of a database that other suites use, too; for one of your own see `freshDatabase`. */
  postgres(): string;
  /** Endpoint of DynamoDB and Kinesis, for the AWS clients. */
  aws(): string;
  mongodb(): string;
  opensearch(): string;
  redis(): string;
  /** URL of a new, empty Postgres database. */
  freshDatabase(): Promise<string>;
}

/**
 * A `describe` whose tests run against real engines. Where this machine cannot have one, its tests are skipped with one
 * line that says why; with REQUIRE_ENGINES=1 they fail.
 */
export function describeWith(
  names: EngineName | readonly EngineName[],
  title: string,
  define: (this: Mocha.Suite, engines: TestEngines) => void,
): void {
  const wanted = [names].flat() as EngineName[];
  describe(title, function () {
    before(async function () {
      this.timeout(BRING_UP_TIMEOUT_MS);
      try {
        await Promise.all(wanted.map(async (name) => addresses.set(name, await bringUp(name))));
      } catch (error) {
        if (!(error instanceof EngineUnavailable) || process.env.REQUIRE_ENGINES === '1') throw error;
        report(error.message);
        this.skip();
      }
    });
    define.call(this, engines);
  });
}

/** A name that no other suite and no earlier run has used, fit for tables, streams, collections, indices and key prefixes. */
export function freshName(prefix: string): string {
  return `${prefix}_${randomBytes(6).toString('hex')}`;
}

const engines: TestEngines = {
  postgres: () => addressOf('postgres'),
  aws: () => addressOf('dynamodb', 'kinesis'),
  mongodb: () => addressOf('mongodb'),
  opensearch: () => addressOf('opensearch'),
  redis: () => addressOf('redis'),
  async freshDatabase() {
    const name = freshName('test');
    await administer(`create database ${name}`);
    if (process.env.DATABASE_URL) stops.push(() => administer(`drop database if exists ${name} with (force)`));
    const url = new URL(addressOf('postgres'));
    url.pathname = `/${name}`;
    return url.href;
  },
};

/** Stops whatever this run started. */
export async function stopEngines(): Promise<void> {
  await Promise.allSettled(underway.values());
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await rm(runFolder(process.pid), { recursive: true, force: true });
}

const addresses = new Map<EngineName, string>();
const underway = new Map<LocalEngineName | 'postgres', Promise<string>>();
const stops: (() => Promise<unknown>)[] = [];
const reported = new Set<string>();

/** One folder per run, named by its process. */
const runsFolder = join(tmpdir(), `commerce-tests-${userInfo().username}`);
const runFolder = (pid: number): string => join(runsFolder, String(pid));

function addressOf(...names: EngineName[]): string {
  const name = names.find((candidate) => addresses.has(candidate));
  if (!name) throw new Error(`This suite did not ask for ${names.join(' or ')}: name it in describeWith.`);
  return addresses.get(name) as string;
}

/** DynamoDB and Kinesis are two names of one engine. */
const local: Record<Exclude<EngineName, 'postgres'>, LocalEngineName> = {
  dynamodb: 'ministack',
  kinesis: 'ministack',
  mongodb: 'mongodb',
  opensearch: 'opensearch',
  redis: 'redis',
};

function bringUp(name: EngineName): Promise<string> {
  const engine = name === 'postgres' ? name : local[name];
  const coming =
    underway.get(engine) ?? prepare().then(() => (engine === 'postgres' ? startPostgres() : startLocal(engine)));
  underway.set(engine, coming);
  return coming;
}

async function startPostgres(): Promise<string> {
  if (process.env.DATABASE_URL) return process.env.DATABASE_URL;
  const { url, stop } = await openPostgres({ dataDir: join(runFolder(process.pid), 'postgres') });
  stops.push(stop);
  return url;
}

async function startLocal(name: LocalEngineName): Promise<string> {
  const engine = ENGINES.find((candidate) => candidate.name === name) as EngineDefinition;
  const given = process.env[engine.variable];
  if (given) return given;
  const folder = join(runFolder(process.pid), name);
  stops.push(() => stopEngine(folder, NO_GRACE_MS));
  return (await startEngine(engine, folder)).address;
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

/** Before the first engine of this run. */
function prepare(): Promise<void> {
  ready ??= (async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void endBy(signal));
    await mkdir(runsFolder, { recursive: true });
    await withLock(join(runsFolder, 'lock'), sweepKilledRuns);
  })();
  return ready;
}

let ending = false;

/** Mocha does not tear down when it is interrupted, and passes one Ctrl-C on as several signals. */
async function endBy(signal: NodeJS.Signals): Promise<void> {
  if (ending) return;
  ending = true;
  await stopEngines();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** A run that was killed could not stop its engines. */
async function sweepKilledRuns(): Promise<void> {
  for (const entry of await readdir(runsFolder)) {
    const pid = Number(entry);
    if (!pid || pid === process.pid || (await commandLine(pid))) continue;
    await stopLeftoverPostgres(join(runFolder(pid), 'postgres'));
    for (const { name } of ENGINES) await stopEngine(join(runFolder(pid), name), NO_GRACE_MS);
    await rm(runFolder(pid), { recursive: true, force: true });
  }
}

function report(line: string): void {
  if (!reported.has(line)) console.error(`\n${line}; its tests are skipped`);
  reported.add(line);
}
