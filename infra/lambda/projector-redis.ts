// Keeps product pages and units sold up to date in Redis.
import { redisParts } from '../modules/aws/redis.js';
import { lazy } from '../modules/parts.js';
import { createRedisSink } from '../sinks/redis.js';
import { projectorHandler } from './projector.js';

export const handler = projectorHandler({
  ...redisParts,
  ownStores: ({ redisServer }) => lazy(() => [redisServer.store]),
  sinks: ({ redis }) => lazy(() => ({ cache: createRedisSink(redis) })),
});
