// `commerce engines up | down | status`: the engines of the `aws` profile on this machine, with output for people or for scripts.
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ENGINES, type EngineDefinition, type EngineName } from '../../infra/engines/definitions.js';
import { EngineUnavailable } from '../../infra/engines/errors.js';
import { runFolder } from '../../infra/engines/folders.js';
import { type RunningEngine, runningEngine, startEngine, stopEngine } from '../../infra/engines/local-engines.js';
import { jsonOption } from '../options.js';
import { table } from '../table.js';

interface EngineReport {
  readonly engine: EngineName;
  readonly serves: string;
  readonly state: 'running' | 'stopped' | 'external' | 'unavailable';
  readonly address?: string;
  readonly version?: string;
  readonly readyInMs?: number;
  readonly pid?: number;
  /** Why the engine does not run, and what to do. */
  readonly reason?: string;
}

type Ports = Partial<Record<EngineName, number>>;

export function enginesCommand(): Command {
  const command = new Command('engines').description('run the engines of the aws profile on this machine');
  command
    .command('up')
    .description('install the engines once, and start those that do not run')
    .option(
      '--port <engine=port>',
      `use this port for an engine; repeatable; also COMMERCE_<ENGINE>_PORT (${names()})`,
      parsePort,
    )
    .addOption(jsonOption())
    .action(async ({ port = {}, json }: { port?: Ports; json?: boolean }) => {
      const reports = await Promise.all(ENGINES.map((engine) => up(engine, port[engine.name])));
      print(reports, json);
      if (reports.some(({ state }) => state === 'unavailable')) process.exitCode = 1;
    });
  command
    .command('down')
    .description('stop the engines that `up` started; their data stays')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => print(await Promise.all(ENGINES.map(down)), options.json));
  command
    .command('status')
    .description('show which engines run, and their addresses')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => print(await Promise.all(ENGINES.map(status)), options.json));
  return command;
}

async function up(engine: EngineDefinition, port = portFromEnvironment(engine.name)): Promise<EngineReport> {
  if (process.env[engine.variable]) return external(engine);
  try {
    return running(engine, await startEngine(engine, folderOf(engine), port));
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) throw error;
    return { ...about(engine), state: 'unavailable', reason: error.reason };
  }
}

async function down(engine: EngineDefinition): Promise<EngineReport> {
  await stopEngine(folderOf(engine));
  return status(engine);
}

async function status(engine: EngineDefinition): Promise<EngineReport> {
  if (process.env[engine.variable]) return external(engine);
  const found = await runningEngine(folderOf(engine));
  return found ? running(engine, found) : { ...about(engine), state: 'stopped' };
}

const folderOf = ({ name }: EngineDefinition): string => join(runFolder(), name);

const about = ({ name, serves }: EngineDefinition) => ({ engine: name, serves });

const running = (engine: EngineDefinition, { address, version, readyInMs, pid }: RunningEngine): EngineReport => ({
  ...about(engine),
  state: 'running',
  address,
  version,
  readyInMs,
  pid,
});

const external = (engine: EngineDefinition): EngineReport => ({
  ...about(engine),
  state: 'external',
  address: withoutSecrets(process.env[engine.variable] ?? ''),
  reason: `from ${engine.variable}`,
});

function withoutSecrets(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//***@');
}

function print(reports: readonly EngineReport[], json = false): void {
  if (json) {
    console.log(JSON.stringify(reports, null, 2));
    return;
  }
  const head = ['engine', 'serves', 'state', 'address', 'version', 'ready in'];
  const rows = reports.map(({ engine, serves, state, address = '', version = '', readyInMs }) => [
    engine,
    serves,
    state,
    address,
    version,
    readyInMs === undefined ? '' : `${readyInMs} ms`,
  ]);
  console.log(table({ head, rows }));
  for (const { engine, state, reason } of reports) {
    if (state === 'unavailable') console.error(`${engine}: not available: ${reason}`);
  }
}

const names = (): string => ENGINES.map(({ name }) => name).join(', ');

function parsePort(value: string, ports: Ports = {}): Ports {
  const [, name, digits] = value.match(/^(\w+)=(\d+)$/) ?? [];
  const engine = ENGINES.find((candidate) => candidate.name === name);
  if (!engine) throw new InvalidArgumentError(`Write engine=port, for example redis=6379; the engines are ${names()}.`);
  return { ...ports, [engine.name]: checkedPort(Number(digits), value) };
}

function portFromEnvironment(name: EngineName): number | undefined {
  const variable = `COMMERCE_${name.toUpperCase()}_PORT`;
  const value = process.env[variable];
  return value ? checkedPort(Number(value), `${variable}=${value}`) : undefined;
}

function checkedPort(port: number, given: string): number {
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError(`${given}: a port is a whole number from 1 to 65535.`);
}
