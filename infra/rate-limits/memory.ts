// Rate limits that this process counts by itself.
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { type Counted, mapQuotas, type Quotas, type RateLimit, type RateLimiter, WINDOW_S } from './port.js';

/** Of each kind of limit: callers or addresses that are counted at a time. */
const MAX_COUNTED_KEYS = 20_000;

export function createMemoryRateLimiter(quotas: Quotas): RateLimiter {
  const limiters = mapQuotas(quotas, (limit, points) => {
    return new RateLimiterMemory({ keyPrefix: limit, points, duration: WINDOW_S });
  });
  // Whoever has too many addresses begins anew with some of them; to count them together would shut out everybody else.
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

/** The library rejects with the count what is above the limit, and with an error what it could not count. */
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
