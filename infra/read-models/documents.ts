// Queries by key alone, which are the same on every store.
import {
  type AlsoBoughtDocument,
  type AlsoBoughtQueries,
  partnersOf,
  sellingIn,
  TRENDING_KEYS,
} from '../../projections/models/also-bought.js';
import { type ProductDocument, productView } from '../../projections/models/product.js';
import type { ProductPageQueries } from '../../projections/models/product-page.js';
import { type StockDocument, type StockQueries, stockView } from '../../projections/models/stock.js';
import { type UnitsSoldDocument, type UnitsSoldQueries, unitsSoldOf } from '../../projections/models/units-sold.js';
import { keptViews } from './kept-views.js';

/** SKUs that are looked up for each product that is asked for: some belong to one product, others to none any more. */
const SKUS_PER_PRODUCT = 2;

/** The documents of one read model, as its sink writes them. Rejects with `Unavailable` while the store does not answer. */
export interface Documents<D> {
  /** Missing documents and tombstones are absent. `read` makes something else of the JSON text of each document. */
  load<T = D>(keys: readonly string[], read?: (json: string) => T | undefined): Promise<Map<string, T>>;
}

export function productPageQueries(documents: Documents<ProductDocument>): ProductPageQueries {
  const viewOf = keptViews(productView);
  return { byId: async (productId) => (await documents.load([productId], viewOf)).get(productId) };
}

export function alsoBoughtQueries(documents: Documents<AlsoBoughtDocument>): AlsoBoughtQueries {
  /** The products of the SKUs, each once, without those of `but`. */
  async function productsOf(skus: readonly string[], limit: number, but: readonly string[] = []): Promise<string[]> {
    const found = await documents.load([...skus, ...but]);
    const productOf = (sku: string) => found.get(sku)?.productId ?? [];
    const left = new Set(but.flatMap(productOf));
    return [...new Set(skus.flatMap(productOf))].filter((id) => !left.has(id)).slice(0, limit);
  }

  return {
    async boughtWith(skus, limit) {
      const found = await documents.load(skus);
      return productsOf(partnersOf([...found.values()], limit * SKUS_PER_PRODUCT), limit, skus);
    },
    async selling(limit) {
      const found = await documents.load(TRENDING_KEYS);
      return productsOf(sellingIn([...found.values()], limit * SKUS_PER_PRODUCT), limit);
    },
  };
}

export function stockQueries(documents: Documents<StockDocument>): StockQueries {
  return {
    async bySku(sku) {
      const document = (await documents.load([sku])).get(sku);
      return document && stockView(document);
    },
  };
}

export function unitsSoldQueries(documents: Documents<UnitsSoldDocument>): UnitsSoldQueries {
  return {
    async of(skus) {
      const found = await documents.load(skus);
      return new Map([...found].map(([sku, document]) => [sku, unitsSoldOf(document)]));
    },
  };
}
