// Rate limits that this process counts by itself.
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import type { Counted, Quotas, RateLimit, RateLimiter } from './port.js';
import { WINDOW_S } from './port.js';

export function createMemoryRateLimiter(quotas: Quotas): RateLimiter {
  const limiters = mapQuotas(quotas, (limit, points) => {
    return new RateLimiterMemory({ keyPrefix: limit, points, duration: WINDOW_S });
  });
  return {
    count: (limit, key) => counted(limit, quotas[limit], () => limiters[limit].consume(key)),
    forgive: (limit, key) => void limiters[limit].reward(key),
  };
}

export function mapQuotas<T>(quotas: Quotas, make: (limit: RateLimit, quota: number) => T): Record<RateLimit, T> {
  const made = Object.entries(quotas).map(([limit, quota]) => [limit, make(limit as RateLimit, quota)]);
  return Object.fromEntries(made) as Record<RateLimit, T>;
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
