// The queries of the profile `embedded`: everything in Postgres.
import type { Pool } from 'pg';
import { productPage } from '../../projections/models/product-page.js';
import { stock } from '../../projections/models/stock.js';
import { unitsSold } from '../../projections/models/units-sold.js';
import { createPostgresCatalogue } from './catalogue.postgres.js';
import { productPageQueries, stockQueries, unitsSoldQueries } from './documents.js';
import { createPostgresOpenCheckouts } from './open-checkouts.postgres.js';
import { createPostgresOrders } from './orders.postgres.js';
import { postgresTable } from './postgres.js';
import { createPostgresProductSearch } from './product-search.postgres.js';
import type { Queries } from './queries.js';

export function embeddedQueries(pool: Pool): Queries {
  return {
    orders: createPostgresOrders(pool),
    stock: stockQueries(postgresTable(pool, stock)),
    openCheckouts: createPostgresOpenCheckouts(pool),
    catalogue: createPostgresCatalogue(pool),
    productSearch: createPostgresProductSearch(pool),
    productPage: productPageQueries(postgresTable(pool, productPage)),
    unitsSold: unitsSoldQueries(postgresTable(pool, unitsSold)),
  };
}
