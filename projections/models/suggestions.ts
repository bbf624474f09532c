// What a search field shows while somebody types: categories, brands and titles with words that begin like those of the text.
import type { ProductDocument } from './product.js';
import type { Suggestion } from './product-search.js';
import { wordsIn } from './search-words.js';
import { filterKey } from './texts.js';

/** Words of the text that count. */
export const MAX_SUGGESTED_WORDS = 6;

/** Of the suggestions at most this share are brands and categories. */
const NAMES_SHARE = 0.5;

/** What is read of a product to suggest it. */
export type Candidate = Pick<ProductDocument, 'title' | 'brand' | 'categories'> & { id: string };

export function suggestionsOf(words: readonly string[], candidates: readonly Candidate[], limit: number): Suggestion[] {
  const names = new Map<string, { text: string; count: number }>();
  for (const { brand, categories = [] } of candidates) {
    for (const text of new Set([...categories, ...(brand === undefined ? [] : [brand])])) {
      const key = filterKey(text);
      if (!begins(text, words)) continue;
      names.set(key, { text: names.get(key)?.text ?? text, count: (names.get(key)?.count ?? 0) + 1 });
    }
  }
  const first = [...names.values()]
    .sort((a, b) => b.count - a.count || (a.text < b.text ? -1 : 1))
    .slice(0, Math.ceil(limit * NAMES_SHARE))
    .map(({ text }) => ({ text }));
  const seen = new Set(first.map(({ text }) => filterKey(text)));
  const titles = candidates.flatMap(({ id, title = '' }): Suggestion[] => {
    if (seen.has(filterKey(title))) return [];
    seen.add(filterKey(title));
    return [{ text: title, productId: id }];
  });
  return [...first, ...titles].slice(0, limit);
}

/** Every word of the query but the last is one of the text, and the last one begins one. */
function begins(text: string, words: readonly string[]): boolean {
  const all = wordsIn(text);
  return words.every((word, index) =>
    all.some((each) => (index === words.length - 1 ? each.startsWith(word) : each === word)),
  );
}
