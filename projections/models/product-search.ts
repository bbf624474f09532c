// Product search: by words of title and brand, by SKU, price and facets.
import type { Money } from '../../domain/kernel/money.js';
import type { Page, PageRequest } from './page.js';
import { type ProductDocument, type ProductView, productProjection, productView } from './product.js';
import { byName, filterKey, type IndexedWords, indexedWords, sortKey } from './texts.js';

/**
 * The facets: fields by whose values products are filtered and counted. A product may have several values of a facet. A search
 * parameter has the name of its facet.
 */
export const FACETS = {
  category: ({ categories = [] }) => categories,
  brand: ({ brand }) => (brand === undefined ? [] : [brand]),
  inStock: ({ variants }) => [String(variants.some(({ inStock }) => inStock))],
} satisfies Record<string, (product: ProductView) => readonly string[]>;

export type Facet = keyof typeof FACETS;

export const FACET_NAMES = Object.keys(FACETS) as Facet[];

/** The most values of a facet that an answer lists, those of most products first. */
export const MAX_FACET_VALUES = 20;

/** The most spellings of values that a store counts for a facet. Spellings with the same filter key are one value. */
export const MAX_FACET_SPELLINGS = 100;

export interface FacetValue {
  value: string;
  /** Products with this value. */
  count: number;
}

export type FacetCounts = Record<Facet, FacetValue[]>;

export type ProductSearchDocument = ProductDocument &
  Partial<IndexedWords> & {
    /** Keys that are compared with the titles and SKUs of queries. */
    titleKey?: string;
    /** The values of all facets as they are counted (`brand:Acme`), and as they are filtered (`brand:acme`). */
    facetValues?: string[];
    facetKeys?: string[];
    skuKeys?: string[];
    /** Lowest price of a variant in each currency, in its minor units. */
    lowestPrices?: Record<string, number>;
  };

export const productSearch = productProjection<ProductSearchDocument>(
  {
    name: 'product-search',
    version: 5,
    fields: {
      id: 'keyword',
      status: 'keyword',
      words: 'text',
      stems: 'text',
      titleKey: 'keyword',
      facetValues: 'keywords',
      facetKeys: 'keywords',
      skuKeys: 'keywords',
      lowestPrices: 'numbers',
    },
    indexes: [['titleKey', 'id'], ['id']],
  },
  searchable,
);

/** The searchable words are those of title, brand and SKUs. */
function searchable(document: ProductDocument): ProductSearchDocument {
  const view = productView(document);
  if (!view) return document;
  const { title, brand, variants } = view;
  const facets = facetsOf(view);
  const skus = variants.map(({ sku }) => sku);
  return {
    ...document,
    ...indexedWords([title, brand, ...skus].filter((text) => text !== undefined)),
    titleKey: sortKey(title),
    facetValues: [...facets.values()],
    facetKeys: [...facets.keys()],
    skuKeys: skus.map(filterKey),
    lowestPrices: lowestOf(variants.flatMap(({ prices }) => prices)),
  };
}

/** The values of all facets by their keys. Of spellings with the same key, the first counts. */
function facetsOf(product: ProductView): Map<string, string> {
  const facets = new Map<string, string>();
  for (const name of FACET_NAMES) {
    for (const value of FACETS[name](product)) {
      const key = facetKey(name, value);
      if (!facets.has(key)) facets.set(key, `${name}:${value}`);
    }
  }
  return facets;
}

/** The key by which products with this value are found. */
export function facetKey(name: Facet, value: string): string {
  return `${name}:${filterKey(value)}`;
}

/** The values of each facet from the counts of their spellings, such as `brand:Acme`. A value has its most frequent spelling. */
export function facetCounts(spellings: readonly FacetValue[]): FacetCounts {
  const counted = Object.fromEntries(FACET_NAMES.map((name) => [name, new Map<string, FacetValue>()]));
  for (const { value: named, count } of [...spellings].sort(byCount)) {
    const [name] = named.split(':', 1);
    const value = named.slice(name!.length + 1);
    const key = filterKey(value);
    const values = counted[name!]!;
    values.set(key, { value: values.get(key)?.value ?? value, count: (values.get(key)?.count ?? 0) + count });
  }
  return Object.fromEntries(
    Object.entries(counted).map(([name, values]) => [
      name,
      [...values.values()].sort(byCount).slice(0, MAX_FACET_VALUES),
    ]),
  ) as FacetCounts;
}

function byCount(a: FacetValue, b: FacetValue): number {
  return b.count - a.count || byName(a.value, b.value);
}

function lowestOf(prices: readonly Money[]): Record<string, number> {
  const lowest: Record<string, number> = {};
  for (const { amount, currency } of prices) lowest[currency] = Math.min(amount, lowest[currency] ?? amount);
  return lowest;
}

export const PRODUCT_SORTS = ['relevance', 'title', 'price', '-price'] as const;
export type ProductSort = (typeof PRODUCT_SORTS)[number];

/** Products that have these values. */
export type FacetFilters = { [name in Facet]?: string | undefined };

export interface ProductSearchRequest extends PageRequest, FacetFilters {
  /**
   * A SKU, or words. Every word must occur in title, brand or SKUs, in any inflection. Common words such as `the` are optional
   * unless there are no others. Without `q` every product matches. Sorted by relevance, products with exactly that SKU come
   * first, then products with the exact words.
   */
  q?: string | undefined;
  /**
   * The currency of the price filter and the price order. The lowest price in it counts; a product without one counts as
   * unpriced.
   */
  currency: string;
  /** Minor units, both ends included. */
  price?: { min?: number | undefined; max?: number | undefined } | undefined;
  sort: ProductSort;
}

/** The first page also has the facets. The values of a facet are counted as if there were no filter by this facet. */
export interface ProductsFound extends Page<ProductView> {
  facets?: FacetCounts;
}

export interface ProductSearchQueries {
  /** Published products only. Equal entries are ordered by id. Ordered by price, products without a price come last. */
  search(request: ProductSearchRequest): Promise<ProductsFound>;
}
