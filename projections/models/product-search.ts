// Product search: by words of title and brand, by SKU, brand, category, price and stock.
import type { Money } from '../../domain/kernel/money.js';
import type { Page, PageRequest } from './page.js';
import { type ProductDocument, type ProductView, productProjection, productView } from './product.js';
import { filterKey, type IndexedWords, indexedWords, sortKey } from './texts.js';

export type ProductSearchDocument = ProductDocument &
  Partial<IndexedWords> & {
    /** Keys that are compared with the titles, brands, categories and SKUs of queries. */
    titleKey?: string;
    brandKey?: string | undefined;
    categoryKeys?: string[];
    skuKeys?: string[];
    /** Lowest price of a variant in each currency, in its minor units. */
    lowestPrices?: Record<string, number>;
    inStock?: boolean;
  };

export const productSearch = productProjection<ProductSearchDocument>(
  {
    name: 'product-search',
    version: 4,
    fields: {
      id: 'keyword',
      status: 'keyword',
      words: 'text',
      stems: 'text',
      titleKey: 'keyword',
      brandKey: 'keyword',
      categoryKeys: 'keywords',
      skuKeys: 'keywords',
      lowestPrices: 'numbers',
      inStock: 'boolean',
    },
    indexes: [['titleKey', 'id'], ['id']],
  },
  searchable,
);

/** The searchable words are those of title, brand and SKUs. */
function searchable(document: ProductDocument): ProductSearchDocument {
  const view = productView(document);
  if (!view) return document;
  const { title, brand, categories = [], variants } = view;
  const skus = variants.map(({ sku }) => sku);
  return {
    ...document,
    ...indexedWords([title, ...(brand === undefined ? [] : [brand]), ...skus]),
    titleKey: sortKey(title),
    brandKey: brand === undefined ? undefined : filterKey(brand),
    categoryKeys: categories.map(filterKey),
    skuKeys: skus.map(filterKey),
    lowestPrices: lowestOf(variants.flatMap(({ prices }) => prices)),
    inStock: variants.some(({ inStock }) => inStock),
  };
}

function lowestOf(prices: readonly Money[]): Record<string, number> {
  const lowest: Record<string, number> = {};
  for (const { amount, currency } of prices) lowest[currency] = Math.min(amount, lowest[currency] ?? amount);
  return lowest;
}

export const PRODUCT_SORTS = ['relevance', 'title', 'price', '-price'] as const;
export type ProductSort = (typeof PRODUCT_SORTS)[number];

export interface ProductSearchRequest extends PageRequest {
  /**
   * A SKU, or words. Every word must occur in title, brand or SKUs, in any inflection. Common words such as `the` are optional
   * unless
   * there are no others. Without `q` every product matches. Sorted by relevance, products with exactly that SKU come first, then
   * products with the exact words.
   */
  q?: string | undefined;
  category?: string | undefined;
  brand?: string | undefined;
  /**
   * The currency of the price filter and the price order. The lowest price in it counts; a product without one counts as
   * unpriced.
   */
  currency: string;
  /** Minor units, both ends included. */
  price?: { min?: number | undefined; max?: number | undefined } | undefined;
  inStock?: boolean | undefined;
  sort: ProductSort;
}

export interface ProductSearchQueries {
  /** Published products only. Equal entries are ordered by id. Ordered by price, products without a price come last. */
  search(request: ProductSearchRequest): Promise<Page<ProductView>>;
}
