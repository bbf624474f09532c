// Counts attempts on accounts, beside the limits that every request counts for.
import type { Attempts } from '../../commands/identity/ports.js';
import { rateLimited } from '../http/admission.js';
import type { RateLimiter } from './port.js';

export function createAttempts(rateLimiter: Pick<RateLimiter, 'count'>): Attempts {
  return {
    async count(limit, key) {
      const counted = await rateLimiter.count(limit, key);
      if (counted.isOver) throw rateLimited([counted]);
    },
  };
}
