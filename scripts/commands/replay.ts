// `commerce replay`: the events of one stream, and the state that they fold to.
import { Command, InvalidArgumentError } from 'commander';
import { isProblem, OperatorError } from '../../domain/kernel/errors.js';
import type { Shop } from '../../infra/modules/open-shop.js';
import { isUnreadable, timeOf } from '../../read-api/audit/entries.js';
import {
  askedStream,
  noStream,
  type Replayed,
  replay,
  type Until,
  untilOf,
  untilSchema,
} from '../../read-api/audit/replay.js';
import { replaceSealed } from '../../read-api/audit/sealed.js';
import { commandLine } from '../command-line.js';
import { CommandFailed } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { staffOf } from '../open-staff.js';
import { type CommonOptions, configOfShop, streamArgument, withJson, withProfile } from '../options.js';
import { print, printed } from '../printed.js';
import { staffId } from './staff.js';

interface Options extends CommonOptions {
  at?: Until;
  open?: boolean;
  staff?: string;
}

export function replayCommand(): Command {
  return withJson(withProfile(new Command('replay')))
    .description('show the events of a stream, and the state that they fold to')
    .argument('<stream>', 'such as order#536365 or stock#MUG-BLUE@main', streamArgument)
    .option('--at <time or version>', 'up to an event version, or up to a time such as 2026-11-29T12:00:00Z', until)
    .option('--open', 'open personal data, which the log records; needs --staff')
    .option('--staff <id>', 'the auditor who reads: an id of `staff list`', staffId)
    .action(async (stream: string, options: Options, command: Command) => {
      const { open, staff } = options;
      if (open && staff === undefined) command.error('--open needs --staff ID, the auditor who reads');
      if (!open && staff !== undefined) command.error('--staff can only be used with --open');
      const shop = await openEngines(await configOfShop(options));
      try {
        await show(shop, stream, options).catch(explained);
      } finally {
        await shop.close();
      }
    });
}

async function show(shop: Shop, asked: string, { at, staff, json }: Options): Promise<void> {
  const stream = askedStream(asked);
  const opened = staff === undefined ? async (value: unknown) => value : await openerFor(shop, staff);
  const [store, clock] = await Promise.all([shop.get('eventStore'), shop.get('clock')]);
  // Nothing is printed if there is no such version or time.
  if (at !== undefined) for await (const _ of replay({ store, clock }, stream, at));
  const printer = json ? printJson() : printForPeople();
  let last: Replayed | undefined;
  for await (const replayed of replay({ store, clock }, stream, at)) {
    await printer.entry((await opened(replayed.entry)) as Replayed['entry']);
    last = replayed;
  }
  if (last === undefined) throw new CommandFailed(noStream(stream));
  const { version, commitNo, at: foldedAt, state, damage } = last;
  await printer.state({ stream, version, commitNo, at: timeOf(foldedAt), state: await opened(state), damage });
  if (damage !== undefined) process.exitCode = 1;
}

interface State {
  stream: string;
  version: number;
  commitNo: number;
  at: string;
  state: unknown;
  damage: string | undefined;
}

interface Printer {
  entry(entry: Replayed['entry']): Promise<void>;
  state(state: State): Promise<void>;
}

/** One JSON document, printed as the events come in. */
function printJson(): Printer {
  let begin = '{"events":[\n';
  return {
    async entry(entry) {
      console.log(begin + JSON.stringify(entry));
      begin = ',';
    },
    async state(state) {
      console.log(`],${JSON.stringify(state).slice(1)}`);
    },
  };
}

function printForPeople(): Printer {
  return {
    async entry(entry) {
      if (isUnreadable(entry)) return print(`\n     commit ${entry.commitNo} cannot be read: ${entry.unreadable}`);
      const { version, type, at, occurredAt, actor, correlationId, causationId, commandId, data } = entry;
      const role = actor.role === undefined ? '' : ` as ${actor.role}`;
      const happened = occurredAt === at ? '' : `, happened ${occurredAt}`;
      const cause = causationId === commandId ? 'the command itself' : causationId;
      print(`
${String(version).padStart(4)} ${type}
     ${at}${happened}, by ${actor.type} ${actor.id}${role}
     request ${correlationId}, caused by ${cause}
${await printed(data, 5)}`);
    },
    async state({ stream, version, commitNo, at, state, damage }) {
      if (damage !== undefined) print(`\nThe state cannot be folded further than version ${version}: ${damage}.`);
      print(`\nState of ${stream} at version ${version} (commit ${commitNo}, ${at}):\n${await printed(state, 2)}`);
    },
  };
}

/** Opens sealed values for an auditor. Whose they are is in the log before the result is returned. */
async function openerFor(shop: Shop, id: string): Promise<(value: unknown) => Promise<unknown>> {
  const { role } = await (await staffOf(shop)).caller(id);
  if (role !== 'auditor')
    throw new CommandFailed(`--staff: ${id} has the role ${role}; only an auditor may open personal data.`);
  const { personal, during } = await shop.get('recordedOpenings');
  const reader = { ...commandLine('replay --open'), actor: { type: 'staff', id, role } as const };
  return (value) => during(reader, () => replaceSealed(value, personal.open));
}

function until(text: string): Until {
  if (untilSchema.safeParse(text).success) return untilOf(text);
  throw new InvalidArgumentError('It must be an event version such as 3, or a time such as 2026-11-29T12:00:00Z.');
}

/** The endpoints give the same advice, but name it as they do. */
function explained(error: unknown): never {
  if (!isProblem(error)) throw error;
  throw new OperatorError(error.message.replace(/^\?at: /, '--at: '));
}
