// Rate limits that each process counts on its own.
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { type Counted, mapQuotas, type Quotas, type RateLimit, type RateLimiter, WINDOW_S } from './port.js';

/** Callers or addresses that are counted at a time, for each kind of limit. */
const MAX_COUNTED_KEYS = 20_000;

export function createMemoryRateLimiter(quotas: Quotas): RateLimiter {
  const limiters = mapQuotas(quotas, (limit, points) => {
    return new RateLimiterMemory({ keyPrefix: limit, points, duration: WINDOW_S });
  });
  // A client with too many addresses gets a new count for some of them. A common count would lock out all other clients.
  const counting = mapQuotas(quotas, (limit) => {
    const dispose = (_: true, key: string, reason: string) => {
      if (reason === 'evict') void limiters[limit].delete(key);
    };
    return new LRUCache<string, true>({ max: MAX_COUNTED_KEYS, dispose });
  });
  return {
    count(limit, key) {
      counting[limit].set(key, true);
      return counted(limit, quotas[limit], () => limiters[limit].consume(key));
    },
    forgive: (limit, key) => void limiters[limit].reward(key),
  };
}

/** The library rejects with the count if the limit is exceeded, and with an error if it could not count. */
export async function counted(
  limit: RateLimit,
  quota: number,
  consume: () => Promise<RateLimiterRes>,
): Promise<Counted> {
  let isOver = false;
  const { remainingPoints, msBeforeNext } = await consume().catch((refusal: RateLimiterRes | Error) => {
    if (refusal instanceof Error) throw refusal;
    isOver = true;
    return refusal;
  });
  return { limit, quota, left: remainingPoints, resetMs: msBeforeNext, isOver };
}
