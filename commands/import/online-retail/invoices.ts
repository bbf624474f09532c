// The second pass: complete invoices in time order, even if their rows are spread over the file.

import { changedMeanwhile } from '../source.js';
import { type Books, movementId, type ReturnBook } from './books.js';
import { classify } from './classify.js';
import { checksumOf, type Row, readRows } from './rows.js';

export interface Invoice {
  number: string;
  /** RFC 3339: the time of its first row. */
  at: string;
  /** The customer of its first line that names one, as in the file. */
  customer?: string;
  country: string;
  lines: InvoiceLine[];
  /** The codes under which shipping was charged, and the sum in pence. */
  charges: { codes: Set<string>; amount: number };
  adjustments: InvoiceAdjustment[];
  returns: readonly ReturnBook[];
}

export interface InvoiceLine {
  sku: string;
  title: string;
  quantity: number;
  /** In pence. */
  unitPrice: number;
}

export interface InvoiceAdjustment {
  movementId: string;
  sku: string;
  delta: number;
  reason: string;
}

/**
 * Most rows in memory that wait for the rest of their invoice, or for an earlier one: about 60 MB. A file in time order needs
 * almost none. A file that needs more is read once more for the rest.
 */
const MAX_HELD_ROWS = 150_000;

/** An invoice that is still being collected. */
interface Draft extends Invoice {
  rows: number;
  missingRows: number;
  checksum: number;
}

export async function* invoicesOf(
  { file, encoding, invoices, checksums }: Books,
  maxHeldRows = MAX_HELD_ROWS,
): AsyncGenerator<Invoice> {
  const places = new Map(invoices.map(({ number }, place) => [number, place]));
  let next = 0;
  while (next < invoices.length) {
    const before = next;
    const held = new Map<number, Draft>();
    let heldRows = 0;
    let horizon = invoices.length;
    for await (const row of readRows(file, encoding)) {
      const place = places.get(row.invoice);
      if (place === undefined || place < next || place >= horizon) continue;
      const draft = held.get(place) ?? emptyDraft(invoices[place]!);
      held.set(place, draft);
      addRow(draft, row);
      heldRows++;

      for (let ready = held.get(next); ready?.missingRows === 0; ready = held.get(next)) {
        held.delete(next++);
        heldRows -= ready.rows;
        if (ready.checksum !== checksums.get(ready.number)) throw changedMeanwhile(file);
        yield ready;
      }
      if (next === horizon) break;
      if (heldRows > maxHeldRows && held.size > 1) {
        horizon = medianOf(held);
        heldRows -= dropFrom(held, horizon);
      }
    }
    if (next === before) throw changedMeanwhile(file);
  }
}

function emptyDraft({ number, at, rows, returns }: Books['invoices'][number]): Draft {
  const charges = { codes: new Set<string>(), amount: 0 };
  return {
    number,
    at,
    country: '',
    lines: [],
    charges,
    adjustments: [],
    returns,
    rows: 0,
    missingRows: rows,
    checksum: 0,
  };
}

function addRow(draft: Draft, row: Row): void {
  draft.rows++;
  draft.missingRows--;
  draft.checksum = checksumOf(draft.checksum, row);
  const meaning = classify(row);
  switch (meaning.kind) {
    case 'line': {
      const { sku, quantity, unitPrice } = meaning;
      draft.lines.push({ sku, title: row.description || sku, quantity, unitPrice });
      if (row.customer) draft.customer ??= row.customer;
      draft.country ||= row.country;
      break;
    }
    case 'shipping':
      draft.charges.codes.add(meaning.code);
      draft.charges.amount += meaning.amount;
      break;
    case 'adjustment': {
      const { sku, delta, reason } = meaning;
      draft.adjustments.push({ movementId: movementId(draft.number, draft.rows), sku, delta, reason });
    }
  }
}

/** The median time of the held invoices. It is never the time of the earliest one. */
function medianOf(held: Map<number, Draft>): number {
  return [...held.keys()].sort((a, b) => a - b)[Math.floor(held.size / 2)]!;
}

function dropFrom(held: Map<number, Draft>, horizon: number): number {
  let rows = 0;
  for (const [place, draft] of held) {
    if (place < horizon) continue;
    held.delete(place);
    rows += draft.rows;
  }
  return rows;
}
