// Money is integer minor units of an ISO 4217 currency. There are no floats, and parts always add up to the whole.
import { z } from 'zod';
import { CURRENCIES, isCurrency } from './currency.js';
import { enforced } from './enforced.js';

/**
 * Highest price of one unit, in minor units. Together with the limits on quantities and lines it keeps every cart total a safe
 * integer.
 */
export const MAX_PRICE = 1_000_000_000;

const NO_CURRENCY = 'must be an ISO 4217 code such as GBP';

export const currencySchema = z
  .string()
  .regex(/^[A-Z]{3}$/, { error: NO_CURRENCY, abort: true })
  .refine(isCurrency, NO_CURRENCY)
  .register(enforced, { enum: CURRENCIES });

/** An amount in minor units that cannot be negative: a total, a charge or a payment. */
export const amountSchema = z.int().min(0);

/** The price of one unit, in minor units. */
export const unitPriceSchema = amountSchema.max(MAX_PRICE);

export const moneySchema = z.strictObject({ amount: amountSchema, currency: currencySchema });
export const priceSchema = z.strictObject({ amount: unitPriceSchema, currency: currencySchema });

export type Money = z.output<typeof moneySchema>;

export function sum(amounts: Iterable<number>): number {
  let total = 0;
  for (const amount of amounts) total += amount;
  return total;
}

/**
 * Splits an amount in proportion to the weights (integers ≥ 0, not all 0), by largest remainder. The parts add up to the amount.
 * Each part is less than one unit off its exact share. Among equal remainders the first gets the unit.
 */
export function allocate(amount: number, weights: readonly number[]): number[] {
  const whole = BigInt(sum(weights));
  const shares = weights.map((weight) => {
    const exact = BigInt(amount) * BigInt(weight);
    return { part: Number(exact / whole), remainder: exact % whole };
  });
  const missing = amount - sum(shares.map(({ part }) => part));
  const byRemainder = [...shares].sort((a, b) => Number(b.remainder - a.remainder));
  for (const share of byRemainder.slice(0, missing)) share.part += 1;
  return shares.map(({ part }) => part);
}

/**
 * `amount × part / whole`, rounded to the nearest minor unit, half to even. Discounts and taxes use this one rounding rule.
 * Integers ≥ 0, whole > 0.
 */
export function roundedShare(amount: number, part: number, whole: number): number {
  const exact = BigInt(amount) * BigInt(part);
  const divisor = BigInt(whole);
  const floor = exact / divisor;
  const twiceRest = 2n * (exact % divisor);
  const up = twiceRest > divisor || (twiceRest === divisor && floor % 2n === 1n);
  return Number(up ? floor + 1n : floor);
}
