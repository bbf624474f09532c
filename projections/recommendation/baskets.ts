// What is bought together, from the lines of orders: one bounded document for each SKU.
import { aged, type Weighted, withWeights } from './scores.js';

/** Lines of an order beyond these say nothing about what belongs together. They also bound what an order writes. */
export const MAX_BASKET = 100;
/** Most SKUs that are kept beside a SKU. */
export const MAX_TOGETHER = 200;
/** The weight of two lines of an order of two. Larger orders count less, because their lines have less to do with each other. */
const PAIR_WEIGHT = 1_000;
const MAX_TOTAL_WEIGHT = 20_000_000;

/** The SKUs of an order that count, each once. */
export function basketOf(skus: readonly string[]): string[] {
  return [...new Set(skus)].slice(0, MAX_BASKET);
}

/** The SKUs that were bought together with this one, after one more basket. The weights are whole numbers. */
export function boughtTogether(
  before: readonly Weighted[] | undefined,
  sku: string,
  basket: readonly string[],
): readonly Weighted[] {
  if (basket.length < 2) return before ?? [];
  const weight = Math.round(PAIR_WEIGHT / Math.sqrt(basket.length - 1));
  const added = basket.filter((other) => other !== sku).map((other): Weighted => [other, weight]);
  return aged(withWeights(before, added, MAX_TOGETHER), MAX_TOTAL_WEIGHT);
}
