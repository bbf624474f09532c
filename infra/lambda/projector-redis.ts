// Keeps product pages and units sold up to date in Redis.
import { cacheSink, redisParts } from '../modules/aws/redis.js';
import { lazy } from '../modules/parts.js';
import { projectorHandler } from './projector.js';

export const handler = projectorHandler({
  ...redisParts,
  sinks: ({ redisServer, admit }) => lazy(() => ({ cache: cacheSink(redisServer, admit) })),
});
