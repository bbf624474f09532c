// `commerce pause` and `commerce resume`: hold a projection, or the work of the agenda.
import { Command } from 'commander';
import { decisionsIn } from '../../read-api/queries/ops.js';
import { type ByOptions, staffOption, withOperations } from '../open-operations.js';
import { withJson, withProfile } from '../options.js';
import { reasonOf } from './quarantine.js';

const TARGET = 'a projection as `status` shows it, or `agenda`: all work that is due';

export function pauseCommand(): Command {
  return withJson(withProfile(new Command('pause')))
    .description('hold a projection, or the work of the agenda, until `resume`')
    .argument('<target>', TARGET)
    .requiredOption('--reason <text>', 'why it is paused', reasonOf)
    .addOption(staffOption())
    .action((target: string, options: ByOptions & { reason: string }) =>
      withOperations(options, async ({ shop, operations, meta }) => {
        await operations.pause(target, options.reason, meta());
        const { pauses } = await decisionsIn(await shop.get('eventStore'));
        const { reason = '', by, at } = pauses.get(target) ?? {};
        const paused = { target, paused: { reason, by, at } };
        console.log(options.json ? JSON.stringify(paused) : `${target} is paused since ${at}: ${reason}`);
      }),
    );
}

export function resumeCommand(): Command {
  return withJson(withProfile(new Command('resume')))
    .description('let a paused projection, or the agenda, go on; a projection catches up')
    .argument('<target>', TARGET)
    .option('--reason <text>', 'why it may go on', reasonOf)
    .addOption(staffOption())
    .action((target: string, options: ByOptions & { reason?: string }) =>
      withOperations(options, async ({ operations, meta }) => {
        await operations.resume(target, options.reason, meta());
        console.log(options.json ? JSON.stringify({ target, paused: null }) : `${target} goes on.`);
      }),
    );
}
