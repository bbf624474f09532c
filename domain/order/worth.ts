// Charges: what a customer pays for the lines of an order, for its shipping, and for some units of a line. A share of a charge is
// decided once and recorded in the event of that decision. From then on charges are only added and subtracted.
import { sum } from '../kernel/money.js';

/** A charge in minor units: the discount is subtracted from the amount, the tax is included. */
export interface Charge {
  amount: number;
  discount: number;
  tax: number;
}

/** A charge as events store it: zeros are left out. */
export interface RecordedCharge {
  amount: number;
  discount?: number | undefined;
  tax?: number | undefined;
}

/** The discounts on a price, and the tax on it or in it. */
interface Priced {
  discounts?: readonly number[] | undefined;
  tax?: number | undefined;
}

export const NO_CHARGE: Charge = { amount: 0, discount: 0, tax: 0 };

export function chargeOf(price: number, { discounts = [], tax = 0 }: Priced, taxIncluded?: true): Charge {
  const discount = sum(discounts);
  return { amount: price - discount + (taxIncluded ? 0 : tax), discount, tax };
}

export function plus(one: Charge, { amount, discount = 0, tax = 0 }: RecordedCharge): Charge {
  return { amount: one.amount + amount, discount: one.discount + discount, tax: one.tax + tax };
}

export function minus(one: Charge, { amount, discount = 0, tax = 0 }: RecordedCharge): Charge {
  return { amount: one.amount - amount, discount: one.discount - discount, tax: one.tax - tax };
}

export function recordedCharge({ amount, discount, tax }: Charge): RecordedCharge {
  return { amount, ...(discount !== 0 && { discount }), ...(tax !== 0 && { tax }) };
}

/**
 * Divides an amount among units: the share of `part` out of `whole` units. All units together get the whole amount. A larger
 * amount gives no smaller share. The price that all units have in common is added exactly, so rounding creates no discount or
 * tax.
 */
export type Division = (amount: number, part: number, whole: number) => number;

/** Rounds down. The last units get the remainder. */
export const roundedDown: Division = (amount, part, whole) => Number((BigInt(amount) * BigInt(part)) / BigInt(whole));

/**
 * The charge for `part` of `whole` units of one price, if all of them together are charged `charge`. The price itself is divided
 * exactly.
 */
export function chargeOfUnits(
  charge: Charge,
  {
    part,
    whole,
    unitPrice,
    taxIncluded,
  }: { part: number; whole: number; unitPrice: number; taxIncluded?: true | undefined },
  divide: Division,
): Charge {
  const amount = divide(charge.amount, part, whole);
  const tax = divide(charge.tax, part, whole);
  return { amount, discount: part * unitPrice + (taxIncluded ? 0 : tax) - amount, tax };
}

/** All in minor units. `includedTax` is the tax contained in the prices; it is not added. */
export interface Totals {
  subtotal: number;
  discount: number;
  tax: number;
  includedTax?: number;
  total: number;
}

/** Adds up a cart and an order by the same rule: Σ lines + shipping + tax − discount = total. */
export function totalsOf({
  lines,
  shipping,
  taxIncluded,
}: {
  lines: readonly (Priced & { total: number })[];
  shipping?: (Priced & { amount: number }) | undefined;
  taxIncluded?: true | undefined;
}): Totals {
  const charges: readonly Priced[] = shipping ? [...lines, shipping] : lines;
  const subtotal = sum(lines.map(({ total }) => total));
  const discount = sum(charges.flatMap(({ discounts = [] }) => discounts));
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
