// The discount of a coupon on the goods of a cart: never more than a line's remaining price, in parts that add up to the whole.
import type { CouponTerms } from '../coupon/events.js';
import { pairs } from '../kernel/collections.js';
import { allocate, roundedShare, sum } from '../kernel/money.js';

/** `left`: the price of the line after the previous coupons, in minor units. */
export interface DiscountableLine {
  sku: string;
  quantity: number;
  unitPrice: number;
  left: number;
}

/** The discount on each line, for a coupon whose conditions are met. */
export function discountsOf(terms: CouponTerms, lines: readonly DiscountableLine[]): number[] {
  switch (terms.kind) {
    case 'percentage':
      return spread(roundedShare(leftOf(lines), terms.basisPoints, 10_000), lines);
    case 'amount':
      return spread(Math.min(terms.amount, leftOf(lines)), lines);
    case 'free_shipping':
      return lines.map(() => 0);
    case 'buy_x_get_y':
      return pairs(lines, freeUnits(terms, lines)).map(([{ left, quantity }, free]) =>
        roundedShare(left, free, quantity),
      );
  }
}

/** In proportion to the remaining price of each line, so that no discount exceeds it. */
function spread(amount: number, lines: readonly DiscountableLine[]): number[] {
  if (amount === 0) return lines.map(() => 0);
  return allocate(
    amount,
    lines.map(({ left }) => left),
  );
}

type BuyXGetY = Extract<CouponTerms, { kind: 'buy_x_get_y' }>;

/** How many times the counted units contain `buy` + `get`. */
export function groupsIn({ buy, get, skus }: BuyXGetY, lines: readonly { sku: string; quantity: number }[]): number {
  const counted = lines.filter(({ sku }) => counts(sku, skus));
  return Math.floor(sum(counted.map(({ quantity }) => quantity)) / (buy + get));
}

/** The number of free units of each line. The cheapest counted units are free; among equal ones, the last of the cart. */
function freeUnits(terms: BuyXGetY, lines: readonly DiscountableLine[]): number[] {
  const counted = lines.map((line, index) => ({ ...line, index })).filter(({ sku }) => counts(sku, terms.skus));
  let open = groupsIn(terms, lines) * terms.get;
  const free = lines.map(() => 0);
  for (const { index, quantity } of counted.sort((a, b) => a.unitPrice - b.unitPrice || b.index - a.index)) {
    free[index] = Math.min(quantity, open);
    open -= free[index];
  }
  return free;
}

function counts(sku: string, skus: readonly string[] | undefined): boolean {
  return !skus || skus.includes(sku);
}

function leftOf(lines: readonly DiscountableLine[]): number {
  return sum(lines.map(({ left }) => left));
}
