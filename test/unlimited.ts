// Admission without limits, for tests of other parts.
import type { AdmissionDeps } from '../infra/http/admission.js';
import type { Authenticate } from '../infra/http/caller.js';
import { createMemoryRateLimiter } from '../infra/rate-limits/memory.js';
import { scaledQuotas } from '../infra/rate-limits/port.js';

export function unlimited(authenticate: Authenticate): AdmissionDeps {
  const rateLimiter = createMemoryRateLimiter(scaledQuotas(100_000));
  return { authenticate, rateLimiter, ownRateLimiter: rateLimiter, trustedProxies: [] };
}
