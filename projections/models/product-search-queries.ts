// The queries of the product search over a store: which of its answers to give, and what to do if nothing has all words.
import type { ProductSearchQueries, ProductSearchRequest, ProductsFound } from './product-search.js';
import { relaxed, type SearchPlan, searchPlan } from './search-plan.js';
import { wordsIn } from './search-words.js';
import { closestWord, isCorrectable } from './spelling.js';
import { type Candidate, MAX_SUGGESTED_WORDS, suggestionsOf } from './suggestions.js';
import type { Synonyms } from './synonyms.js';
import { chunksOf, filterKey } from './texts.js';

/** Words of a query that are corrected. */
const MAX_CORRECTED = 6;

/** Products among whose brands, categories and titles suggestions are chosen. */
const MAX_CANDIDATES = 200;

export interface ProductSearchStore {
  /** Without a plan all products match. */
  find(request: ProductSearchRequest, plan: SearchPlan | undefined): Promise<ProductsFound>;
  /** True if there is a published product for this plan. */
  hasAny(plan: SearchPlan): Promise<boolean>;
  /** Titles of products with a word like this one, the most similar first. */
  titlesLike(word: string): Promise<string[]>;
  /** Published products with all of these words in title, brand or codes, most popular first. The last word may be longer. */
  beginningWith(words: readonly string[], limit: number): Promise<Candidate[]>;
}

export function productSearchQueries(store: ProductSearchStore, synonyms: () => Synonyms): ProductSearchQueries {
  const planOf = (text: string) => searchPlan(text, synonyms());

  /** The text with words that no product has replaced by similar ones. Undefined if there are none. */
  async function corrected(text: string): Promise<string | undefined> {
    const words = chunksOf(filterKey(text));
    const suspects = [...new Set(words)].filter(isCorrectable).slice(0, MAX_CORRECTED);
    const found = await Promise.all(
      suspects.map(async (word) => {
        if (await store.hasAny(planOf(word))) return word;
        return closestWord(word, await store.titlesLike(word)) ?? word;
      }),
    );
    const better = new Map(suspects.map((word, index) => [word, found[index] ?? word]));
    const answer = words.map((word) => better.get(word) ?? word).join(' ');
    return answer === words.join(' ') ? undefined : answer;
  }

  return {
    async search(request) {
      const { q } = request;
      if (q === undefined) return store.find(request, undefined);
      const plan = planOf(q);
      const found = await store.find(request, plan);
      if (found.data.length > 0 || (await store.hasAny(plan))) return found;
      const didYouMean = await corrected(q);
      if (didYouMean === undefined) {
        const half = relaxed(plan);
        return half ? store.find(request, half) : found;
      }
      const better = planOf(didYouMean);
      const half = relaxed(better);
      const instead = half === undefined || (await store.hasAny(better)) ? better : half;
      return { ...(await store.find(request, instead)), didYouMean };
    },

    async suggest(text, limit) {
      const words = wordsIn(filterKey(text)).slice(0, MAX_SUGGESTED_WORDS);
      if (words.length === 0) return [];
      return suggestionsOf(words, await store.beginningWith(words, MAX_CANDIDATES), limit);
    },
  };
}
