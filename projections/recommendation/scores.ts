// Scores of products, and the ranking by them.

/** By product or SKU. */
export type Scores = Map<string, number>;

/** An entry of a stored list: a product or SKU, and its weight. */
export type Weighted = readonly [id: string, weight: number];

export function addScore(scores: Scores, id: string, score: number): void {
  scores.set(id, (scores.get(id) ?? 0) + score);
}

/** The sum of scores, each list first scaled so that its scores add up to its share. */
export function blended(parts: readonly { scores: Scores; share: number }[]): Scores {
  const all: Scores = new Map();
  for (const { scores, share } of parts) {
    let total = 0;
    for (const score of scores.values()) total += score;
    if (total <= 0) continue;
    for (const [id, score] of scores) addScore(all, id, (share * score) / total);
  }
  return all;
}

/** The highest scores first; equal ones by id, so that an answer does not depend on the order of the documents. */
export function ranked(scores: Iterable<Weighted>, limit: number): string[] {
  return [...scores]
    .sort(byWeight)
    .slice(0, limit)
    .map(([id]) => id);
}

/** A longer list is cut by this share, so that newcomers can gather weight before the next cut. */
const CUT = 0.25;

/** Adds weights to a list of at most `limit` entries. The lightest entries are dropped, some at a time. */
export function withWeights(
  list: readonly Weighted[] | undefined,
  added: Iterable<Weighted>,
  limit: number,
): Weighted[] {
  const weights = new Map(list);
  for (const [id, weight] of added) addScore(weights, id, weight);
  if (weights.size <= limit) return [...weights];
  return [...weights].sort(byWeight).slice(0, Math.ceil(limit * (1 - CUT)));
}

/** Above this sum all weights are halved, so that what people do now counts more than what they did long ago. */
export function aged(list: readonly Weighted[], maxTotal: number): readonly Weighted[] {
  const total = list.reduce((sum, [, weight]) => sum + weight, 0);
  if (total <= maxTotal) return list;
  return list.flatMap(([id, weight]) => (weight > 1 ? [[id, Math.floor(weight / 2)] as const] : []));
}

function byWeight([a, one]: Weighted, [b, other]: Weighted): number {
  return other - one || (a < b ? -1 : a > b ? 1 : 0);
}
