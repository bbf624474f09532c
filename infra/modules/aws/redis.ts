// Redis, which has product pages and rate limits of the profile `aws`.

import type { Redis } from 'ioredis';
import type { Sink } from '../../../projections/runtime/sink.js';
import { createBrowsingStore } from '../../browsing/texts.js';
import { createRedisTexts } from '../../browsing/texts-redis.js';
import { createRedisRateLimiter } from '../../rate-limits/redis.js';
import { alsoBoughtQueries, productPageQueries } from '../../read-models/documents.js';
import { redisDocuments } from '../../read-models/redis-documents.js';
import { createRedisClient, duplicateOf } from '../../redis.js';
import { untilDone } from '../../retry.js';
import { createRedisSink } from '../../sinks/redis.js';
import { redisProbe, redisReadModels } from '../../stores/redis-store.js';
import { lazy, type Parts, type ProfileParts, type QueriesOf, type ReadModelServer, type Recipes } from '../parts.js';
import { PING_TIMEOUT_MS } from '../reachable.js';
import { admitted, required, serverOf } from './servers.js';

export interface RedisParts {
  redisServer: ReadModelServer & { redis: Redis };
}

export const redisParts = {
  redisServer: ({ config: { namespace, redisCluster: isCluster }, addresses, lifecycle, log }) =>
    lazy(async () => {
      const url = required(addresses, 'redisUrl');
      const redis = createRedisClient({ url, isCluster, keyPrefix: `${namespace}:` });
      redis.on('error', (error) => log.warn({ err: error }, 'the connection to Redis was lost'));
      lifecycle.onClose(() => redis.disconnect());
      const engine = serverOf('Redis', url, redisProbe(redis, PING_TIMEOUT_MS));
      return { redis, engine, store: redisReadModels(redis, engine.address) };
    }),

  browsing: ({ redisServer, admit }) =>
    lazy(() =>
      createBrowsingStore(createRedisTexts(redisServer.redis, { admitted: untilDone(() => admit(redisServer)) })),
    ),

  rateLimiter: ({ redisServer: { redis }, config: { quotas }, lifecycle }) =>
    lazy(() => {
      const limiter = createRedisRateLimiter({ duplicate: (options) => duplicateOf(redis, options) }, quotas);
      lifecycle.onClose(limiter.close);
      return limiter;
    }),
} satisfies Recipes<RedisParts & Pick<ProfileParts, 'rateLimiter' | 'browsing'>, Parts & RedisParts>;

export function cacheQueries(redis: Redis): Pick<QueriesOf, 'productPage' | 'alsoBought'> {
  return {
    productPage: (build) => productPageQueries(redisDocuments(redis, build)),
    alsoBought: (build) => alsoBoughtQueries(redisDocuments(redis, build)),
  };
}

export function cacheSink(server: RedisParts['redisServer'], admit: Parts['admit']): Sink {
  return admitted(createRedisSink(server.redis), server, admit);
}
