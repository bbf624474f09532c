// `commerce import stock FILE`: counts and receipts by SKU and location.
import { Command } from 'commander';
import type { RefusedRow } from '../../commands/import/refused-row.js';
import { importStock, type StockImportSummary } from '../../commands/import/stock/run.js';
import { SOME_REFUSED, stoppable } from '../import-run.js';
import { type ByOptions, staffOption, withOperations } from '../open-operations.js';
import { withJson, withProfile } from '../options.js';

export function stockImportCommand(): Command {
  return withJson(withProfile(new Command('stock')))
    .description('import counts and receipts from a stock file; a repeat changes nothing')
    .argument('<file>', 'CSV, plain or gzip, with columns such as sku,location,count; s3://bucket/key on aws')
    .addOption(staffOption())
    .action(run);
}

async function run(file: string, options: ByOptions): Promise<void> {
  await withOperations(options, async ({ shop, meta }) => {
    const [runner, skuOwners, clock, bulkFiles] = await Promise.all([
      shop.get('runner'),
      shop.get('skuOwners'),
      shop.get('clock'),
      shop.get('bulkFiles'),
    ]);
    await stoppable(async (stop, progress) => {
      const onRefused = (row: RefusedRow) => {
        progress.end();
        console.log(options.json ? JSON.stringify(row) : `row ${row.row}, ${row.field}: ${row.reason}`);
      };
      const actor = options.staff === undefined ? {} : { actor: meta().actor };
      const summary = await importStock({ runner, skuOwners, clock }, bulkFiles.source(file), {
        ...actor,
        signal: stop.signal,
        onRefused,
        onProgress: (rows, total) => progress.report('rows', rows, total),
      });
      progress.end();
      console.log(options.json ? JSON.stringify(summary) : textOf(summary));
      if (summary.refused > 0) process.exitCode = SOME_REFUSED;
    });
  });
}

function textOf({ rows, counts, receipts, received, repeated, refused }: StockImportSummary): string {
  const number = (value: number) => value.toLocaleString('en-GB');
  return `${number(rows)} rows: ${number(counts)} counts, ${number(receipts)} receipts of ${number(received)} units, ${number(repeated)} imported before, ${number(refused)} refused.`;
}
