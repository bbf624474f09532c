// The catalogue: every product, to be read one by one and in lists.
import type { Page, PageRequest } from './page.js';
import { type ProductDocument, type ProductView, productProjection } from './product.js';
import { filterKey } from './texts.js';

export type CatalogueDocument = ProductDocument & {
  /** One per category, in their order: categories whose keys are the same are the same. */
  categoryKeys?: string[];
};

export const catalogue = productProjection<CatalogueDocument>(
  {
    name: 'catalogue',
    version: 3,
    fields: { id: 'keyword', status: 'keyword', categoryKeys: 'keywords' },
    indexes: [
      ['status', 'id'],
      ['status', 'categoryKeys', 'id'],
    ],
  },
  (document) => ({ ...document, categoryKeys: (document.categories ?? []).map(filterKey) }),
);

export interface CategoryView {
  /** Of several spellings the one whose code points come first. */
  id: string;
  /** Published products that name it. */
  products: number;
}

export interface CatalogueQueries {
  /** Whatever its status. */
  byId(productId: string): Promise<ProductView | undefined>;
  /** Published products, by id. */
  list(request: { category?: string | undefined } & PageRequest): Promise<Page<ProductView>>;
  /** Those of published products, by name as people sort. Counted at each request: the cost grows with the catalogue. */
  categories(request: PageRequest): Promise<Page<CategoryView>>;
}
