// The queries of the profile `aws`: each read model in the kind of store that suits it.
import type { Client } from '@opensearch-project/opensearch';
import type { Redis } from 'ioredis';
import type { Db } from 'mongodb';
import type { Pool } from 'pg';
import { productPage } from '../../projections/models/product-page.js';
import { stock } from '../../projections/models/stock.js';
import { unitsSold } from '../../projections/models/units-sold.js';
import { createMongoCatalogue } from './catalogue.mongodb.js';
import { productPageQueries, stockQueries, unitsSoldQueries } from './documents.js';
import { createPostgresOpenCheckouts } from './open-checkouts.postgres.js';
import { createPostgresOrders } from './orders.postgres.js';
import { postgresTable } from './postgres.js';
import { createOpenSearchProductSearch } from './product-search.opensearch.js';
import type { Queries } from './queries.js';
import { redisDocuments } from './redis.js';

export interface AwsStores {
  pool: Pool;
  mongo: Db;
  opensearch: Client;
  redis: Redis;
}

export function awsQueries({ pool, mongo, opensearch, redis }: AwsStores): Queries {
  return {
    orders: createPostgresOrders(pool),
    stock: stockQueries(postgresTable(pool, stock)),
    openCheckouts: createPostgresOpenCheckouts(pool),
    catalogue: createMongoCatalogue(mongo),
    productSearch: createOpenSearchProductSearch(opensearch),
    productPage: productPageQueries(redisDocuments(redis, productPage)),
    unitsSold: unitsSoldQueries(redisDocuments(redis, unitsSold)),
  };
}
