// All stores of read models, for the functions that look after all of them.

import { documentQueries, mongoParts } from '../modules/aws/mongodb.js';
import { openSearchParts, searchQueries } from '../modules/aws/opensearch.js';
import { relationalQueries } from '../modules/aws/postgres.js';
import { cacheQueries, redisParts } from '../modules/aws/redis.js';
import { lazy } from '../modules/parts.js';
import { createMongoSink } from '../sinks/mongodb.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { createRedisSink } from '../sinks/redis.js';
import { postgresStore } from '../stores/postgres-stores.js';
import type { FunctionRecipes } from './open.js';
import { postgresParts } from './relational.js';

export const everyStoreParts = {
  ...postgresParts,
  ...mongoParts,
  ...openSearchParts,
  ...redisParts,

  ownStores: ({ postgresServer: { pool, engine, schemas }, mongoServer, openSearchServer, redisServer }) =>
    lazy(() => [
      postgresStore(pool, engine.address, schemas.readModels),
      mongoServer.store,
      openSearchServer.store,
      redisServer.store,
    ]),

  sinks: ({ postgres: { pool }, mongo, opensearch, redis, config: { namespace } }) =>
    lazy(() => ({
      relational: createPostgresSink(pool),
      documents: createMongoSink(mongo),
      search: createOpenSearchSink(opensearch, { prefix: `${namespace}-` }),
      cache: createRedisSink(redis),
    })),

  queriesOf: ({ postgres: { pool }, mongo, opensearch, redis, config: { namespace } }) =>
    lazy(() => ({
      ...relationalQueries(pool),
      ...documentQueries(mongo),
      ...searchQueries(opensearch, namespace),
      ...cacheQueries(redis),
    })),
} satisfies FunctionRecipes;
