// Redis, which has product pages and rate limits of the profile `aws`: first as a server that answers, then with this shop's data.
import type { Redis } from 'ioredis';
import { createBrowsingStore } from '../../browsing/texts.js';
import { createRedisTexts } from '../../browsing/texts-redis.js';
import { createRedisRateLimiter } from '../../rate-limits/redis.js';
import { alsoBoughtQueries, productPageQueries } from '../../read-models/documents.js';
import { redisDocuments } from '../../read-models/redis-documents.js';
import { createRedisClient, duplicateOf } from '../../redis.js';
import { redisProbe, redisReadModels } from '../../stores/redis-store.js';
import type { Store } from '../../stores/store.js';
import { lazy, type Parts, type ProfileParts, type QueriesOf, type Recipes } from '../parts.js';
import { type Engine, PING_TIMEOUT_MS } from '../reachable.js';
import { required, serverOf } from './servers.js';

export interface RedisParts {
  redisServer: { redis: Redis; engine: Engine; store: Store };
  redis: Redis;
}

export const redisParts = {
  redisServer: ({ config: { namespace, redisCluster: isCluster }, addresses, lifecycle, log, untilReachable }) =>
    lazy(async () => {
      const url = required(addresses, 'redisUrl');
      const redis = createRedisClient({ url, isCluster, keyPrefix: `${namespace}:` });
      redis.on('error', (error) => log.warn({ err: error }, 'the connection to Redis was lost'));
      lifecycle.onClose(() => redis.disconnect());
      const engine = serverOf('Redis', url, redisProbe(redis, PING_TIMEOUT_MS));
      await untilReachable(engine);
      return { redis, engine, store: redisReadModels(redis, engine.address) };
    }),

  redis: ({ redisServer: { redis }, claimed: _ }) => lazy(() => redis),

  browsing: ({ redis }) => lazy(() => createBrowsingStore(createRedisTexts(redis))),

  rateLimiter: ({ redis, config: { quotas }, lifecycle }) =>
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
