// Queries by key alone, which are the same on every store.
import { type ProductDocument, productView } from '../../projections/models/product.js';
import type { ProductPageQueries } from '../../projections/models/product-page.js';
import { type StockDocument, type StockQueries, stockView } from '../../projections/models/stock.js';
import { type UnitsSoldDocument, type UnitsSoldQueries, unitsSoldOf } from '../../projections/models/units-sold.js';

/** The documents of one read model, as its sink writes them. Rejects with `Unavailable` while the store does not answer. */
export interface Documents<D> {
  /** Missing documents and tombstones are absent. */
  load(keys: readonly string[]): Promise<Map<string, D>>;
}

export function productPageQueries(documents: Documents<ProductDocument>): ProductPageQueries {
  return {
    async byId(productId) {
      const document = (await documents.load([productId])).get(productId);
      return document && productView(document);
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
