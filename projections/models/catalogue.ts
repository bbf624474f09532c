// The catalogue: every product, to be read one by one and in lists.
import type { Page, PageRequest } from './page.js';
import { type ProductView, productProjection } from './product.js';

export const catalogue = productProjection({
  name: 'catalogue',
  fields: { id: 'keyword', status: 'keyword', categories: 'keywords' },
  indexes: [
    ['status', 'id'],
    ['status', 'categories', 'id'],
  ],
});

export interface CategoryView {
  id: string;
  /** Published products that name it. */
  products: number;
}

export interface CatalogueQueries {
  /** Whatever its status. */
  byId(productId: string): Promise<ProductView | undefined>;
  /** Published products, by id. */
  list(request: { category?: string | undefined } & PageRequest): Promise<Page<ProductView>>;
  /** Those of published products, by name. Counted at each request: the cost grows with the catalogue. */
  categories(request: PageRequest): Promise<Page<CategoryView>>;
}
