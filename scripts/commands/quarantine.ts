// `commerce quarantine`: the commits that projections cannot process: list them, retry them, skip them.
import { Command, InvalidArgumentError } from 'commander';
import { opsReasonSchema } from '../../domain/ops/events.js';
import type { Skip } from '../../domain/ops/ops.js';
import type { Quarantined } from '../../domain/ops/quarantine.js';
import { decisionsIn } from '../../read-api/queries/ops.js';
import { CommandFailed } from '../errors.js';
import { type ByOptions, staffOption, withOperations } from '../open-operations.js';
import { withJson, withProfile } from '../options.js';
import { table } from '../table.js';

interface RetryOptions extends ByOptions {
  all?: boolean;
  reason?: string;
}

interface SkipOptions extends ByOptions {
  reason: string;
}

export function quarantineCommand(): Command {
  return new Command('quarantine')
    .description('commits that a projection cannot process: list, retry, skip, unskip')
    .addCommand(command('list').description('list the commits in quarantine, and the skipped ones').action(list))
    .addCommand(
      command('retry')
        .description('let the projection process the commit again, and all later ones of its stream')
        .argument('[id]', 'as `quarantine list` shows it')
        .option('--all', 'retry everything that is in quarantine')
        .option('--reason <text>', 'why it should work now', reasonOf)
        .addOption(staffOption())
        .action(retry),
    )
    .addCommand(
      command('skip')
        .description('let the projection go on as if the commit did not exist, also when it is rebuilt')
        .argument('<id>', 'as `quarantine list` shows it')
        .requiredOption('--reason <text>', 'why the commit may be left out', reasonOf)
        .addOption(staffOption())
        .action((id: string, options: SkipOptions) =>
          withOperations(options, async ({ operations, meta }) => {
            tell(options, 'Skipped', await operations.skip(id, options.reason, meta()));
          }),
        ),
    )
    .addCommand(
      command('unskip')
        .description('end a skip; `commerce diff PROJECTION --repair` then adds what the commit does')
        .argument('<id>', 'as `quarantine list` shows it')
        .requiredOption('--reason <text>', 'why the commit counts again', reasonOf)
        .addOption(staffOption())
        .action((id: string, options: SkipOptions) =>
          withOperations(options, async ({ operations, meta }) => {
            tell(options, 'No longer skipped', await operations.endSkip(id, options.reason, meta()));
          }),
        ),
    );
}

const command = (name: string) => withJson(withProfile(new Command(name)));

export function reasonOf(text: string): string {
  const reason = opsReasonSchema.safeParse(text);
  if (reason.success) return reason.data;
  throw new InvalidArgumentError(`The reason ${reason.error.issues.map(({ message }) => message).join('; ')}.`);
}

async function list(options: ByOptions): Promise<void> {
  await withOperations(options, async ({ shop }) => {
    const quarantine = await (await shop.get('quarantine')).list();
    const { skips } = await decisionsIn(await shop.get('eventStore'));
    if (options.json) return console.log(JSON.stringify({ quarantine, skipped: skips }));
    const parts = [quarantine.length === 0 ? 'Nothing is in quarantine.' : quarantineTable(quarantine)];
    if (skips.length > 0) {
      const head = ['id', 'projection', 'stream', 'commit', 'skipped by', 'at', 'reason'];
      const rows = skips.map(({ id, projection, stream, commitNo, by, at, reason }) => {
        return [id, projection, stream, commitNo, by.id, at, reason];
      });
      parts.push(`Skipped commits:\n${table({ head, rows })}`);
    }
    console.log(parts.join('\n\n'));
  });
}

async function retry(id: string | undefined, options: RetryOptions, self: Command): Promise<void> {
  if ((id === undefined) === (options.all !== true)) self.error('Name the id of one commit, or use --all.');
  await withOperations(options, async ({ shop, operations, meta }) => {
    const ids = id === undefined ? (await (await shop.get('quarantine')).list()).map((entry) => entry.id) : [id];
    const left: Quarantined[] = [];
    for (const one of ids) {
      const retried = await operations.retry(one, options.reason, meta());
      if (retried.left) left.push(retried.left);
    }
    if (options.json) console.log(JSON.stringify({ retried: ids.length, quarantine: left }));
    else if (left.length === 0) console.log(ids.length === 0 ? 'Nothing is in quarantine.' : 'Applied.');
    else console.log(quarantineTable(left));
    if (left.length > 0) throw new CommandFailed(`${left.length} of ${ids.length} are still in quarantine.`);
  });
}

function quarantineTable(entries: readonly Quarantined[]): string {
  return table({
    head: ['id', 'projection', 'stream', 'commit', 'since', 'error'],
    rows: entries.map(({ id, projection, stream, commitNo, since, error }) => [
      id,
      projection,
      stream,
      commitNo,
      since,
      error,
    ]),
  });
}

function tell({ json }: ByOptions, what: string, skip: Skip): void {
  const { projection, stream, commitNo } = skip;
  console.log(json ? JSON.stringify(skip) : `${what} in ${projection}: commit ${commitNo} of ${stream}.`);
}
