// Product search: by words of title and brand, by SKU, brand, category, price and stock.
import type { Page, PageRequest } from './page.js';
import { type ProductDocument, type ProductView, productProjection, productView } from './product.js';
import { filterKey, type IndexedWords, indexedWords, sortKey } from './texts.js';

/** Prices are compared in this currency. */
export const SEARCH_CURRENCY = 'GBP';

export type ProductSearchDocument = ProductDocument &
  Partial<IndexedWords> & {
    /** What the titles, brands, categories and SKUs of queries are compared with. */
    titleKey?: string;
    brandKey?: string | undefined;
    categoryKeys?: string[];
    skuKeys?: string[];
    /** Lowest price of a variant, in minor units of SEARCH_CURRENCY. */
    price?: number | undefined;
    inStock?: boolean;
  };

export const productSearch = productProjection<ProductSearchDocument>(
  {
    name: 'product-search',
    fields: {
      id: 'keyword',
      status: 'keyword',
      words: 'text',
      stems: 'text',
      titleKey: 'keyword',
      brandKey: 'keyword',
      categoryKeys: 'keywords',
      skuKeys: 'keywords',
      price: 'number',
      inStock: 'boolean',
    },
    indexes: [['titleKey', 'id'], ['price', 'id'], ['id']],
  },
  searchable,
);

/** Words are those of title, brand and SKUs. */
function searchable(document: ProductDocument): ProductSearchDocument {
  const view = productView(document);
  if (!view) return document;
  const { title, brand, categories = [], variants } = view;
  const skus = variants.map(({ sku }) => sku);
  const prices = variants
    .flatMap((variant) => variant.prices)
    .filter(({ currency }) => currency === SEARCH_CURRENCY)
    .map(({ amount }) => amount);
  return {
    ...document,
    ...indexedWords([title, ...(brand === undefined ? [] : [brand]), ...skus]),
    titleKey: sortKey(title),
    brandKey: brand === undefined ? undefined : filterKey(brand),
    categoryKeys: categories.map(filterKey),
    skuKeys: skus.map(filterKey),
    price: prices.length > 0 ? Math.min(...prices) : undefined,
    inStock: variants.some(({ inStock }) => inStock),
  };
}

export const PRODUCT_SORTS = ['relevance', 'title', 'price', '-price'] as const;
export type ProductSort = (typeof PRODUCT_SORTS)[number];

export interface ProductSearchRequest extends PageRequest {
  /**
   * A SKU, or words that are all in title, brand or SKUs, in any form; words that say little, such as `the`, may be missing
   * unless there are no others. Without it every product matches. By relevance come first those with that very SKU, then
   * those with the words as they are.
   */
  q?: string | undefined;
  category?: string | undefined;
  brand?: string | undefined;
  /** Minor units of SEARCH_CURRENCY, both ends included. */
  price?: { min?: number | undefined; max?: number | undefined } | undefined;
  inStock?: boolean | undefined;
  sort: ProductSort;
}

export interface ProductSearchQueries {
  /** Published products only. Ties go by id; in an order by price those without one come last. */
  search(request: ProductSearchRequest): Promise<Page<ProductView>>;
}
