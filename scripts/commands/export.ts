// `commerce export FILE`: the log as JSON lines, with the proof that the newest checkpoint covers it.
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { defined } from '../../domain/kernel/json.js';
import { archiveIn } from '../../infra/archive/archive-objects.js';
import { ArchiveDamaged, manifestName } from '../../infra/archive/layout.js';
import { LogChanged } from '../../infra/archive/prove.js';
import { openArchivedLog } from '../../infra/log-file/archived-log.js';
import { isWholeLog, type Selection } from '../../infra/log-file/export-format.js';
import { type ExportDeps, type Exported, exportLog } from '../../infra/log-file/export-log.js';
import { untilFinal } from '../../infra/log-file/final.js';
import { writeWhole } from '../../infra/log-file/written-file.js';
import { openShop, type Shop } from '../../infra/modules/open-shop.js';
import { createFolderObjects } from '../../infra/objects/folder-objects.js';
import { CommandFailed, explain, FOUND_A_VIOLATION } from '../errors.js';
import { type CommonOptions, configOfShop, timeOption, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';

type ExportOptions = CommonOptions & Selection & { archive?: string };

export function exportCommand(): Command {
  return withJson(withProfile(new Command('export')))
    .description('write the log to a file that anybody can verify offline; signs a checkpoint first')
    .argument('<file>', 'file to write, JSON lines; gzip if it ends with .gz')
    .option('--from <time>', 'commits from this time on, such as 2026-11-29T12:00:00Z or 2026-11-29', timeOption)
    .option('--to <time>', 'commits up to this time', timeOption)
    .option('--category <name>', 'commits of the streams of this category, such as order', categoryIn)
    .option('--archive <folder>', 'read a copy of the archive instead of the log: the whole log, if its store is lost')
    .action(async (file: string, options: ExportOptions, command: Command) => {
      const { from, to, category, archive } = options;
      const selection = defined({ from, to, category });
      if (from !== undefined && to !== undefined && from > to) command.error('--from is later than --to');
      if (archive !== undefined && !isWholeLog(selection))
        command.error('--archive exports the whole log, without --from, --to and --category');
      try {
        const exported =
          archive === undefined ? await exportOfShop(options, file, selection) : await exportOfArchive(archive, file);
        console.log(options.json ? JSON.stringify({ file, ...exported }) : report(file, exported));
      } catch (error) {
        if (!(error instanceof LogChanged || error instanceof ArchiveDamaged)) throw error;
        console.error(explain(error));
        process.exitCode = FOUND_A_VIOLATION;
      }
    });
}

async function exportOfShop(options: CommonOptions, file: string, selection: Selection): Promise<Exported> {
  const shop = await openShop(await configOfShop(options), { tell: console.error });
  try {
    return await exportTo(file, await signedLog(shop), selection);
  } finally {
    await shop.close();
  }
}

/** Needs neither the shop nor its engines. */
async function exportOfArchive(given: string, file: string): Promise<Exported> {
  const folder = resolve(given);
  if (!existsSync(join(folder, manifestName(1))))
    throw new CommandFailed(`${folder} is no copy of an archive: it has no ${manifestName(1)}.`);
  const archive = archiveIn(createFolderObjects(dirname(folder)).of(basename(folder)), '');
  return exportTo(file, await openArchivedLog(archive), {});
}

async function signedLog(shop: Shop): Promise<ExportDeps> {
  const store = await shop.get('eventStore');
  const index = await shop.get('archiveIndex');
  const archive = await shop.get('archiveStore');
  const { name: origin } = await shop.get('auditSigner');
  await untilFinal(store);
  const { head, checkpoint } = await (await shop.get('archiver')).run();
  return { store, index, archive, head, checkpoint, origin };
}

async function exportTo(file: string, log: ExportDeps, selection: Selection): Promise<Exported> {
  const progress = createProgress();
  const onProgress = (read: number) => progress.report('Exported', read, Math.max(read, log.head.size));
  try {
    return await writeWhole(file, async (write) => {
      const options = { ...selection, onProgress };
      const exported = await exportLog(log, write, options);
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
