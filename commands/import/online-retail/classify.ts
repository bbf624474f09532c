// The meaning of one row. The rules are tried in the order of this file; the first match wins.
import { MAX_PRICE } from '../../../domain/kernel/money.js';
import { MAX_QUANTITY } from '../../../domain/stock/events.js';
import type { Row } from './rows.js';

export type Refusal = 'malformed' | 'not_a_sale' | 'not_goods' | 'negative_quantity' | 'no_price' | 'sub_penny';

/** Amounts and prices in pence. */
export type RowMeaning =
  | { kind: 'line'; sku: string; quantity: number; unitPrice: number }
  /** The order's shipping charge if the invoice has an accepted line. Otherwise the row is refused as `not_goods`. */
  | { kind: 'shipping'; code: string; amount: number }
  | { kind: 'adjustment'; sku: string; delta: number; reason: string }
  /** Without a SKU the row cannot be matched: it is not for goods, or no units are returned. */
  | { kind: 'return'; sku?: string; units: number }
  | { kind: 'refused'; refusal: Refusal };

type RowText = Pick<Row, 'invoice' | 'code' | 'description' | 'quantity' | 'date' | 'price'>;

const INVOICE = /^[AC]?\d{6}$/;
const INTEGER = /^-?\d+$/;
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
/** The number of letters is limited, so that the code fits into the id of its product. */
const GOODS = /^\d{5}[A-Z]{0,45}$/;
const SHIPPING = new Set(['POST', 'DOT', 'C2']);
const TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/;

const MALFORMED = refused('malformed');
const NOT_A_SALE = refused('not_a_sale');
const NOT_GOODS = refused('not_goods');
const NEGATIVE_QUANTITY = refused('negative_quantity');
const NO_PRICE = refused('no_price');
const SUB_PENNY = refused('sub_penny');

export function classify(row: RowText): RowMeaning {
  const code = row.code.toUpperCase();
  const price = priceOf(row.price);
  if (!INVOICE.test(row.invoice) || !INTEGER.test(row.quantity) || !price) return MALFORMED;
  if (timeOf(row.date) === undefined || code.trim() === '') return MALFORMED;
  const quantity = Number(row.quantity);
  if (Math.abs(quantity) > MAX_QUANTITY) return MALFORMED;

  if (row.invoice.startsWith('A')) return NOT_A_SALE;
  const isGoods = GOODS.test(code);
  if (row.invoice.startsWith('C')) {
    return { kind: 'return', units: Math.abs(quantity), ...(isGoods && quantity < 0 && { sku: code }) };
  }

  if (!isGoods) {
    const isCharge = SHIPPING.has(code) && quantity > 0 && price.sign > 0 && price.pence !== undefined;
    return isCharge ? { kind: 'shipping', code, amount: quantity * price.pence! } : NOT_GOODS;
  }

  if (quantity < 0) {
    if (price.sign !== 0) return NEGATIVE_QUANTITY;
    return { kind: 'adjustment', sku: code, delta: quantity, reason: row.description || 'unspecified' };
  }

  if (price.sign <= 0) return NO_PRICE;
  if (price.pence === undefined) return SUB_PENNY;
  if (quantity === 0) return MALFORMED;

  return { kind: 'line', sku: code, quantity, unitPrice: price.pence };
}

/** Why a row is malformed, and what the correct format is. */
export function faultOf({ invoice, code, quantity, date, price }: RowText): string {
  if (!INVOICE.test(invoice)) return `InvoiceNo "${shown(invoice)}" is not six digits, optionally after C or A.`;
  if (code.trim() === '') return 'StockCode is empty.';
  if (timeOf(date) === undefined) return `InvoiceDate "${shown(date)}" is not a time like 2010-12-01 08:26:00.`;
  if (!priceOf(price)) return `UnitPrice "${shown(price)}" is not an amount like 2.55.`;
  return `Quantity "${shown(quantity)}" is not a whole number from -${MAX_QUANTITY} to ${MAX_QUANTITY} other than 0.`;
}

function shown(text: string): string {
  return text.slice(0, 30).replace(/\p{Cc}/gu, ' ');
}

interface Price {
  sign: -1 | 0 | 1;
  /** The absolute value. Undefined if it is not whole pence. */
  pence?: number;
}

/** Reads a decimal number of pounds digit by digit, without floats. Undefined if it is not a number, or above every price. */
function priceOf(text: string): Price | undefined {
  const [, minus, pounds, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (pounds === undefined) return undefined;
  const pence = Number(pounds) * 100 + Number(fraction.slice(0, 2).padEnd(2, '0'));
  const isWhole = isZeros(fraction.slice(2));
  if (pence > MAX_PRICE) return undefined;
  const sign = pence === 0 && isWhole ? 0 : minus ? -1 : 1;
  return isWhole ? { sign, pence } : { sign };
}

function isZeros(digits: string): boolean {
  return /^0*$/.test(digits);
}

/** The RFC 3339 form of a time in the file. Undefined if the time does not exist. */
export function timeOf(text: string): string | undefined {
  if (!TIME.test(text)) return undefined;
  const time = `${text.slice(0, 10)}T${text.slice(11)}.000Z`;
  const parsed = new Date(time);
  // JavaScript parses the 30th of February as another day.
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString() === time ? time : undefined;
}

function refused(refusal: Refusal): RowMeaning {
  return { kind: 'refused', refusal };
}
