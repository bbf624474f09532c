// `commerce import-log FILE`: loads an export of a whole log into an empty event store, of whatever kind.
import { Command } from 'commander';
import { randomId } from '../../infra/ids.js';
import { ImportRefused, loadExport, readExport } from '../../infra/log-file/import-log.js';
import type { FileReport } from '../../infra/log-file/verify-file.js';
import { claimantOf } from '../../infra/modules/claims.js';
import type { Shop } from '../../infra/modules/open-shop.js';
import { unlessInUse } from '../../infra/presence.js';
import { claim } from '../../infra/stores/claim.js';
import { createSchema } from '../../infra/stores/postgres-stores.js';
import { FOUND_A_VIOLATION } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOf, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';
import { problemLine } from './verify.js';

export function importLogCommand(): Command {
  return withJson(withProfile(new Command('import-log')))
    .description('load an export of a whole log into an empty event store')
    .argument('<file>', 'export, plain or gzip')
    .action(async (file: string, options: CommonOptions) => {
      const config = configOf(options);
      const report = await readWithProgress(file);
      const { problems, commits, streams } = report;
      if (problems.length > 0) {
        const lines = [...problems.map(problemLine), `${file} was changed or cut short. Nothing was imported.`];
        console.log(options.json ? JSON.stringify({ file, imported: 0, problems }) : lines.join('\n'));
        process.exitCode = FOUND_A_VIOLATION;
        return;
      }
      const shop = await openEngines(config);
      try {
        const place = await importInto(shop, file, report);
        console.log(
          options.json
            ? JSON.stringify({ file, imported: commits, streams, place, problems })
            : `${place} has the ${commits} commits of ${streams} streams now, with the same hashes.\n${KEYS_ARE_MISSING}`,
        );
      } finally {
        await shop.close();
      }
    });
}

const KEYS_ARE_MISSING = 'Personal data stays sealed: its keys are not part of an export. Requests that show it fail.';

async function readWithProgress(file: string): Promise<FileReport> {
  const progress = createProgress();
  try {
    return await readExport(file, { onProgress: (done, total) => progress.report('Verified bytes', done, total) });
  } finally {
    progress.end();
  }
}

/**
 * The stores get their marks last. Until then no program opens them, so that a log of which only a part was loaded is never taken
 * for a whole one.
 */
async function importInto(shop: Shop, file: string, report: FileReport): Promise<string> {
  const { pool, schemas } = await shop.get('postgresServer');
  const stores = await shop.get('stores');
  const loaderOf = await shop.get('logLoader');
  const progress = createProgress();
  const isDone = await unlessInUse(pool, schemas.log, async () => {
    for (const store of [stores.log, ...stores.others]) {
      if ((await store.mark()) === undefined) continue;
      throw new ImportRefused(
        `${store.name} is not empty. A log can only be imported where no shop has been; \`commerce reset\` deletes what is there.`,
      );
    }
    await createSchema(pool, schemas.readModels);
    const log = randomId(Date.now());
    try {
      await loadExport(file, report, await loaderOf(log), (done, total) => progress.report('Imported', done, total));
    } finally {
      progress.end();
    }
    await claim(stores, claimantOf(shop.config), log);
  });
  if (isDone) return stores.log.name;
  throw new ImportRefused(`${stores.log.name} is in use by a running commerce; stop it first.`);
}
