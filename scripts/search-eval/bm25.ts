// Plain BM25 over titles, the baseline of searches: the ranking of a `match` query of OpenSearch on one text field with its defaults.

const K1 = 1.2;
const B = 0.75;

/** Words as Unicode divides text, which is what the standard tokenizer of OpenSearch does. */
const SEGMENTER = new Intl.Segmenter('en', { granularity: 'word' });

export interface Bm25 {
  add(id: string, title: string): void;
  /** Ids of the products with any word of the query, best first. Equal scores are ordered by id. */
  search(query: string, limit: number): string[];
  /** Number of titles. */
  size(): number;
}

export function createBm25(): Bm25 {
  const lengths = new Map<string, number>();
  /** How often each word occurs in the titles that have it. */
  const postings = new Map<string, Map<string, number>>();
  let total = 0;

  return {
    add(id, title) {
      const words = wordsOf(title);
      lengths.set(id, words.length);
      total += words.length;
      for (const word of words) {
        const titles = postings.get(word) ?? new Map<string, number>();
        postings.set(word, titles.set(id, (titles.get(id) ?? 0) + 1));
      }
    },
    search(query, limit) {
      const scores = new Map<string, number>();
      const average = total / lengths.size;
      for (const word of wordsOf(query)) {
        const titles = postings.get(word) ?? new Map<string, number>();
        const idf = Math.log(1 + (lengths.size - titles.size + 0.5) / (titles.size + 0.5));
        for (const [id, times] of titles) {
          const length = (lengths.get(id) ?? 0) / average;
          const score = (idf * times) / (times + K1 * (1 - B + B * length));
          scores.set(id, (scores.get(id) ?? 0) + score);
        }
      }
      return [...scores]
        .sort(([one, a], [other, b]) => b - a || (one < other ? -1 : 1))
        .slice(0, limit)
        .map(([id]) => id);
    },
    size: () => lengths.size,
  };
}

function wordsOf(text: string): string[] {
  return [...SEGMENTER.segment(text.toLowerCase())].flatMap(({ segment, isWordLike }) => (isWordLike ? segment : []));
}
