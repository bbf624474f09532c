// `commerce doctor`: finds problems of this set-up and says what to do.
import { access, chmod, constants, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { type Config, WrongUsage } from '../../infra/config.js';
import { addressOf, engineAddresses } from '../../infra/engines/addresses.js';
import { ENGINES } from '../../infra/engines/definitions.js';
import { openPostgres } from '../../infra/engines/embedded-postgres.js';
import { ClosedFolder, EngineUnavailable } from '../../infra/engines/errors.js';
import { PortUnavailable, requireFreePort } from '../../infra/http/server.js';
import { claimantOf } from '../../infra/modules/claims.js';
import { examine as examineStores } from '../../infra/stores/claim.js';
import { nearest } from '../data-folder.js';
import { explain } from '../errors.js';
import { neededEngines } from '../local-engines.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOf, withJson, withPort, withProfile } from '../options.js';
import { isOwnStart } from '../own-start.js';
import { table } from '../table.js';

interface Finding {
  check: string;
  ok: boolean;
  /** The result, and for a problem also what to do. */
  detail: string;
}

interface DoctorOptions extends CommonOptions {
  port: number;
}

export function doctorCommand(): Command {
  return withJson(withPort(withProfile(new Command('doctor'))))
    .description('check this set-up and say what to do')
    .action(async (options: DoctorOptions) => {
      const findings = await examine(() => configOf(options), options.port);
      console.log(options.json ? JSON.stringify({ findings }) : textOf(findings));
      if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
    });
}

async function examine(readConfig: () => Config, wantedPort: number): Promise<Finding[]> {
  const node = finding('Node.js', async () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    if (major < 20 || (major === 20 && minor < 19)) throw new Error(`${process.version}; install 20.19 or newer.`);
    return process.version;
  });
  const settings = await finding('settings', async () => {
    const { profile, eventStore } = readConfig();
    return `profile ${profile}, event store ${eventStore}`;
  });
  if (!settings.ok) return [await node, settings];

  const config = readConfig();
  const findings = [
    node,
    settings,
    finding('data folder', () => dataFolder(config)),
    finding('port', () => port(wantedPort, config)),
    finding('Postgres', () => inDataFolder(config, postgres)),
    ...(neededEngines(config).length > 0 ? [finding('engines', () => engines(config))] : []),
    finding('data', () => inDataFolder(config, (passing) => data(passing, config))),
  ];
  return Promise.all(findings);
}

async function finding(check: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { check, ok: true, detail: await look() };
  } catch (error) {
    if (error instanceof WrongUsage) throw error;
    return { check, ok: false, detail: explain(error).replace(/^commerce: /, '') };
  }
}

async function dataFolder({ dataDir }: Config): Promise<string> {
  const { path } = nearest(dataDir);
  await requireWritable(path);
  return path === dataDir ? dataDir : `${dataDir} does not exist yet; \`start\` creates it`;
}

async function requireWritable(folder: string): Promise<void> {
  await access(folder, constants.R_OK | constants.W_OK).catch(({ message }: Error) => {
    throw new ClosedFolder(folder, `${message}; make it writable, or name another folder with --data`);
  });
}

/** A missing folder is not created by the check. A temporary folder beside it shows possible problems. */
async function inDataFolder(config: Config, look: (config: Config) => Promise<string>): Promise<string> {
  const { path } = nearest(config.dataDir);
  if (path === config.dataDir) return look(config);
  await requireWritable(path);
  const dataDir = await mkdtemp(join(path, '.commerce-doctor-'));
  try {
    await chmod(dataDir, 0o755); // the embedded Postgres may run as another user
    return await look({ ...config, dataDir });
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

async function port(wanted: number, config: Config): Promise<string> {
  try {
    await requireFreePort({ port: wanted });
    return wanted === 0 ? 'any free one' : `${wanted} is free`;
  } catch (error) {
    if (!(error instanceof PortUnavailable && (await isOwnStart(`http://127.0.0.1:${wanted}`, config)))) throw error;
    return `${wanted} is used by the running start of this data folder`;
  }
}

async function postgres({ dataDir }: Config): Promise<string> {
  if ((await engineAddresses()).databaseUrl) return 'at DATABASE_URL; checked with the engines of the profile';
  const server = await openPostgres({ dataDir: join(dataDir, 'postgres') });
  await server.stop();
  return server.owned ? 'embedded; can start and stop' : 'embedded; already running';
}

async function engines(config: Config): Promise<string> {
  const needed = neededEngines(config);
  const found = await Promise.all(needed.map(addressOf));
  const missing = needed.filter((_, index) => found[index] === undefined);
  if (missing.length > 0) {
    const names = missing.map(({ name, variable }) => `${name} (${variable})`).join(', ');
    const isStartable = missing.some(({ name }) => ENGINES.some((engine) => engine.name === name));
    const remedy = isStartable ? 'run `npm run engines -- up` or set the variable' : 'set the variable';
    throw new EngineUnavailable('engines', `no address of ${names}; ${remedy}`);
  }
  return needed.map(({ name }) => name).join(', ');
}

/** Whether the data in the engines fits this build and the keys of the data folder. */
async function data(passing: Config, config: Config): Promise<string> {
  const shop = await openEngines(passing);
  try {
    const isUsed = await examineStores(await shop.get('stores'), claimantOf(config));
    return isUsed ? 'matches this build and the master key' : 'none yet';
  } finally {
    await shop.close();
  }
}

function textOf(findings: readonly Finding[]): string {
  return table({
    head: ['', 'check', 'finding'],
    rows: findings.map(({ ok, check, detail }) => [ok ? 'ok' : 'BAD', check, detail]),
  });
}
