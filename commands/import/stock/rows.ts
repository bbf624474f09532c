// The rows of a stock file: counts and receipts by SKU and location. docs/stock-files.md describes the format.
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { DEFAULT_LOCATION, locationSchema, skuSchema } from '../../../domain/kernel/id.js';
import { defined } from '../../../domain/kernel/json.js';
import { MAX_QUANTITY, receiptDetailsSchema } from '../../../domain/stock/events.js';
import type { StockKey } from '../../../domain/stock/stock-item.js';
import { normalised, readCsv } from '../csv.js';
import { ImportError } from '../import-error.js';
import type { RefusedRow } from '../refused-row.js';
import type { Source } from '../source.js';

export interface StockRow extends StockKey {
  /** 1 for the first row after the header. */
  number: number;
  kind: 'count' | 'receipt';
  quantity: number;
  /** Identifies the movement in all files. */
  id?: string;
  reason?: string;
  supplier?: string;
  lot?: string;
}

/** `onHand` is what stock snapshots call a count. */
const COLUMNS = ['sku', 'location', 'count', 'onHand', 'receipt', 'id', 'reason', 'supplier', 'lot'] as const;
type Column = (typeof COLUMNS)[number];

/** Further columns of stock snapshots, which an import does not need. */
const IGNORED = ['reserved', 'committed', 'commitNo'];

const ID = /^[A-Za-z0-9._:/-]{1,100}$/;
const INTEGER = /^[+-]?\d+$/;

const { reason, supplier, lot } = receiptDetailsSchema.shape;

/** Throws `ImportError` if the file does not exist, is not such a file, or is broken or cut off. */
export function readStockRows(source: Source): AsyncGenerator<StockRow | RefusedRow> {
  return readCsv(source, { header: (fields) => headerOf(source.name, fields) });
}

/** Reads the whole file once, so that a broken file changes nothing. The id is the same for the same rows. */
export async function examineStockFile(source: Source): Promise<{ id: string; rows: number }> {
  const hash = createHash('sha256');
  let rows = 0;
  for await (const row of readStockRows(source)) {
    hash.update(JSON.stringify(row));
    rows++;
  }
  return { id: hash.digest('hex').slice(0, 32), rows };
}

function headerOf(file: string, fields: string[]) {
  const names = fields.map(normalised);
  const known = [...COLUMNS, ...IGNORED].map(normalised);
  const problems = [
    ...names.flatMap((name, at) => (known.includes(name) ? [] : [`${JSON.stringify(fields[at])} is not a column`])),
    ...names.flatMap((name, at) => (names.indexOf(name) < at ? [`${JSON.stringify(fields[at])} is there twice`] : [])),
    ...(names.includes('sku') ? [] : ['sku is missing']),
    ...(['count', 'onhand', 'receipt'].some((name) => names.includes(name)) ? [] : ['count and receipt are missing']),
  ];
  if (problems.length > 0) {
    const told = problems.slice(0, 3).join(', ');
    throw new ImportError(
      `${file} does not start with a header such as sku,location,count or sku,location,receipt,supplier: ${told}. Name the columns in its first line, between commas.`,
    );
  }
  const places = new Map(COLUMNS.map((column) => [column, names.indexOf(normalised(column))]));
  const record = (row: string[], number: number) =>
    rowOf((column) => row[places.get(column) ?? -1]?.trim() ?? '', number);
  return { width: fields.length, record };
}

function rowOf(field: (column: Column) => string, row: number): StockRow | RefusedRow {
  const refused = (column: Column, why: string): RefusedRow => ({ row, field: column, reason: why });
  const sku = field('sku');
  const location = field('location') || DEFAULT_LOCATION;
  for (const [column, schema, text] of [
    ['sku', skuSchema, sku],
    ['location', locationSchema, location],
    ['reason', reason, field('reason') || undefined],
    ['supplier', supplier, field('supplier') || undefined],
    ['lot', lot, field('lot') || undefined],
  ] as const) {
    const why = text === '' ? 'is missing' : problemOf(schema, text);
    if (why) return refused(column, why);
  }
  const id = field('id');
  if (id !== '' && !ID.test(id)) return refused('id', 'must be 1 to 100 letters, digits or any of ._:/-');

  const given = (['count', 'onHand', 'receipt'] as const).filter((column) => field(column) !== '');
  const [column, second] = given;
  if (column === undefined) return refused('count', 'is missing; a row needs a count or a receipt');
  if (second !== undefined) return refused(second, `stands beside ${column}; a row is either a count or a receipt`);
  const least = column === 'receipt' ? 1 : 0;
  const text = field(column);
  const quantity = Number(text);
  if (!INTEGER.test(text)) return refused(column, 'must be a whole number of units');
  if (quantity < least || quantity > MAX_QUANTITY) return refused(column, `must be from ${least} to ${MAX_QUANTITY}`);
  const details = { id, reason: field('reason'), supplier: field('supplier'), lot: field('lot') };
  const stated = Object.fromEntries(Object.entries(details).filter(([, value]) => value !== ''));
  return { number: row, sku, location, kind: column === 'receipt' ? 'receipt' : 'count', quantity, ...defined(stated) };
}

function problemOf(schema: z.ZodType, value: string | undefined): string | undefined {
  const result = schema.safeParse(value);
  return result.success ? undefined : result.error.issues[0]?.message;
}
