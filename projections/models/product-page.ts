// The page of one product: what `GET /v1/products/{id}` answers, by one key read.
import { type ProductView, productProjection } from './product.js';

export const productPage = productProjection({ name: 'product-page', version: 3, fields: {} });

export interface ProductPageQueries {
  /** Whatever its status. */
  byId(productId: string): Promise<ProductView | undefined>;
}
