// `commerce import products FILE`: products with their prices and stock, published.
import { Command, InvalidArgumentError } from 'commander';
import { importProducts, type ProductImportSummary } from '../../commands/import/products/run.js';
import type { RefusedRow } from '../../commands/import/refused-row.js';
import { currencySchema } from '../../domain/kernel/money.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { MAX_QUANTITY } from '../../domain/stock/events.js';
import { limitHeapGrowth } from '../heap.js';
import { HEAP_GROWTH, type ImportShop, SOME_REFUSED, withImportShop } from '../import-run.js';
import { type CommonOptions, positiveInteger, withJson, withProfile } from '../options.js';

const DEFAULT_CURRENCY = 'EUR';
const DEFAULT_STOCK = 100;

/** Kinds of left-out values that a summary lists: a field with a reason. */
const MAX_KINDS = 200;

/** Of these, text for people shows the first. */
const SHOWN_KINDS = 15;

const PREFIX = /^[A-Za-z0-9._-]{1,20}$/;

interface ProductOptions extends CommonOptions {
  currency: string;
  stock: number;
  prefix?: string;
  limit?: number;
}

/** Values of one field that products were imported without, for one reason. */
interface LeftOut {
  field: string;
  reason: string;
  values: number;
  /** The line of the first one. */
  first: number;
}

interface Summary extends ProductImportSummary {
  /** Values that products were imported without. `kinds` lists the most frequent. */
  leftOut: { values: number; kinds: LeftOut[] };
  commits: number;
  /** Until the log has all products, and until customers find them. */
  seconds: { imported: number; visible: number };
  productsPerSecond: number;
}

export function productImportCommand(openShop: (options: CommonOptions) => Promise<ImportShop>): Command {
  return withJson(withProfile(new Command('products')))
    .description('import and publish the products of a file; a repeat imports only missing products')
    .argument('<file>', 'JSON lines, plain or gzip; s3://bucket/key on aws')
    .option('--currency <code>', 'currency of the prices', currencyOption, DEFAULT_CURRENCY)
    .option('--stock <units>', 'units of each product', stockOption, DEFAULT_STOCK)
    .option('--prefix <text>', 'text before each id of the file, in the SKU and after product_', prefixOption)
    .option('--limit <products>', 'import only this many products, from the start of the file', positiveInteger)
    .action(async (file: string, options: ProductOptions) => {
      limitHeapGrowth(HEAP_GROWTH);
      const summary = await importInto(await openShop(options), file, options);
      console.log(options.json ? JSON.stringify(summary) : textOf(summary));
      if (summary.refused > 0) process.exitCode = SOME_REFUSED;
    });
}

async function importInto(shop: ImportShop, file: string, options: ProductOptions): Promise<Summary> {
  const { currency, stock, prefix = '', limit } = options;
  return withImportShop(shop, async (signal, progress) => {
    const startedAt = performance.now();
    const seconds = () => Math.round((performance.now() - startedAt) / 100) / 10;
    const before = shop.commits();
    const left = createLeftOut();
    const existing = new Map<StreamId, number>();
    const summary = await importProducts(shop, shop.source(file), {
      prefix,
      currency,
      stock,
      limit,
      signal,
      onRefused(row) {
        progress.end();
        console.error(options.json ? JSON.stringify(row) : `line ${row.row}, ${row.field}: ${row.reason}`);
      },
      onLeftOut: left.add,
      onExisting: (stream, commitNo) => void existing.set(stream, commitNo),
      onProgress: (rows, total) => progress.report('products', rows, total),
    });
    const imported = seconds();
    const commits = shop.commits() - before;
    await shop.caughtUp(signal, existing);
    return {
      ...summary,
      leftOut: left.all(),
      commits,
      seconds: { imported, visible: seconds() },
      productsPerSecond: Math.round(summary.imported / Math.max(imported, 0.1)),
    };
  });
}

/** Counts left-out values by field and reason. Its size is bounded. */
function createLeftOut() {
  const kinds = new Map<string, LeftOut>();
  let values = 0;
  return {
    add({ row, field, reason }: RefusedRow): void {
      values++;
      const key = JSON.stringify([field, reason]);
      const kind = kinds.get(key);
      if (kind) kind.values++;
      else if (kinds.size < MAX_KINDS) kinds.set(key, { field, reason, values: 1, first: row });
    },
    all: () => ({ values, kinds: [...kinds.values()].sort((one, other) => other.values - one.values) }),
  };
}

function textOf({ leftOut, ...summary }: Summary): string {
  const { rows, imported, existing, refused, commits, seconds, productsPerSecond } = summary;
  const shown = leftOut.kinds.slice(0, SHOWN_KINDS);
  const kinds = shown.map(({ field, reason, values, first }) => {
    return `  ${field}: ${reason} (${count(values)}, the first in line ${count(first)})`;
  });
  return [
    ...(leftOut.values > 0 ? [`${count(leftOut.values)} values were left out or cut:`, ...kinds] : []),
    ...(leftOut.kinds.length > shown.length ? ['  …; all with --json'] : []),
    `${count(rows)} products: ${count(imported)} imported, ${count(existing)} were there before, ${count(refused)} refused.`,
    `${count(commits)} commits in ${count(seconds.imported)} s, ${count(productsPerSecond)} products per second; visible after ${count(seconds.visible)} s.`,
  ].join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en-GB');
}

function currencyOption(text: string): string {
  const parsed = currencySchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('A currency is an ISO 4217 code such as EUR.');
}

function stockOption(text: string): number {
  const units = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (units <= MAX_QUANTITY) return units;
  throw new InvalidArgumentError(`It must be a whole number from 0 to ${MAX_QUANTITY}.`);
}

function prefixOption(text: string): string {
  if (PREFIX.test(text)) return text;
  throw new InvalidArgumentError('A prefix is 1 to 20 letters, digits, dots, dashes or underscores.');
}
