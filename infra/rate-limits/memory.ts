// Rate limits that each process counts on its own.
import { LRUCache } from 'lru-cache';
import { mapQuotas, type Quotas, type RateLimiter, WINDOW_S } from './port.js';

/** Callers or addresses that are counted at a time, for each kind of limit. */
const MAX_COUNTED_KEYS = 20_000;

interface Window {
  requests: number;
  /** A time of `now`. */
  endsAt: number;
}

/** `now`: milliseconds from an arbitrary start. */
export function createMemoryRateLimiter(quotas: Quotas, now: () => number = () => performance.now()): RateLimiter {
  // A client with too many addresses gets a new count for some of them. A common count would lock out all other clients.
  const windows = mapQuotas(quotas, () => new LRUCache<string, Window>({ max: MAX_COUNTED_KEYS }));
  return {
    async count(limit, key) {
      const at = now();
      const quota = quotas[limit];
      let window = windows[limit].get(key);
      if (!window || window.endsAt <= at) {
        window = { requests: 0, endsAt: at + WINDOW_S * 1000 };
        windows[limit].set(key, window);
      }
      window.requests += 1;
      const left = Math.max(0, quota - window.requests);
      return { limit, quota, left, resetMs: window.endsAt - at, isOver: window.requests > quota };
    },
    forgive(limit, key) {
      const window = windows[limit].get(key);
      if (window && window.requests > 0) window.requests -= 1;
    },
  };
}
