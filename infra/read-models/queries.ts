// The queries of all read models, whatever stores they live in.
import type { CatalogueQueries } from '../../projections/models/catalogue.js';
import type { OpenCheckoutQueries } from '../../projections/models/open-checkouts.js';
import type { OrderQueries } from '../../projections/models/orders.js';
import type { ProductPageQueries } from '../../projections/models/product-page.js';
import type { ProductSearchQueries } from '../../projections/models/product-search.js';
import type { StockQueries } from '../../projections/models/stock.js';
import type { UnitsSoldQueries } from '../../projections/models/units-sold.js';

export interface Queries {
  orders: OrderQueries;
  stock: StockQueries;
  openCheckouts: OpenCheckoutQueries;
  catalogue: CatalogueQueries;
  productSearch: ProductSearchQueries;
  productPage: ProductPageQueries;
  unitsSold: UnitsSoldQueries;
}
