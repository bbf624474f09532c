// The options that commands share, and the configuration that follows from them.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { defined } from '../domain/kernel/json.js';
import { isStreamId, type StreamId } from '../domain/kernel/stream.js';
import { type Config, type Flags, readConfig, refusal } from '../infra/config.js';
import { engineAddresses } from '../infra/engines/addresses.js';
import { EVENT_STORES } from '../infra/event-store/event-stores.js';
import { momentSchema } from '../read-api/audit/moment.js';
import { nearest } from './data-folder.js';

export const DEFAULT_PORT = 3000;

export interface CommonOptions {
  profile?: string;
  eventStore?: string;
  data?: string;
  json?: boolean;
}

export function withProfile(command: Command): Command {
  return command
    .addOption(new Option('--profile <name>', 'engines to use: embedded (default) or aws; also COMMERCE_PROFILE'))
    .addOption(
      new Option(
        '--event-store <name>',
        `where the log is: ${Object.keys(EVENT_STORES).join(' or ')} (default by profile; also COMMERCE_EVENT_STORE)`,
      ),
    )
    .addOption(new Option('--data <dir>', 'folder for local data (default .data; also COMMERCE_DATA)'));
}

export function withJson(command: Command): Command {
  return command.addOption(jsonOption());
}

export function withPort(command: Command): Command {
  const port = new Option('--port <port>', 'port to listen on; 0 picks a free one');
  return command.addOption(port.argParser(parsePort).default(DEFAULT_PORT));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
  return port;
}

export function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}

/** A time as RFC 3339, or a date, which means midnight in UTC. Returns ms. */
export function timeOption(text: string): number {
  if (momentSchema.safeParse(text).success) return Date.parse(text);
  throw new InvalidArgumentError('It must be a time such as 2026-11-29T12:00:00Z, or a date such as 2026-11-29.');
}

export const jsonOption = () => new Option('--json', 'print JSON');

export function configOf(options: CommonOptions): Config {
  const flags = flagsOf(options);
  const config = readConfig(flags);
  const found = nearest(config.dataDir);
  if (found.isFolder) return config;
  throw refusal([{ setting: 'COMMERCE_DATA', message: `${found.path} is not a folder; name a folder` }], flags);
}

/**
 * For commands that read an existing shop. Rejects a missing data folder, unless all data is elsewhere. Otherwise a mistyped
 * folder would be created and look empty.
 */
export async function configOfShop(options: CommonOptions): Promise<Config> {
  const config = configOf(options);
  const { dataDir } = config;
  const isElsewhere = config.masterKey !== undefined && (await engineAddresses()).databaseUrl !== undefined;
  if (isElsewhere || nearest(dataDir).path === dataDir) return config;
  const message = `there is no folder ${dataDir}; name the folder that \`start\` uses, or run \`start\` first`;
  throw refusal([{ setting: 'COMMERCE_DATA', message }], flagsOf(options));
}

function flagsOf({ profile, eventStore, data }: CommonOptions): Flags {
  return defined({ profile, eventStore, data });
}

export function streamArgument(text: string): StreamId {
  if (isStreamId(text)) return text;
  throw new InvalidArgumentError('A stream is <category>#<id>, such as order#01J…, and # needs quotes in a shell.');
}
