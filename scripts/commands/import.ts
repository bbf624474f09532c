// `commerce import online-retail FILE`: imports a year of a shop's invoices through the command handlers and the read models.
import { Command, Option } from 'commander';
import { ENCODINGS, type Encoding } from '../../commands/import/csv.js';
import {
  type Books,
  type Counts,
  closeBooks,
  type Pages,
  readPages,
} from '../../commands/import/online-retail/books.js';
import { askSalesBefore, importInvoices } from '../../commands/import/online-retail/run.js';
import { exponentOf } from '../../domain/kernel/currency.js';
import type { Money } from '../../domain/kernel/money.js';
import { limitHeapGrowth } from '../heap.js';
import { HEAP_GROWTH, type ImportShop, withImportShop } from '../import-run.js';
import { type CommonOptions, positiveInteger, withJson, withProfile } from '../options.js';
import { table } from '../table.js';
import { productImportCommand } from './import-products.js';
import { stockImportCommand } from './import-stock.js';

export interface ImportSummary extends Counts {
  seconds: number;
  commits: number;
  commitsPerSecond: number;
  /** Invoices that differ from an earlier import, if any. The shop keeps the earlier ones. */
  differing?: { invoices: number; first: string };
}

/** The result for one file. */
interface Imported {
  books: Books;
  commits: number;
  differing: readonly string[];
}

type ImportOptions = CommonOptions & { limit?: number; encoding: Encoding };

export function importCommand(openShop: (options: CommonOptions) => Promise<ImportShop>): Command {
  const onlineRetail = withJson(withProfile(new Command('online-retail')))
    .description('import the invoices of an Online Retail file; a repeat imports only missing invoices')
    .argument('<file>', 'CSV, plain or gzip; times as 2010-12-01 08:26:00')
    .addOption(new Option('--encoding <name>', 'encoding of the file').choices([...ENCODINGS]).default(ENCODINGS[0]))
    .option('--limit <invoices>', 'import only this many invoices, from the start of the file', positiveInteger)
    .action(async (file: string, options: ImportOptions) => {
      limitHeapGrowth(HEAP_GROWTH);
      const startedAt = performance.now();
      // Reads the whole file before an engine starts, so that a broken file changes nothing.
      const pages = await readPages(file, options);
      const imported = await importInto(await openShop(options), pages);
      const seconds = (performance.now() - startedAt) / 1000;
      const summary = summaryOf(imported, seconds);
      console.log(options.json ? JSON.stringify(summary) : tableOf(summary, imported.books));
      if (summary.differing) console.error(warningOf(file, summary.differing));
    });
  return new Command('import')
    .description('import data into the shop')
    .addCommand(onlineRetail)
    .addCommand(productImportCommand(openShop))
    .addCommand(stockImportCommand());
}

/** Resolves when the read models show the imported data. Closes the shop in any case. */
export async function importInto(shop: ImportShop, pages: Pages): Promise<Imported> {
  return withImportShop(shop, async (signal, progress) => {
    const before = shop.commits();
    const books = closeBooks(pages, await askSalesBefore(shop, pages, signal));
    const differing = await importInvoices(shop, books, signal, progress.report);
    const commits = shop.commits() - before;
    await shop.caughtUp(signal);
    return { books, commits, differing };
  });
}

function summaryOf({ books, commits, differing }: Imported, elapsed: number): ImportSummary {
  const seconds = Math.round(elapsed * 10) / 10;
  const [first] = [...differing].sort();
  return {
    ...books.counts,
    seconds,
    commits,
    commitsPerSecond: Math.round(commits / elapsed),
    ...(first !== undefined && { differing: { invoices: differing.length, first } }),
  };
}

function warningOf(file: string, { invoices, first }: { invoices: number; first: string }): string {
  return `commerce: ${count(invoices)} invoices of ${file} were imported before with other rows, the first is ${first}. They were not changed. Each invoice must be complete in one file.`;
}

function tableOf(summary: ImportSummary, { firstRefused }: Pick<Books, 'firstRefused'>): string {
  const { goods, shipping, adjustments, returns, refused, seconds, commits, commitsPerSecond } = summary;
  const refusals = Object.entries(refused).map(([reason, rows]) => {
    const first = firstRefused.get(reason as keyof typeof refused);
    return [
      `rows refused: ${reason}`,
      first === undefined ? count(rows) : `${count(rows)}, the first is row ${count(first)}`,
    ];
  });
  const rows = [
    ['rows', count(summary.rows)],
    ['orders', count(summary.orders)],
    ['lines', count(summary.lines)],
    ['units', count(summary.units)],
    ['goods', amount(goods)],
    ['shipping', amount(shipping)],
    ['products', count(summary.products)],
    ['customers', count(summary.customers)],
    ['stock adjustments', rowsOfUnits(adjustments)],
    ['returns, matched', rowsOfUnits(returns.matched)],
    ['returns, unmatched', rowsOfUnits(returns.unmatched)],
    ['refunded', amount(returns.refunded)],
    ...refusals,
    ['seconds', count(seconds)],
    ['commits', `${count(commits)}, ${count(commitsPerSecond)} per second`],
  ];
  return table({ rows, right: [1] });
}

function rowsOfUnits({ rows, units }: Counts['adjustments']): string {
  return `${count(rows)} rows, ${count(units)} units`;
}

function count(value: number): string {
  return value.toLocaleString('en-GB');
}

function amount({ amount, currency }: Money): string {
  return (amount / 10 ** exponentOf(currency)).toLocaleString('en-GB', { style: 'currency', currency });
}
