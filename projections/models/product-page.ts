// The page of one product, which `GET /v1/products/{id}` answers with one key read.
import { type ProductView, productProjection } from './product.js';

export const productPage = productProjection({ name: 'product-page', version: 3, fields: {} });

export interface ProductPageQueries {
  /** Finds products of any status. */
  byId(productId: string): Promise<ProductView | undefined>;
}
