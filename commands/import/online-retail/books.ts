// The first pass: the books of the whole file, before anything is written. What each code takes and is called, where
// each invoice ends, and the numbers that the summary tells.
import type { Money } from '../../../domain/kernel/money.js';
import { classify, type Refusal, timeOf } from './classify.js';
import { createPurchases, type Purchases } from './purchases.js';
import { readRows } from './rows.js';

export const CURRENCY = 'GBP';

/** Counted from the file alone; the same for every run over the same invoices. */
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
  /** A row is matched if its customer keeps that many units of its code; only then does it come to anything. */
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

export interface Books {
  counts: Counts;
  products: readonly ProductBook[];
  /**
   * Those that come to an order, to adjustments or to returns, in time order; of one moment, in file order. Nothing is
   * returned before it is bought.
   */
  invoices: readonly InvoiceBook[];
  /** By reason the number of the first row that was refused, to look at. */
  firstRefused: ReadonlyMap<Refusal, number>;
}

interface CodeTally {
  price?: number;
  adjustments: string[];
  /** Accepted lines by description, in order of first appearance. */
  titles: Map<string, number>;
}

interface InvoiceTally {
  at?: string;
  /** In the file. */
  firstRow: number;
  rows: number;
  lines: number;
  adjustments: number;
  charges: { rows: number; amount: number };
  returned: ReturnedRow[];
  returns: readonly ReturnBook[];
}

interface ReturnedRow {
  customer: string;
  sku?: string;
  units: number;
}

/**
 * `limit` takes the first so many invoices: distinct texts in the column InvoiceNo, sales, cancellations and malformed
 * ones alike, in the order in which they first appear. Rows of later ones are not counted anywhere.
 */
export async function readBooks(file: string, limit = Number.POSITIVE_INFINITY): Promise<Books> {
  const codes = new Map<string, CodeTally>();
  const invoices = new Map<string, InvoiceTally>();
  const customers = new Set<string>();
  const purchases = createPurchases();
  const counts = nothingCounted();
  const firstRefused = new Map<Refusal, number>();

  for await (const row of readRows(file)) {
    const invoice = invoices.get(row.invoice) ?? emptyTally(row.number);
    if (invoice.rows === 0) {
      if (invoices.size >= limit) continue;
      invoices.set(row.invoice, invoice);
    }
    const at = invoice.at ?? timeOf(row.date);
    if (at !== undefined) invoice.at = at;
    invoice.rows++;
    counts.rows++;

    const meaning = classify(row);
    switch (meaning.kind) {
      case 'line': {
        const code = tallyOf(codes, meaning.sku);
        code.price ??= meaning.unitPrice;
        if (row.description) code.titles.set(row.description, (code.titles.get(row.description) ?? 0) + 1);
        invoice.lines++;
        if (row.customer) {
          customers.add(row.customer);
          purchases.add(row.customer, meaning.sku, meaning.quantity, {
            invoice: row.invoice,
            lineId: `${invoice.lines}`,
            row: row.number,
            unitPrice: meaning.unitPrice,
          });
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
        break;
      case 'return':
        invoice.returned.push({ ...meaning, customer: row.customer });
        break;
      case 'refused':
        counts.refused[meaning.refusal]++;
        if (!firstRefused.has(meaning.refusal)) firstRefused.set(meaning.refusal, row.number);
    }
  }

  for (const invoice of invoices.values()) {
    const { lines, charges } = invoice;
    invoice.returns = matchReturns(invoice, purchases, counts.returns);
    if (lines > 0) {
      counts.orders++;
      counts.shipping.amount += charges.amount;
    } else {
      counts.refused.not_goods += charges.rows;
    }
  }
  counts.products = codes.size;
  counts.customers = customers.size;
  return { counts, products: [...codes].map(productBook), invoices: inTimeOrder(invoices), firstRefused };
}

/** The id for ever of a row that moves stock: `ordinal` is its place in the invoice, from 1. */
export function movementId(invoice: string, ordinal: number): string {
  return `online-retail/${invoice}/${ordinal}`;
}

function tallyOf(codes: Map<string, CodeTally>, sku: string): CodeTally {
  const known = codes.get(sku);
  if (known) return known;
  const tally: CodeTally = { adjustments: [], titles: new Map() };
  codes.set(sku, tally);
  return tally;
}

function emptyTally(firstRow: number): InvoiceTally {
  return {
    firstRow,
    rows: 0,
    lines: 0,
    adjustments: 0,
    charges: { rows: 0, amount: 0 },
    returned: [],
    returns: [],
  };
}

/** An invoice stands where its first row does: what is bought behind it cannot come back with it. */
function matchReturns(
  { firstRow, returned }: InvoiceTally,
  purchases: Purchases,
  counts: Counts['returns'],
): readonly ReturnBook[] {
  const byInvoice = new Map<string, ReturnBook>();
  for (const { customer, sku, units } of returned) {
    const taken = customer && sku ? purchases.takeBack(customer, sku, units, firstRow) : undefined;
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
  return { sku, title, adjustments, ...(price !== undefined && { price }) };
}

/** Of equally common ones, the first. */
function commonest(votes: Map<string, number>): string | undefined {
  let best: string | undefined;
  let most = 0;
  for (const [text, count] of votes) if (count > most) [best, most] = [text, count];
  return best;
}

/** What comes back has its turn when all that it was bought with has had its own. */
function inTimeOrder(invoices: Map<string, InvoiceTally>): InvoiceBook[] {
  const turnOf = ({ at, returns }: InvoiceTally) =>
    returns.map(({ invoice }) => invoices.get(invoice)!.at!).reduce(later, at!);
  return [...invoices]
    .filter(([, { lines, adjustments, returns }]) => lines + adjustments + returns.length > 0)
    .map(([number, tally]) => ({ number, tally, turn: turnOf(tally) }))
    .sort((a, b) => (a.turn < b.turn ? -1 : Number(a.turn > b.turn)))
    .map(({ number, tally: { at, rows, returns } }) => ({ number, at: at!, rows, returns }));
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
