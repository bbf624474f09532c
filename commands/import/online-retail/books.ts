// The first pass: reads the whole file before anything is written. It collects the price and title of each code, the length of
// each invoice, and the counts of the summary. The books are closed once the shop has reported its earlier sales.
import { valueAt } from '../../../domain/kernel/collections.js';
import { defined } from '../../../domain/kernel/json.js';
import type { Money } from '../../../domain/kernel/money.js';
import { MAX_ORDER_BYTES } from '../../../domain/order/order-lines.js';
import { MAX_QUANTITY } from '../../../domain/stock/events.js';
import type { Encoding } from '../csv.js';
import { ImportError } from '../import-error.js';
import { classify, faultOf, type Refusal, timeOf } from './classify.js';
import { createPurchases, type Purchase, type Purchases, type Sale } from './purchases.js';
import { checksumOf, type Row, readRows } from './rows.js';

export const CURRENCY = 'GBP';

/** Counted from the file. Every run over the same invoices gives the same counts. */
export interface Counts {
  rows: number;
  orders: number;
  lines: number;
  units: number;
  goods: Money;
  shipping: Money;
  products: number;
  /** Distinct customers on accepted lines. */
  customers: number;
  adjustments: RowsOfUnits;
  /**
   * A row is matched if its customer keeps that many units of its code, according to this file and earlier imports. Only a
   * matched row becomes a return.
   */
  returns: { rows: number; matched: RowsOfUnits; unmatched: RowsOfUnits; refunded: Money };
  refused: Record<Refusal, number>;
}

interface RowsOfUnits {
  rows: number;
  units: number;
}

/** The summary of one code. */
export interface ProductBook {
  sku: string;
  title: string;
  /** A line of the file names the product. Otherwise its code is its title. */
  isNamed: boolean;
  /** The first accepted price, in pence. Absent if the code was only ever adjusted. */
  price?: number;
  /** Movement ids of its adjustments. */
  adjustments: readonly string[];
}

/** What the second pass needs to know of an invoice before reading it. */
export interface InvoiceBook {
  number: string;
  /** RFC 3339: the time of its first row. */
  at: string;
  rows: number;
  /** The units that it returns, grouped by the order that they were bought with. */
  returns: readonly ReturnBook[];
}

export interface ReturnBook {
  /** The number of the invoice that became the order. */
  invoice: string;
  lines: { lineId: string; quantity: number }[];
}

/** The result of one reading of the file. */
export interface Pages {
  file: string;
  encoding: Encoding;
  /** Everything but the returns. */
  counts: Counts;
  products: readonly ProductBook[];
  invoices: ReadonlyMap<string, InvoiceTally>;
  purchases: Purchases;
  firstRefused: ReadonlyMap<Refusal, number>;
}

export interface Books {
  file: string;
  encoding: Encoding;
  counts: Counts;
  products: readonly ProductBook[];
  /**
   * The invoices with an order, adjustments or returns, in time order; at the same time, in file order. A return comes after its
   * purchase.
   */
  invoices: readonly InvoiceBook[];
  /** A checksum of the rows of each invoice, by its number. It verifies that a second reading gives the same rows. */
  checksums: ReadonlyMap<string, number>;
  /** Invoices of which more was returned before than this file says. */
  differing: readonly string[];
  /** By reason, the number of the first refused row, as an example. */
  firstRefused: ReadonlyMap<Refusal, number>;
}

export interface ReadingOptions {
  /**
   * Takes only this many invoices, in the order in which they first appear. Each distinct text in the column InvoiceNo counts:
   * sales, cancellations and malformed ones. Rows of later invoices are not counted anywhere.
   */
  limit?: number | undefined;
  encoding?: Encoding | undefined;
}

/** Size of the JSON of a line without its texts and numbers, with room for its total. */
const BYTES_OF_A_LINE = 100;

interface CodeTally {
  price?: number;
  adjustments: string[];
  /** Units in the last invoice that contained the code. */
  latest: { invoice: string; units: number };
  /** Accepted lines by description, in order of first appearance. */
  titles: Map<string, number>;
}

interface InvoiceTally {
  at?: string;
  /** Row number in the file. */
  firstRow: number;
  rows: number;
  checksum: number;
  /** The customer of the first line that names one. Until then the lines belong to no customer. */
  customer?: string;
  unowned: [sku: string, units: number, purchase: Purchase][];
  lines: number;
  /** The sum of its lines, in pence, and their size in an order, in bytes. */
  amount: number;
  bytes: number;
  adjustments: number;
  charges: { rows: number; amount: number };
  returned: ReturnedRow[];
}

interface ReturnedRow {
  customer: string;
  sku?: string;
  units: number;
}

export async function readPages(file: string, { limit, encoding = 'utf8' }: ReadingOptions = {}): Promise<Pages> {
  const codes = new Map<string, CodeTally>();
  const invoices = new Map<string, InvoiceTally>();
  const customers = new Set<string>();
  const purchases = createPurchases();
  const counts = nothingCounted();
  const firstRefused = new Map<Refusal, number>();
  let firstFault: string | undefined;

  for await (const row of readRows(file, encoding)) {
    const invoice = invoices.get(row.invoice) ?? emptyTally(row.number);
    if (invoice.rows === 0) {
      if (limit !== undefined && invoices.size >= limit) continue;
      invoices.set(row.invoice, invoice);
    }
    const at = invoice.at ?? timeOf(row.date);
    if (at !== undefined) invoice.at = at;
    invoice.rows++;
    invoice.checksum = checksumOf(invoice.checksum, row);
    counts.rows++;

    const meaning = classify(row);
    switch (meaning.kind) {
      case 'line': {
        const code = tallyOf(codes, meaning.sku);
        code.price ??= meaning.unitPrice;
        const { latest } = code;
        const units = meaning.quantity + (latest.invoice === row.invoice ? latest.units : 0);
        code.latest = { invoice: row.invoice, units };
        invoice.amount += meaning.quantity * meaning.unitPrice;
        invoice.bytes += bytesOfLine(row, meaning.sku);
        refuseTooLarge(file, row, invoice, units);
        if (row.description) code.titles.set(row.description, (code.titles.get(row.description) ?? 0) + 1);
        invoice.lines++;
        if (row.customer) invoice.customer ??= row.customer;
        invoice.unowned.push([
          meaning.sku,
          meaning.quantity,
          {
            invoice: row.invoice,
            at: invoice.at!,
            lineId: `${invoice.lines}`,
            row: row.number,
            unitPrice: meaning.unitPrice,
          },
        ]);
        if (invoice.customer !== undefined) {
          customers.add(invoice.customer);
          for (const line of invoice.unowned.splice(0)) purchases.add(invoice.customer, ...line);
        }
        counts.lines++;
        counts.units += meaning.quantity;
        counts.goods.amount += meaning.quantity * meaning.unitPrice;
        break;
      }
      case 'adjustment': {
        const code = tallyOf(codes, meaning.sku);
        code.adjustments.push(movementId(row.invoice, invoice.rows));
        invoice.adjustments++;
        counts.adjustments.rows++;
        counts.adjustments.units -= meaning.delta;
        break;
      }
      case 'shipping':
        invoice.charges.rows++;
        invoice.charges.amount += meaning.amount;
        refuseTooLarge(file, row, invoice, 0);
        break;
      case 'return':
        invoice.returned.push({ ...meaning, customer: row.customer });
        break;
      case 'refused':
        counts.refused[meaning.refusal]++;
        if (meaning.refusal === 'malformed') firstFault ??= `row ${row.number}: ${faultOf(row)}`;
        if (!firstRefused.has(meaning.refusal)) firstRefused.set(meaning.refusal, row.number);
    }
  }

  for (const { lines, charges } of invoices.values()) {
    if (lines > 0) {
      counts.orders++;
      counts.shipping.amount += charges.amount;
    } else {
      counts.refused.not_goods += charges.rows;
    }
  }
  if (firstFault !== undefined && counts.refused.malformed === counts.rows) {
    throw new ImportError(`${file} has no row that can be imported. The first fault is in ${firstFault}`);
  }
  counts.products = codes.size;
  counts.customers = customers.size;
  return { file, encoding, counts, products: [...codes].map(productBook), invoices, purchases, firstRefused };
}

/** The codes that each customer returns. */
export function returningCustomers({ invoices }: Pages): Map<string, Set<string>> {
  const returning = new Map<string, Set<string>>();
  for (const { returned } of invoices.values()) {
    for (const { customer, sku } of returned) {
      if (customer && sku) returning.set(customer, (returning.get(customer) ?? new Set()).add(sku));
    }
  }
  return returning;
}

/** Call it only once. `sales`: what imports sold before to customers who return something. */
export function closeBooks(pages: Pages, sales: readonly Sale[] = []): Books {
  const { file, encoding, products, invoices, purchases, firstRefused } = pages;
  const counts = { ...pages.counts, returns: nothingCounted().returns };
  const differing: string[] = [];
  const returns = new Map<string, readonly ReturnBook[]>();
  purchases.correct(sales, (invoice) => invoices.has(invoice));
  for (const [number, tally] of invoices) {
    returns.set(number, matchReturns(number, tally, purchases, counts.returns));
    if (tally.returned.length > 0 && purchases.leftOf(number) > 0) differing.push(number);
  }
  const checksums = new Map([...invoices].map(([number, { checksum }]) => [number, checksum]));
  const inOrder = inTimeOrder(invoices, returns);
  return { file, encoding, counts, products, invoices: inOrder, checksums, differing, firstRefused };
}

/** An order or stock movement that is too large is found before anything is written. */
function refuseTooLarge(file: string, { number, invoice }: Row, tally: InvoiceTally, units: number): void {
  const isTooLarge =
    units > MAX_QUANTITY || tally.bytes > MAX_ORDER_BYTES || !Number.isSafeInteger(tally.amount + tally.charges.amount);
  if (!isTooLarge) return;
  throw new ImportError(
    `${file} has at row ${number} more lines of invoice ${invoice} than fit in one order: at most ${MAX_QUANTITY} units of a code and ${MAX_ORDER_BYTES} bytes of lines. Split it into several invoices.`,
  );
}

/** Size of the line in an order. */
function bytesOfLine({ description, quantity, price }: Row, sku: string): number {
  return BYTES_OF_A_LINE + Buffer.byteLength(JSON.stringify(description || sku) + sku + quantity + price);
}

/** The permanent id of a row that moves stock. `ordinal` is its place in the invoice, from 1. */
export function movementId(invoice: string, ordinal: number): string {
  return `online-retail/${invoice}/${ordinal}`;
}

function tallyOf(codes: Map<string, CodeTally>, sku: string): CodeTally {
  const known = codes.get(sku);
  if (known) return known;
  const tally: CodeTally = { adjustments: [], latest: { invoice: '', units: 0 }, titles: new Map() };
  codes.set(sku, tally);
  return tally;
}

function emptyTally(firstRow: number): InvoiceTally {
  return {
    firstRow,
    rows: 0,
    checksum: 0,
    unowned: [],
    lines: 0,
    amount: 0,
    bytes: 0,
    adjustments: 0,
    charges: { rows: 0, amount: 0 },
    returned: [],
  };
}

/** The position of an invoice is that of its first row. It cannot return what was bought after it. */
function matchReturns(
  number: string,
  { firstRow, at = '', returned }: InvoiceTally,
  purchases: Purchases,
  counts: Counts['returns'],
): readonly ReturnBook[] {
  const byInvoice = new Map<string, ReturnBook>();
  for (const { customer, sku, units } of returned) {
    const taken = customer && sku ? purchases.takeBack(customer, sku, units, { number, firstRow, at }) : undefined;
    const tally = taken ? counts.matched : counts.unmatched;
    counts.rows++;
    tally.rows++;
    tally.units += units;
    for (const { purchase, units: quantity } of taken ?? []) {
      const { invoice, lineId, unitPrice } = purchase;
      const book = byInvoice.get(invoice) ?? { invoice, lines: [] };
      byInvoice.set(invoice, book);
      book.lines.push({ lineId, quantity });
      counts.refunded.amount += quantity * unitPrice;
    }
  }
  return [...byInvoice.values()];
}

function productBook([sku, { price, adjustments, titles }]: [string, CodeTally]): ProductBook {
  const title = commonest(titles) ?? sku;
  return { sku, title, isNamed: titles.size > 0, adjustments, ...defined({ price }) };
}

/** The first one wins a tie. */
function commonest(votes: Map<string, number>): string | undefined {
  let best: string | undefined;
  let most = 0;
  for (const [text, count] of votes) if (count > most) [best, most] = [text, count];
  return best;
}

/** An invoice that returns units comes after all invoices that they were bought with. */
function inTimeOrder(
  invoices: ReadonlyMap<string, InvoiceTally>,
  returns: ReadonlyMap<string, readonly ReturnBook[]>,
): InvoiceBook[] {
  const turnOf = (number: string) =>
    valueAt(returns, number)
      .map(({ invoice }) => invoices.get(invoice)?.at ?? '')
      .reduce(later, valueAt(invoices, number).at!);
  return [...invoices]
    .filter(([number, { lines, adjustments }]) => lines + adjustments + valueAt(returns, number).length > 0)
    .map(([number, { at, rows }]) => ({
      turn: turnOf(number),
      number,
      at: at!,
      rows,
      returns: valueAt(returns, number),
    }))
    .sort((a, b) => (a.turn < b.turn ? -1 : Number(a.turn > b.turn)))
    .map(({ turn, ...book }) => book);
}

function later(a: string, b: string): string {
  return a > b ? a : b;
}

function nothingCounted(): Counts {
  return {
    rows: 0,
    orders: 0,
    lines: 0,
    units: 0,
    goods: { amount: 0, currency: CURRENCY },
    shipping: { amount: 0, currency: CURRENCY },
    products: 0,
    customers: 0,
    adjustments: { rows: 0, units: 0 },
    returns: {
      rows: 0,
      matched: { rows: 0, units: 0 },
      unmatched: { rows: 0, units: 0 },
      refunded: { amount: 0, currency: CURRENCY },
    },
    refused: { malformed: 0, not_a_sale: 0, not_goods: 0, negative_quantity: 0, no_price: 0, sub_penny: 0 },
  };
}
