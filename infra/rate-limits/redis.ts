// Rate limits that all processes count together in Redis. If Redis does not answer, requests neither fail nor wait: each process
// counts on its own for a while.
import type { Redis, RedisOptions } from 'ioredis';
import { RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import { createMemoryRateLimiter } from './memory.js';
import { type Counted, mapQuotas, type Quotas, type RateLimit, type RateLimiter, WINDOW_S } from './port.js';

/** If Redis does not answer within this time, it counts as away. */
const COUNT_TIMEOUT_MS = 100;

/** Time until it is asked again. */
const AWAY_MS = 5_000;

export function createRedisRateLimiter(
  redis: { duplicate(options: RedisOptions): Redis },
  quotas: Quotas,
  countTimeoutMs = COUNT_TIMEOUT_MS,
): RateLimiter & { close(): void } {
  // All counts of one request are sent in one write.
  const storeClient = redis.duplicate({
    commandTimeout: countTimeoutMs,
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  });
  storeClient.on('error', () => {}); // the client of the read models reports errors
  const own = createMemoryRateLimiter(quotas);
  const shared = mapQuotas(quotas, (limit, points) => {
    const keyPrefix = `rate-limit:${limit}`;
    // A key that is known to be above its limit is rejected without a request to Redis.
    const inMemory = { inMemoryBlockOnConsumed: points + 1 };
    return new RateLimiterRedis({ storeClient, keyPrefix, points, duration: WINDOW_S, ...inMemory });
  });
  let awayUntil = 0;

  return {
    async count(limit, key) {
      if (storeClient.status !== 'ready' || performance.now() < awayUntil) return own.count(limit, key);
      try {
        return await counted(limit, quotas[limit], () => shared[limit].consume(key));
      } catch {
        awayUntil = performance.now() + AWAY_MS;
        return own.count(limit, key);
      }
    },
    forgive: own.forgive,
    close: () => storeClient.disconnect(),
  };
}

/** The library rejects with the count if the limit is exceeded, and with an error if it could not count. */
async function counted(limit: RateLimit, quota: number, consume: () => Promise<RateLimiterRes>): Promise<Counted> {
  let isOver = false;
  const { remainingPoints, msBeforeNext } = await consume().catch((refusal: RateLimiterRes | Error) => {
    if (refusal instanceof Error) throw refusal;
    isOver = true;
    return refusal;
  });
  return { limit, quota, left: remainingPoints, resetMs: msBeforeNext, isOver };
}
