// What a customer pays: for the lines of an order, for its shipping, and for some units of a line. A share of a charge is
// decided once and recorded in the event of whoever decides it; from then on charges are only added and subtracted.
import { sum } from '../kernel/money.js';

/** What a customer pays, in minor units: the discount is off the amount, the tax is in it. */
export interface Charge {
  amount: number;
  discount: number;
  tax: number;
}

/** As an event has it: zeros are left out. */
export interface RecordedCharge {
  amount: number;
  discount?: number | undefined;
  tax?: number | undefined;
}

/** What is taken off a price, and the tax on it or in it. */
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
 * How an amount is divided among units: `part` of `whole` of them. All that there are get all of it, more of it gives no less, and
 * a price that every unit has is added exactly, so that no discount or tax comes of rounding.
 */
export type Division = (amount: number, part: number, whole: number) => number;

/** What a division does not share out equally comes with the last units. */
export const roundedDown: Division = (amount, part, whole) => Number((BigInt(amount) * BigInt(part)) / BigInt(whole));

/** What `part` of `whole` units of one price are charged, if all of them are charged `charge`. Of the price itself it is exact. */
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
