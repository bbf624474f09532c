// The options that commands share, and the configuration they give.
import { type Command, Option } from 'commander';
import { type Config, readConfig } from '../infra/config.js';

export const DEFAULT_PORT = 3000;

export interface CommonOptions {
  profile?: string;
  data?: string;
  json?: boolean;
}

export function withProfile(command: Command): Command {
  return command
    .addOption(new Option('--profile <name>', 'which engines: embedded (default; also COMMERCE_PROFILE) or aws'))
    .addOption(new Option('--data <dir>', 'folder for local data (default .data; also COMMERCE_DATA)'));
}

export function withJson(command: Command): Command {
  return command.addOption(new Option('--json', 'print JSON for machines'));
}

export function configOf({ profile, data }: CommonOptions): Config {
  return readConfig({ ...(profile !== undefined && { profile }), ...(data !== undefined && { data }) });
}
