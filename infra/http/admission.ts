// Authenticates the caller and applies rate limits to the caller and the address. A token must be valid even on public endpoints,
// so that an expired token always gives the same error.
import type { Request, Response } from 'express';
import type { Caller, Endpoint } from '../../domain/kernel/endpoint.js';
import type { Counted, RateLimit, RateLimiter } from '../rate-limits/port.js';
import { WINDOW_S } from '../rate-limits/port.js';
import { type AddressRanges, clientAddressOf } from './addresses.js';
import { ANONYMOUS, type Authenticate, unauthenticated } from './caller.js';
import { contextOf } from './context.js';
import { bearerTokenOf } from './headers.js';
import { HttpProblem } from './problems.js';

export interface AdmissionDeps {
  authenticate: Authenticate;
  /** Counts over all processes. */
  rateLimiter: RateLimiter;
  /** Counts in this process only, and limits its own work. */
  ownRateLimiter: RateLimiter;
  trustedProxies: AddressRanges;
}

/** Throws `unauthenticated`, `rate_limited`. */
export type Admit = (req: Request, res: Response, endpoint: Pick<Endpoint, 'limit' | 'signedBy'>) => Promise<Caller>;

export function createAdmission(deps: AdmissionDeps): Admit {
  const { authenticate, rateLimiter, ownRateLimiter, trustedProxies } = deps;

  /** Limits the failed signature checks of one address. */
  async function callerOf(token: string, address: string): Promise<Caller> {
    const attempt = await ownRateLimiter.count('invalid-token', address);
    if (attempt.isOver) throw rateLimited([attempt]);
    const caller = token && (await authenticate(token));
    if (!caller) throw unauthenticated('The access token is malformed, forged or expired.', ', error="invalid_token"');
    ownRateLimiter.forgive('invalid-token', address);
    return caller;
  }

  return async (req, res, { limit, signedBy }) => {
    const address = clientAddressOf(req, trustedProxies);
    contextOf(res).address = address;
    const token = bearerTokenOf(req.headers);
    const caller = token === undefined ? ANONYMOUS : await callerOf(token, address);
    const key = caller === ANONYMOUS ? address : `${caller.role} ${caller.id}`;
    const counts: [RateLimit, string][] = limit ? [[limit, address]] : [];
    if (!signedBy) counts.push(['caller', key]);
    const all = await Promise.all(counts.map(([counted, of]) => rateLimiter.count(counted, of)));
    contextOf(res).rateLimits = headersOf(all);
    if (all.some(({ isOver }) => isOver)) throw rateLimited(all);
    return caller;
  };
}

/** What a limit counts for. All others count for the address of a client. */
const WHO: Partial<Record<RateLimit, string>> = {
  caller: 'one caller',
  attempt: 'one address for one account',
  account: 'all addresses for one account',
  mail: 'all addresses for one e-mail address',
};

/** Needs at least one that is over. */
export function rateLimited(all: readonly Counted[]): HttpProblem {
  const over = all.filter(({ isOver }) => isOver);
  const [{ limit, quota }] = over as [Counted];
  const retryAfter = Math.max(...over.map(secondsLeft));
  const who = WHO[limit] ?? 'one address';
  const detail = `More than ${quota} requests of the kind \`${limit}\` by ${who} within ${WINDOW_S} s; retry in ${retryAfter} s.`;
  return new HttpProblem('rate_limited', detail, { ...headersOf(all), 'Retry-After': String(retryAfter) });
}

/** The headers of the IETF draft "RateLimit header fields for HTTP". */
function headersOf(all: readonly Counted[]): Record<string, string> {
  return {
    'RateLimit-Policy': all.map(({ limit, quota }) => `"${limit}";q=${quota};w=${WINDOW_S}`).join(', '),
    RateLimit: all.map((counted) => `"${counted.limit}";r=${counted.left};t=${secondsLeft(counted)}`).join(', '),
  };
}

function secondsLeft({ resetMs }: Counted): number {
  return Math.max(1, Math.ceil(resetMs / 1000));
}
