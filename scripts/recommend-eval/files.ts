// The files of recommended-eval: sessions of clicks, and the baskets of invoices. They are read as streams, once for each pass.
import { normalised, readCsv } from '../../commands/import/csv.js';
import { ImportError } from '../../commands/import/import-error.js';
import { classify } from '../../commands/import/online-retail/classify.js';
import { readRows } from '../../commands/import/online-retail/rows.js';
import { fileSource } from '../../commands/import/source.js';

export interface Clicks {
  session: string;
  products: string[];
}

/** Longest session and basket in memory. What follows is left out. */
const MAX_LENGTH = 10_000;

const COLUMNS = { session: 'session ID', product: 'page 2 (clothing model)' };

interface Click {
  session: string;
  product: string;
}

/** The sessions of a file in the format of the UCI data set "Clickstream data for online shopping", in the order of the file. */
export async function* sessionsIn(file: string): AsyncGenerator<Clicks> {
  let current: Clicks | undefined;
  for await (const { session, product } of readCsv(fileSource(file), { delimiter: ';', header })) {
    if (current?.session !== session) {
      if (current) yield current;
      current = { session, products: [] };
    }
    if (current.products.length < MAX_LENGTH) current.products.push(product);
  }
  if (current) yield current;

  function header(fields: string[]): { width: number; record: (row: string[], number: number) => Click } {
    const session = placeOf(COLUMNS.session, fields);
    const product = placeOf(COLUMNS.product, fields);
    return {
      width: fields.length,
      record: (row, number) => ({
        session: valueAt(row, session, COLUMNS.session, number),
        product: valueAt(row, product, COLUMNS.product, number),
      }),
    };
  }

  function placeOf(column: string, fields: readonly string[]): number {
    const place = fields.map(normalised).indexOf(normalised(column));
    if (place >= 0) return place;
    throw new ImportError(
      `${file} has no column "${column}". Its first line must name the columns, with a semicolon between them.`,
    );
  }

  function valueAt(row: readonly string[], place: number, column: string, number: number): string {
    const value = row[place]?.trim();
    if (value) return value;
    throw new ImportError(`${file}, row ${number}: "${column}" is empty. Complete the row, or remove it.`);
  }
}

/** The SKUs of each invoice that sells goods, in the order of the file. Returns and adjustments are left out. */
export async function* basketsIn(file: string): AsyncGenerator<string[]> {
  let invoice: string | undefined;
  let skus = new Set<string>();
  for await (const row of readRows(file)) {
    const meaning = classify(row);
    if (meaning.kind !== 'line') continue;
    if (row.invoice !== invoice) {
      if (skus.size > 0) yield [...skus];
      invoice = row.invoice;
      skus = new Set();
    }
    if (skus.size < MAX_LENGTH) skus.add(meaning.sku);
  }
  if (skus.size > 0) yield [...skus];
}
