// The queries of every read model on the engines of both profiles.
import { Client } from '@opensearch-project/opensearch';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { type Db, MongoClient } from 'mongodb';
import type { Pool } from 'pg';
import { agenda } from '../../projections/models/agenda.js';
import { alsoBought } from '../../projections/models/also-bought.js';
import { catalogue } from '../../projections/models/catalogue.js';
import { currentCarts } from '../../projections/models/current-carts.js';
import { customers } from '../../projections/models/customers.js';
import { orders } from '../../projections/models/orders.js';
import { productPage } from '../../projections/models/product-page.js';
import { productSearch } from '../../projections/models/product-search.js';
import { stock } from '../../projections/models/stock.js';
import { unitsSold } from '../../projections/models/units-sold.js';
import {
  agendaContract,
  alsoBoughtContract,
  catalogueContract,
  currentCartsContract,
  customersContract,
  ordersContract,
  productPageContract,
  productRankingContract,
  productSearchContract,
  productWordsContract,
  staffListsContract,
  stockContract,
  unitsSoldContract,
} from '../../test/contracts/read-models.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { eventually } from '../../test/running-shop.js';
import { createPool } from '../postgres.js';
import { createMongoSink } from '../sinks/mongodb.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { createPostgresSink, tableName } from '../sinks/postgres.js';
import { createRedisSink, REDIS_OPTIONS } from '../sinks/redis.js';
import { createPostgresAgenda } from './agenda.postgres.js';
import { createMongoCatalogue } from './catalogue.mongodb.js';
import { createPostgresCatalogue } from './catalogue.postgres.js';
import { createPostgresCurrentCarts } from './current-carts.postgres.js';
import { createPostgresCustomers } from './customers.postgres.js';
import { alsoBoughtQueries, productPageQueries, stockQueries, unitsSoldQueries } from './documents.js';
import { createPostgresOrders } from './orders.postgres.js';
import { postgresTable } from './postgres-documents.js';
import { createOpenSearchProductSearch } from './product-search.opensearch.js';
import { createPostgresProductSearch } from './product-search.postgres.js';
import { redisDocuments } from './redis-documents.js';
import { createPostgresWorkLists } from './work-lists.postgres.js';

/** The same read model under a new name, so that each test starts without data. */
function fresh<P extends { name: string }>(projection: P): P {
  return { ...projection, name: freshName(projection.name) };
}

describeWith('postgres', 'Read models in Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
  });
  after(() => pool.end());

  const open =
    <P extends { name: string }, Q>(model: P, queriesOf: (projection: P) => Q) =>
    () => {
      const projection = fresh(model);
      return { sink: createPostgresSink(pool), projection, queries: queriesOf(projection) };
    };

  describe('The orders', () => ordersContract(open(orders, (model) => createPostgresOrders(pool, model))));
  describe('The lists of staff', () =>
    staffListsContract(
      open(orders, (model) => ({
        orders: createPostgresOrders(pool, model),
        workLists: createPostgresWorkLists(pool, model),
      })),
    ));
  describe('The stock', () => stockContract(open(stock, (model) => stockQueries(postgresTable(pool, model)))));
  describe('The agenda', () => agendaContract(open(agenda, (model) => createPostgresAgenda(pool, model))));
  describe('The current carts', () =>
    currentCartsContract(open(currentCarts, (model) => createPostgresCurrentCarts(pool, model))));
  describe('The customers', () => customersContract(open(customers, (model) => createPostgresCustomers(pool, model))));
  describe('The catalogue', () => catalogueContract(open(catalogue, (model) => createPostgresCatalogue(pool, model))));
  describe('The product search', () => {
    const opened = open(productSearch, (model) => createPostgresProductSearch(pool, model));
    productSearchContract(opened);
    productWordsContract(opened);
    productRankingContract(opened);

    it('has an index for each requested currency, however many callers request it at once', async () => {
      const { sink, projection } = opened();
      const table = tableName(projection);
      await sink.open([projection]);
      const searches = [0, 1, 2].map(() => createPostgresProductSearch(pool, projection));
      await Promise.all(
        ['JPY', 'JPY', 'BHD'].flatMap((currency) =>
          searches.map((queries) => queries.search({ sort: 'price', currency, limit: 1 })),
        ),
      );
      // The searches do not wait for them.
      await eventually('they are created', async () => {
        const { rows } = await pool.query('select indexname from pg_indexes where tablename = $1', [table]);
        const names = rows.map(({ indexname }) => indexname).filter((name) => name.startsWith(`${table}_price`));
        expect(names).to.have.members([`${table}_price_jpy`, `${table}_price_bhd`]);
      });
    });
  });
  describe('The product page', () =>
    productPageContract(open(productPage, (model) => productPageQueries(postgresTable(pool, model)))));
  describe('What is bought together', () =>
    alsoBoughtContract(open(alsoBought, (model) => alsoBoughtQueries(postgresTable(pool, model)))));
  describe('Units sold', () =>
    unitsSoldContract(open(unitsSold, (model) => unitsSoldQueries(postgresTable(pool, model)))));
});

describeWith('mongodb', 'Read models in MongoDB', (engines) => {
  let client: MongoClient;
  let db: Db;
  before(async () => {
    client = await MongoClient.connect(engines.mongodb());
    db = client.db(freshName('read_models'));
  });
  after(() => client?.close());

  describe('The catalogue', () =>
    catalogueContract(() => {
      const projection = fresh(catalogue);
      return { sink: createMongoSink(db), projection, queries: createMongoCatalogue(db, projection) };
    }));
});

describeWith('opensearch', 'Read models in OpenSearch', (engines) => {
  let client: Client;
  before(() => {
    client = new Client({ node: engines.opensearch() });
  });
  after(() => client?.close());

  describe('The product search', () => {
    const open = () => {
      const projection = fresh(productSearch);
      const queries = createOpenSearchProductSearch(client, projection);
      return { sink: createOpenSearchSink(client), projection, queries };
    };
    productSearchContract(open);
    productWordsContract(open);
    productRankingContract(open);
  });
});

describeWith('redis', 'Read models in Redis', (engines) => {
  let redis: Redis;
  before(() => {
    redis = new Redis(engines.redis(), REDIS_OPTIONS);
  });
  after(() => redis?.disconnect());

  describe('The product page', () =>
    productPageContract(() => {
      const projection = fresh(productPage);
      const queries = productPageQueries(redisDocuments(redis, projection));
      return { sink: createRedisSink(redis), projection, queries };
    }));

  describe('What is bought together', () =>
    alsoBoughtContract(() => {
      const projection = fresh(alsoBought);
      const queries = alsoBoughtQueries(redisDocuments(redis, projection));
      return { sink: createRedisSink(redis), projection, queries };
    }));

  describe('Units sold', () =>
    unitsSoldContract(() => {
      const projection = fresh(unitsSold);
      const queries = unitsSoldQueries(redisDocuments(redis, projection));
      return { sink: createRedisSink(redis), projection, queries };
    }));
});
