// The lines of an order as they are written down: numbered, added up, and no more than one commit holds.
import { type Rejection, reject } from '../kernel/rejection.js';
import type { OrderLine } from './events.js';

/**
 * Most bytes of JSON that the lines, coupons and locations of an order may take: with the address and all else they fit one
 * commit (`MAX_COMMIT_BYTES`). The largest real invoice, of 1,112 lines, takes two thirds of it.
 */
export const MAX_ORDER_BYTES = 240 * 1024;

export function orderLines(items: readonly Omit<OrderLine, 'id' | 'total'>[]): OrderLine[] {
  return items.map(({ sku, title, quantity, unitPrice, discounts, tax, taxRate }, index) => ({
    id: `${index + 1}`,
    sku,
    title,
    quantity,
    unitPrice,
    total: quantity * unitPrice,
    ...(discounts !== undefined && { discounts }),
    ...(tax !== undefined && { tax }),
    ...(taxRate !== undefined && { taxRate }),
  }));
}

/** `too_large` for an order whose commits would be refused half-way through its checkout. */
export function refusalOfSize({ lines, coupons, allocation }: OrderContents): Rejection | undefined {
  const bytes = jsonBytes({ lines, coupons, allocation });
  if (bytes <= MAX_ORDER_BYTES) return undefined;
  return reject(
    'too_large',
    `The order takes ${bytes} bytes, the limit is ${MAX_ORDER_BYTES}; order it in several parts.`,
  );
}

interface OrderContents {
  lines: readonly OrderLine[];
  coupons?: readonly unknown[] | undefined;
  allocation?: readonly unknown[] | undefined;
}

function jsonBytes(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
