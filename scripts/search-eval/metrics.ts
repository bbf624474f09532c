// How good a ranked list of products is, by the grades that people have given them.

/** Grades by product. A product without a grade counts as grade 0. */
export type Grades = ReadonlyMap<string, number>;

export interface Quality {
  /** Normalised discounted cumulative gain of the first 10 and 20 products, each from 0 to 1. */
  ndcg10: number;
  ndcg20: number;
  /** 1 / the place of the first product with a grade above 0; 0 if there is none. Of several queries, their mean. */
  mrr: number;
  /** 1 if nothing was found, else 0. Of several queries, their share. */
  zeroResults: number;
}

/** Products that are judged for a query. */
export const MAX_RANK = 20;

/** Of the first `MAX_RANK` products. At least one grade must be above 0. */
export function qualityOf(ranked: readonly string[], grades: Grades): Quality {
  const found = ranked.slice(0, MAX_RANK).map((id) => grades.get(id) ?? 0);
  const ideal = [...grades.values()].sort((one, other) => other - one);
  const ndcg = (depth: number) => dcg(found.slice(0, depth)) / dcg(ideal.slice(0, depth));
  const first = found.findIndex((grade) => grade > 0);
  return {
    ndcg10: ndcg(10),
    ndcg20: ndcg(MAX_RANK),
    mrr: first < 0 ? 0 : 1 / (first + 1),
    zeroResults: found.length === 0 ? 1 : 0,
  };
}

/** The gain of a grade is 2^grade − 1. */
function dcg(grades: readonly number[]): number {
  return grades.reduce((sum, grade, index) => sum + (2 ** grade - 1) / Math.log2(index + 2), 0);
}

export function meanOf(qualities: readonly Quality[]): Quality {
  const mean = (of: keyof Quality) =>
    qualities.reduce((sum, quality) => sum + quality[of], 0) / Math.max(1, qualities.length);
  return { ndcg10: mean('ndcg10'), ndcg20: mean('ndcg20'), mrr: mean('mrr'), zeroResults: mean('zeroResults') };
}
