// The one rule by which a cart or an order adds up: Σ lines + shipping + tax − discount = total.
import { sum } from '../kernel/money.js';

/** Minor units; an absent discount or tax is 0. */
export interface Priced {
  lines: readonly { total: number; discount?: number | undefined; tax?: number | undefined }[];
  shipping?: { amount: number; discount?: number | undefined; tax?: number | undefined } | undefined;
  /** Prices contain the tax: it is told, and not added. */
  taxIncluded?: true | undefined;
}

export interface Totals {
  subtotal: number;
  discount: number;
  /** Added to the prices. */
  tax: number;
  /** Contained in the prices. */
  includedTax: number;
  total: number;
}

export function totalsOf({ lines, shipping, taxIncluded }: Priced): Totals {
  const charges = shipping ? [...lines, shipping] : lines;
  const subtotal = sum(lines.map(({ total }) => total));
  const discount = sum(charges.map((charge) => charge.discount ?? 0));
  const taxes = sum(charges.map((charge) => charge.tax ?? 0));
  const tax = taxIncluded ? 0 : taxes;
  const total = subtotal + (shipping?.amount ?? 0) + tax - discount;
  return { subtotal, discount, tax, includedTax: taxes - tax, total };
}
