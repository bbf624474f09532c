// `commerce reset`: forgets all local data, after a question. What is not this product's stays.
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { stopLeftoverPostgres } from '../../infra/engines/postgres.js';
import { entriesOf } from '../data-folder.js';
import { CommandFailed } from '../errors.js';
import { type CommonOptions, configOf, withJson, withProfile } from '../options.js';

interface ResetOptions extends CommonOptions {
  yes?: boolean;
}

export function resetCommand(): Command {
  return withJson(withProfile(new Command('reset')))
    .description('forget all local data of the embedded profile, after a question')
    .option('--yes', 'do not ask')
    .action(async (options: ResetOptions, command: Command) => {
      const { dataDir } = configOf(options);
      const { own, foreign } = (await entriesOf(dataDir)) ?? { own: [], foreign: [] };
      if (own.length === 0 && foreign.length > 0) {
        command.error(
          `${dataDir} is no data folder of commerce: it holds ${foreign[0]}, and nothing that commerce has put there. Nothing was deleted; name the folder that \`start\` uses.`,
        );
      }
      if (own.length > 0) {
        await refuseInUse(dataDir);
        if (!options.yes) await ask(command, `Delete all data and keys in ${dataDir}: ${own.join(', ')}? [y/N] `);
        await deleteOwn(dataDir, own);
      }
      console.log(
        options.json ? JSON.stringify({ dataDir, deleted: own, kept: foreign }) : report(dataDir, own, foreign),
      );
    });
}

async function refuseInUse(dataDir: string): Promise<void> {
  if (await stopLeftoverPostgres(join(dataDir, 'postgres'))) return;
  throw new CommandFailed(`${dataDir} is in use by a running commerce; stop it first.`);
}

async function ask(command: Command, question: string): Promise<void> {
  if (!process.stdin.isTTY) command.error('Nothing was deleted: there is no terminal to ask at; say --yes.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(question);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailed('Nothing was deleted.');
}

async function deleteOwn(dataDir: string, own: readonly string[]): Promise<void> {
  for (const path of own) await rm(join(dataDir, path), { recursive: true });
  // Stays if it is a link, a mount, or holds what is not ours.
  for (const folder of [join(dataDir, 'postgres'), dataDir]) await rmdir(folder).catch(() => {});
}

function report(dataDir: string, own: readonly string[], foreign: readonly string[]): string {
  if (own.length === 0) return `There is no data in ${dataDir}.`;
  const kept = foreign.length > 0 ? ` Not made by commerce, and still there: ${foreign.join(', ')}.` : '';
  return `The data in ${dataDir} is deleted.${kept}`;
}
