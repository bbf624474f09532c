// What units of an order are worth: the share of price, discount and tax that a customer pays for them, or gets back.
import { sum } from '../kernel/money.js';

/** Price, what is taken off it, and the tax on it or in it. */
interface Charge {
  amount: number;
  discount?: number | undefined;
  tax?: number | undefined;
}

/** What the customer pays for it. */
export function worthOf({ amount, discount = 0, tax = 0 }: Charge, taxIncluded?: true): number {
  return amount - discount + (taxIncluded ? 0 : tax);
}

/**
 * The share of the first `part` of `whole` units, rounded down. Shares of consecutive units are differences of two such,
 * so they add up to the amount whatever the steps.
 */
export function shareOf(amount: number, part: number, whole: number): number {
  return Number((BigInt(amount) * BigInt(part)) / BigInt(whole));
}

/** All in minor units. `includedTax` is what prices contain; it is not added. */
export interface Totals {
  subtotal: number;
  discount: number;
  tax: number;
  includedTax?: number;
  total: number;
}

/** The one rule by which a cart and an order add up: Σ lines + shipping + tax − discount = total. */
export function totalsOf({
  lines,
  shipping,
  taxIncluded,
}: {
  lines: readonly { total: number; discount?: number | undefined; tax?: number | undefined }[];
  shipping?: Charge | undefined;
  taxIncluded?: true | undefined;
}): Totals {
  const charges = shipping ? [...lines, shipping] : lines;
  const subtotal = sum(lines.map(({ total }) => total));
  const discount = sum(charges.map((charge) => charge.discount ?? 0));
  const taxes = sum(charges.map((charge) => charge.tax ?? 0));
  const tax = taxIncluded ? 0 : taxes;
  return {
    subtotal,
    discount,
    tax,
    ...(taxIncluded && { includedTax: taxes }),
    total: subtotal + (shipping?.amount ?? 0) + tax - discount,
  };
}
