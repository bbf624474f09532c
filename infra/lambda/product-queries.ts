// The catalogue in MongoDB, and the pages of products in Redis.
import { documentQueries, documentSink, mongoParts } from '../modules/aws/mongodb.js';
import { cacheQueries, cacheSink } from '../modules/aws/redis.js';
import { lazy } from '../modules/parts.js';
import { apiHandler } from './api.js';

export const handler = apiHandler('product-queries', {
  ...mongoParts,
  sinks: ({ mongoServer, redisServer, admit }) =>
    lazy(() => ({ documents: documentSink(mongoServer, admit), cache: cacheSink(redisServer, admit) })),
  queriesOf: ({ mongoServer: { db }, redisServer: { redis } }) =>
    lazy(() => ({ ...documentQueries(db), ...cacheQueries(redis) }) as never),
});
