// `commerce export FILE`: the log as JSON lines, with the proof that the newest checkpoint covers it.
import { Command, InvalidArgumentError } from 'commander';
import { defined } from '../../domain/kernel/json.js';
import { ArchiveDamaged } from '../../infra/archive/layout.js';
import { LogChanged } from '../../infra/archive/prove.js';
import type { Selection } from '../../infra/log-file/export-format.js';
import { type Exported, exportLog } from '../../infra/log-file/export-log.js';
import { untilFinal } from '../../infra/log-file/final.js';
import { writeWhole } from '../../infra/log-file/written-file.js';
import { openShop, type Shop } from '../../infra/modules/open-shop.js';
import { CommandFailed, explain, FOUND_A_VIOLATION } from '../errors.js';
import { type CommonOptions, configOfShop, timeOption, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';

type ExportOptions = CommonOptions & Selection;

export function exportCommand(): Command {
  return withJson(withProfile(new Command('export')))
    .description('write the log to a file that anybody can verify offline; signs a checkpoint first')
    .argument('<file>', 'file to write, JSON lines; gzip if it ends with .gz')
    .option('--from <time>', 'commits from this time on, such as 2026-11-29T12:00:00Z or 2026-11-29', timeOption)
    .option('--to <time>', 'commits up to this time', timeOption)
    .option('--category <name>', 'commits of the streams of this category, such as order', categoryIn)
    .action(async (file: string, options: ExportOptions, command: Command) => {
      const { from, to, category } = options;
      if (from !== undefined && to !== undefined && from > to) command.error('--from is later than --to');
      const shop = await openShop(await configOfShop(options), { tell: console.error });
      try {
        const exported = await exportTo(shop, file, defined({ from, to, category }));
        console.log(options.json ? JSON.stringify({ file, ...exported }) : report(file, exported));
      } catch (error) {
        if (!(error instanceof LogChanged || error instanceof ArchiveDamaged)) throw error;
        console.error(explain(error));
        process.exitCode = FOUND_A_VIOLATION;
      } finally {
        await shop.close();
      }
    });
}

async function exportTo(shop: Shop, file: string, selection: Selection): Promise<Exported> {
  const store = await shop.get('eventStore');
  const index = await shop.get('archiveIndex');
  const archive = await shop.get('archiveStore');
  const { name: origin } = await shop.get('auditSigner');
  await untilFinal(store);
  const { head, checkpoint } = await (await shop.get('archiver')).run();
  const progress = createProgress();
  const onProgress = (read: number) => progress.report('Exported', read, Math.max(read, head.size));
  try {
    return await writeWhole(file, async (write) => {
      const options = { ...selection, onProgress };
      const exported = await exportLog({ store, index, archive, head, checkpoint, origin }, write, options);
      const { category } = selection;
      if (category === undefined || exported.categories.includes(category)) return exported;
      const known = exported.categories.join(', ') || 'none';
      throw new CommandFailed(`The log has no commits of the category ${category} there; it has: ${known}.`);
    });
  } finally {
    progress.end();
  }
}

function report(file: string, { commits, streams, covered, size }: Exported): string {
  const rest =
    covered === commits
      ? ''
      : `\nThe checkpoint does not cover ${commits - covered} of them: \`commerce verify --archive\` says why.`;
  return `${file}: ${commits} commits of ${streams} streams, covered by a signed checkpoint of ${size} commits.${rest}`;
}

function categoryIn(text: string): string {
  if (/^[a-z-]+$/.test(text)) return text;
  throw new InvalidArgumentError('A category has lower-case letters and hyphens, such as order or price-list.');
}
