// The first pass: the books of the whole file, before anything is written. What each code takes and is called, where
// each invoice ends, and the numbers that the summary tells.
import type { Money } from '../../../domain/kernel/money.js';
import { classify, type Refusal, timeOf } from './classify.js';
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
  adjustments: { rows: number; units: number };
  returns: { rows: number };
  refused: Record<Refusal, number>;
}

/** What the books say of one code. */
export interface ProductBook {
  sku: string;
  title: string;
  /** In pence: its first accepted price; none if it was only ever adjusted. */
  price?: number;
  /** Units that its lines and adjustments take. */
  units: number;
  /** Movement ids of its adjustments. */
  adjustments: readonly string[];
}

/** What the second pass has to know of an invoice before it reads it. */
export interface InvoiceBook {
  number: string;
  /** RFC 3339: the time of its first row. */
  at: string;
  rows: number;
}

export interface Books {
  counts: Counts;
  products: readonly ProductBook[];
  /** Those that come to an order or to adjustments, in time order; of one moment, in file order. */
  invoices: readonly InvoiceBook[];
}

interface CodeTally {
  price?: number;
  units: number;
  adjustments: string[];
  /** Accepted lines by description, in order of first appearance. */
  titles: Map<string, number>;
}

interface InvoiceTally {
  at?: string;
  rows: number;
  lines: number;
  adjustments: number;
  charges: { rows: number; amount: number };
}

/**
 * `limit` takes the first so many invoices: distinct texts in the column InvoiceNo, sales, cancellations and malformed
 * ones alike, in the order in which they first appear. Rows of later ones are not counted anywhere.
 */
export async function readBooks(file: string, limit = Number.POSITIVE_INFINITY): Promise<Books> {
  const codes = new Map<string, CodeTally>();
  const invoices = new Map<string, InvoiceTally>();
  const customers = new Set<string>();
  const counts = nothingCounted();

  for await (const row of readRows(file)) {
    const invoice = invoices.get(row.invoice) ?? emptyTally();
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
        code.units += meaning.quantity;
        code.price ??= meaning.unitPrice;
        if (row.description) code.titles.set(row.description, (code.titles.get(row.description) ?? 0) + 1);
        if (row.customer) customers.add(row.customer);
        invoice.lines++;
        counts.lines++;
        counts.units += meaning.quantity;
        counts.goods.amount += meaning.quantity * meaning.unitPrice;
        break;
      }
      case 'adjustment': {
        const code = tallyOf(codes, meaning.sku);
        code.units -= meaning.delta;
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
        counts.returns.rows++;
        break;
      case 'refused':
        counts.refused[meaning.refusal]++;
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
  counts.products = codes.size;
  counts.customers = customers.size;
  return { counts, products: [...codes].map(productBook), invoices: inTimeOrder(invoices) };
}

/** The id for ever of a row that moves stock: `ordinal` is its place in the invoice, from 1. */
export function movementId(invoice: string, ordinal: number): string {
  return `online-retail/${invoice}/${ordinal}`;
}

function tallyOf(codes: Map<string, CodeTally>, sku: string): CodeTally {
  const known = codes.get(sku);
  if (known) return known;
  const tally: CodeTally = { units: 0, adjustments: [], titles: new Map() };
  codes.set(sku, tally);
  return tally;
}

function emptyTally(): InvoiceTally {
  return { rows: 0, lines: 0, adjustments: 0, charges: { rows: 0, amount: 0 } };
}

function productBook([sku, { price, units, adjustments, titles }]: [string, CodeTally]): ProductBook {
  const title = commonest(titles) ?? sku;
  return { sku, title, units, adjustments, ...(price !== undefined && { price }) };
}

/** Of equally common ones, the first. */
function commonest(votes: Map<string, number>): string | undefined {
  let best: string | undefined;
  let most = 0;
  for (const [text, count] of votes) if (count > most) [best, most] = [text, count];
  return best;
}

function inTimeOrder(invoices: Map<string, InvoiceTally>): InvoiceBook[] {
  return [...invoices]
    .filter(([, { lines, adjustments }]) => lines + adjustments > 0)
    .map(([number, { at, rows }]) => ({ number, at: at!, rows }))
    .sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)));
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
    returns: { rows: 0 },
    refused: { malformed: 0, not_a_sale: 0, not_goods: 0, negative_quantity: 0, no_price: 0, sub_penny: 0 },
  };
}
