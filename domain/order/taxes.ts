// Amounts by tax rate. What of an amount no rate names is not taxed.
import { z } from 'zod';
import { allocate, moneySchema, roundedShare, sum } from '../kernel/money.js';
import { type AppliedTaxRate, type TaxAmount, taxAmountSchema } from './events.js';
import type { RecordedCharge } from './worth.js';

/** What is charged at the rate with this position, if any. */
export interface RatedCharge extends RecordedCharge {
  taxRate?: number | undefined;
}

/** What these charges come to at each rate. */
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

/** One entry for each rate. */
export function addedUp(amounts: readonly TaxAmount[]): TaxAmount[] {
  const byRate = new Map<string, TaxAmount>();
  for (const one of amounts) {
    const known = byRate.get(rateKey(one));
    byRate.set(rateKey(one), known ? { ...known, net: known.net + one.net, tax: known.tax + one.tax } : one);
  }
  return [...byRate.values()];
}

/**
 * What of these is in a part of the amount: decided in proportion, in parts that add up. Whoever records the part takes the rest
 * from `without`.
 */
export function taxesOfPart(taxes: readonly TaxAmount[], part: number, whole: number): TaxAmount[] {
  if (part === whole) return [...taxes];
  if (whole === 0) return [];
  const parts = allocate(part, [...taxes.map(grossOf), whole - sum(taxes.map(grossOf))]);
  return taxes.flatMap((one, index) => {
    const gross = parts[index]!;
    if (gross === 0) return [];
    const tax = roundedShare(one.tax, gross, grossOf(one));
    return [{ ...one, net: gross - tax, tax }];
  });
}

export function taxesWithout(taxes: readonly TaxAmount[], taken: readonly TaxAmount[]): TaxAmount[] {
  const left = addedUp([...taxes, ...taken.map((one) => ({ ...one, net: -one.net, tax: -one.tax }))]);
  return left.filter((one) => grossOf(one) !== 0);
}

/** As callers see them. */
export const taxesViewSchema = z.array(taxAmountSchema.extend({ net: moneySchema, tax: moneySchema }));

export function taxesView(taxes: readonly TaxAmount[], currency: string): z.output<typeof taxesViewSchema> {
  return taxes.map((one) => ({ ...one, net: { amount: one.net, currency }, tax: { amount: one.tax, currency } }));
}

/** What is paid. */
export function grossOf({ net, tax }: TaxAmount): number {
  return net + tax;
}

function rateKey({ country, region = '', basisPoints }: TaxAmount): string {
  return `${country} ${region} ${basisPoints}`;
}
