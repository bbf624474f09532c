// The catalogue in MongoDB, and the pages of products in Redis.
import { documentQueries, mongoParts } from '../modules/aws/mongodb.js';
import { cacheQueries } from '../modules/aws/redis.js';
import { lazy } from '../modules/parts.js';
import { createMongoSink } from '../sinks/mongodb.js';
import { createRedisSink } from '../sinks/redis.js';
import { apiHandler } from './api.js';

export const handler = apiHandler('product-queries', {
  ...mongoParts,
  ownStores: ({ mongoServer, redisServer }) => lazy(() => [mongoServer.store, redisServer.store]),
  sinks: ({ mongo, redis }) => lazy(() => ({ documents: createMongoSink(mongo), cache: createRedisSink(redis) })),
  queriesOf: ({ mongo, redis }) => lazy(() => ({ ...documentQueries(mongo), ...cacheQueries(redis) }) as never),
});
