// Product search: by words of title and brand, by SKU, brand, category, price and stock.
import type { Page, PageRequest } from './page.js';
import { type ProductDocument, type ProductView, productProjection, productView } from './product.js';

/** Prices are compared in this currency. */
export const SEARCH_CURRENCY = 'GBP';

export type ProductSearchDocument = ProductDocument & {
  /** Title, brand and SKUs. */
  words?: string[];
  /** Lowest price of a variant, in minor units of SEARCH_CURRENCY. */
  price?: number;
  inStock?: boolean;
};

export const productSearch = productProjection<ProductSearchDocument>(
  {
    name: 'product-search',
    fields: {
      id: 'keyword',
      status: 'keyword',
      words: 'text',
      title: 'keyword',
      brand: 'keyword',
      categories: 'keywords',
      price: 'number',
      inStock: 'boolean',
    },
  },
  searchable,
);

function searchable(document: ProductDocument): ProductSearchDocument {
  const { price: _, ...rest } = document as ProductSearchDocument;
  const view = productView(document);
  if (!view) return rest;
  const prices = view.variants
    .flatMap((variant) => variant.prices)
    .filter(({ currency }) => currency === SEARCH_CURRENCY)
    .map(({ amount }) => amount);
  return {
    ...rest,
    words: [view.title, ...(view.brand ? [view.brand] : []), ...view.variants.map(({ sku }) => sku)],
    ...(prices.length > 0 && { price: Math.min(...prices) }),
    inStock: view.variants.some(({ inStock }) => inStock),
  };
}

export const PRODUCT_SORTS = ['relevance', 'title', 'price', '-price'] as const;
export type ProductSort = (typeof PRODUCT_SORTS)[number];

export interface ProductSearchRequest extends PageRequest {
  /** All of these words are in title, brand or SKUs; without it every product matches. */
  q?: string | undefined;
  category?: string | undefined;
  brand?: string | undefined;
  /** Minor units of SEARCH_CURRENCY, both ends included. */
  price?: { min?: number | undefined; max?: number | undefined } | undefined;
  inStock?: boolean | undefined;
  sort: ProductSort;
}

export interface ProductSearchQueries {
  /** Published products only. */
  search(request: ProductSearchRequest): Promise<Page<ProductView>>;
}
