// `commerce reset`: forgets all local data, after a question.
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { stopLeftoverPostgres } from '../../infra/engines/postgres.js';
import { type CommonOptions, configOf, withProfile } from '../options.js';

export function resetCommand(): Command {
  return withProfile(new Command('reset'))
    .description('forget all local data of the embedded profile, after a question')
    .option('--yes', 'do not ask')
    .action(async (options: CommonOptions & { yes?: boolean }, command: Command) => {
      const { dataDir } = configOf(options);
      if (!(await exists(dataDir))) return console.log(`There is no data in ${dataDir}.`);
      if (!(await stopLeftoverPostgres(join(dataDir, 'postgres')))) {
        command.error(`${dataDir} is in use by a running commerce; stop it first.`);
      }
      if (!options.yes && !(await confirmed(`Delete everything in ${dataDir}, keys included? [y/N] `))) {
        return console.log('Nothing was deleted.');
      }
      await rm(dataDir, { recursive: true });
      console.log(`${dataDir} is deleted.`);
    });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Without a terminal nobody can be asked: the answer is no. */
async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(question);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
