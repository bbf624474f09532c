// The catalogue: every product, for lists and categories.
import type { Page, PageRequest } from './page.js';
import { type ProductDocument, type ProductView, productProjection } from './product.js';
import { filterKey } from './texts.js';

export type CatalogueDocument = ProductDocument & {
  /** One key per category, in the order of the categories. Categories with the same key are the same category. */
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
  /** If there are several spellings, the first one by code points. */
  id: string;
  /** Number of published products in this category. */
  products: number;
}

export interface CatalogueQueries {
  /** Published products, ordered by id. */
  list(request: { category?: string | undefined } & PageRequest): Promise<Page<ProductView>>;
  /** Categories of published products, sorted by name. They are counted at each request, so the cost grows with the catalogue. */
  categories(request: PageRequest): Promise<Page<CategoryView>>;
}
