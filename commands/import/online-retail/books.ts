// The first pass: the books of the whole file, before anything is written. What each code takes and is called, where
// each invoice ends, and the numbers that the summary tells. They are closed once the shop has said what it sold before.
import type { Money } from '../../../domain/kernel/money.js';
import { MAX_ORDER_BYTES } from '../../../domain/order/order-lines.js';
import { MAX_QUANTITY } from '../../../domain/stock/events.js';
import { classify, faultOf, type Refusal, timeOf } from './classify.js';
import { ImportError } from './import-error.js';
import { createPurchases, type Purchase, type Purchases, type Sale } from './purchases.js';
import { checksumOf, type Encoding, type Row, readRows } from './rows.js';

export const CURRENCY = 'GBP';

/** Counted from the file; the same for every run over the same invoices. */
export interface Counts {
  rows: number;
  orders: number;
  lines: number;
  units: number;
  goods: Money;
  shipping: Money;
  products: number;
  /** Distinct on accepted lines. */
  customers: number;
  adjustments: RowsOfUnits;
  /**
   * A row is matched if its customer keeps that many units of its code, by this file and those imported before; only then
   * does it come to anything.
   */
  returns: { rows: number; matched: RowsOfUnits; unmatched: RowsOfUnits; refunded: Money };
  refused: Record<Refusal, number>;
}

interface RowsOfUnits {
  rows: number;
  units: number;
}

/** What the books say of one code. */
export interface ProductBook {
  sku: string;
  title: string;
  /** A line of the file names it; else its code is its title. */
  isNamed: boolean;
  /** In pence: its first accepted price; none if it was only ever adjusted. */
  price?: number;
  /** Movement ids of its adjustments. */
  adjustments: readonly string[];
}

/** What the second pass has to know of an invoice before it reads it. */
export interface InvoiceBook {
  number: string;
  /** RFC 3339: the time of its first row. */
  at: string;
  rows: number;
  /** What it brings back, by the orders that this was bought with. */
  returns: readonly ReturnBook[];
}

export interface ReturnBook {
  /** The number of the invoice that was the order's. */
  invoice: string;
  lines: { lineId: string; quantity: number }[];
}

/** What one reading of the file tells. */
export interface Pages {
  file: string;
  encoding: Encoding;
  /** But for the returns. */
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
   * Those that come to an order, to adjustments or to returns, in time order; of one moment, in file order. Nothing is
   * returned before it is bought.
   */
  invoices: readonly InvoiceBook[];
  /** Of the rows of each invoice, by its number: that they are the same when they are read again. */
  checksums: ReadonlyMap<string, number>;
  /** Invoices of which more came back before than this file says. */
  differing: readonly string[];
  /** By reason the number of the first row that was refused, to look at. */
  firstRefused: ReadonlyMap<Refusal, number>;
}

export interface ReadingOptions {
  /**
   * Takes the first so many invoices: distinct texts in the column InvoiceNo, sales, cancellations and malformed ones
   * alike, in the order in which they first appear. Rows of later ones are not counted anywhere.
   */
  limit?: number | undefined;
  encoding?: Encoding | undefined;
}

/** Of the JSON of a line without its texts and numbers, with room for its total. */
const BYTES_OF_A_LINE = 100;

interface CodeTally {
  price?: number;
  adjustments: string[];
  /** Units in the invoice that it was last seen in. */
  latest: { invoice: string; units: number };
  /** Accepted lines by description, in order of first appearance. */
  titles: Map<string, number>;
}

interface InvoiceTally {
  at?: string;
  /** In the file. */
  firstRow: number;
  rows: number;
  checksum: number;
  /** Whose order it is: of the first line that names a customer. Until then its lines are nobody's. */
  customer?: string;
  unowned: [sku: string, units: number, purchase: Purchase][];
  lines: number;
  /** What its lines come to in pence, and take in an order, in bytes. */
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
    throw new ImportError(`${file} has no row that can be taken. The first is ${firstFault}`);
  }
  counts.products = codes.size;
  counts.customers = customers.size;
  return { file, encoding, counts, products: [...codes].map(productBook), invoices, purchases, firstRefused };
}

/** Which codes each customer brings back. */
export function returningCustomers({ invoices }: Pages): Map<string, Set<string>> {
  const returning = new Map<string, Set<string>>();
  for (const { returned } of invoices.values()) {
    for (const { customer, sku } of returned) {
      if (customer && sku) returning.set(customer, (returning.get(customer) ?? new Set()).add(sku));
    }
  }
  return returning;
}

/** Once only. `sales`: what imports have sold to those who bring something back. */
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

/** What no order and no movement of stock can hold is found before anything is written. */
function refuseTooLarge(file: string, { number, invoice }: Row, tally: InvoiceTally, units: number): void {
  const isTooLarge =
    units > MAX_QUANTITY || tally.bytes > MAX_ORDER_BYTES || !Number.isSafeInteger(tally.amount + tally.charges.amount);
  if (!isTooLarge) return;
  throw new ImportError(
    `${file} has at row ${number} more of invoice ${invoice} than one order can be: at most ${MAX_QUANTITY} units of a code and ${MAX_ORDER_BYTES} bytes of lines. Split it into several invoices.`,
  );
}

/** In an order. */
function bytesOfLine({ description, quantity, price }: Row, sku: string): number {
  return BYTES_OF_A_LINE + Buffer.byteLength(JSON.stringify(description || sku) + sku + quantity + price);
}

/** The id for ever of a row that moves stock: `ordinal` is its place in the invoice, from 1. */
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

/** An invoice stands where its first row does: what is bought behind it cannot come back with it. */
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
  return { sku, title, isNamed: titles.size > 0, adjustments, ...(price !== undefined && { price }) };
}

/** Of equally common ones, the first. */
function commonest(votes: Map<string, number>): string | undefined {
  let best: string | undefined;
  let most = 0;
  for (const [text, count] of votes) if (count > most) [best, most] = [text, count];
  return best;
}

/** What comes back has its turn when all that it was bought with has had its own. */
function inTimeOrder(
  invoices: ReadonlyMap<string, InvoiceTally>,
  returns: ReadonlyMap<string, readonly ReturnBook[]>,
): InvoiceBook[] {
  const turnOf = (number: string) =>
    returns
      .get(number)!
      .map(({ invoice }) => invoices.get(invoice)?.at ?? '')
      .reduce(later, invoices.get(number)!.at!);
  return [...invoices]
    .filter(([number, { lines, adjustments }]) => lines + adjustments + returns.get(number)!.length > 0)
    .map(([number, { at, rows }]) => ({ turn: turnOf(number), number, at: at!, rows, returns: returns.get(number)! }))
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
