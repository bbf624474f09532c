// Amounts by tax rate. An amount without a rate is untaxed.
import { allocate, roundedShare, sum } from '../kernel/money.js';
import type { AppliedTaxRate, TaxAmount } from './events.js';
import type { RecordedCharge } from './worth.js';

/** A charge, with the position of its tax rate if it has one. */
export interface RatedCharge extends RecordedCharge {
  taxRate?: number | undefined;
}

/** The charges summed by tax rate. */
export function taxesOf(charges: readonly RatedCharge[], rates: readonly AppliedTaxRate[] = []): TaxAmount[] {
  return addedUp(
    charges.flatMap(({ taxRate, amount, tax = 0 }) => {
      const rate = taxRate === undefined ? undefined : rates[taxRate];
      if (!rate || amount === 0) return [];
      const { category, ...place } = rate;
      return [{ ...place, net: amount - tax, tax }];
    }),
  );
}

/** Sums the amounts: one entry for each rate. */
export function addedUp(amounts: readonly TaxAmount[]): TaxAmount[] {
  const byRate = new Map<string, TaxAmount>();
  for (const one of amounts) {
    const known = byRate.get(rateKey(one));
    byRate.set(rateKey(one), known ? { ...known, net: known.net + one.net, tax: known.tax + one.tax } : one);
  }
  return [...byRate.values()];
}

/**
 * The taxes in a part of the amount, in proportion and rounded so that the parts add up. The caller who records the part gets the
 * rest from `taxesWithout`.
 */
export function taxesOfPart(taxes: readonly TaxAmount[], part: number, whole: number): TaxAmount[] {
  if (part === whole) return [...taxes];
  if (whole === 0) return [];
  const parts = allocate(part, [...taxes.map(grossOf), whole - sum(taxes.map(grossOf))]);
  return taxes.flatMap((one, index) => {
    const gross = parts[index];
    if (!gross) return [];
    const tax = roundedShare(one.tax, gross, grossOf(one));
    return [{ ...one, net: gross - tax, tax }];
  });
}

export function taxesWithout(taxes: readonly TaxAmount[], taken: readonly TaxAmount[]): TaxAmount[] {
  const left = addedUp([...taxes, ...taken.map((one) => ({ ...one, net: -one.net, tax: -one.tax }))]);
  return left.filter((one) => grossOf(one) !== 0);
}

/** The amount including tax. */
export function grossOf({ net, tax }: TaxAmount): number {
  return net + tax;
}

function rateKey({ country, region = '', basisPoints }: TaxAmount): string {
  return `${country} ${region} ${basisPoints}`;
}
