// Limits on the requests that one caller or address may make in a minute.
import {
  ACCOUNT_ATTEMPTS_PER_MINUTE,
  ATTEMPTS_PER_MINUTE,
  COUPONS_PER_MINUTE,
  EXPORTS_PER_MINUTE,
  INVALID_TOKENS_PER_MINUTE,
  LOGINS_PER_MINUTE,
  MAILS_PER_MINUTE,
  REQUESTS_PER_MINUTE,
  SESSIONS_PER_MINUTE,
  WEBHOOKS_PER_MINUTE,
} from '../http/limits.js';

export const WINDOW_S = 60;

/** The quotas without other configuration. */
export const DEFAULT_QUOTAS = {
  session: SESSIONS_PER_MINUTE,
  login: LOGINS_PER_MINUTE,
  attempt: ATTEMPTS_PER_MINUTE,
  account: ACCOUNT_ATTEMPTS_PER_MINUTE,
  mail: MAILS_PER_MINUTE,
  coupon: COUPONS_PER_MINUTE,
  export: EXPORTS_PER_MINUTE,
  webhook: WEBHOOKS_PER_MINUTE,
  'invalid-token': INVALID_TOKENS_PER_MINUTE,
  caller: REQUESTS_PER_MINUTE,
};

export type RateLimit = keyof typeof DEFAULT_QUOTAS;

export type Quotas = Readonly<Record<RateLimit, number>>;

/** A quota is at least 1, so that no scale disables a limit. */
export function scaledQuotas(scale: number, quotas: Quotas = DEFAULT_QUOTAS): Quotas {
  return mapQuotas(quotas, (_, quota) => Math.max(1, Math.round(quota * scale)));
}

export function mapQuotas<T>(quotas: Quotas, make: (limit: RateLimit, quota: number) => T): Record<RateLimit, T> {
  const made = Object.entries(quotas).map(([limit, quota]) => [limit, make(limit as RateLimit, quota)]);
  return Object.fromEntries(made) as Record<RateLimit, T>;
}

export interface Counted {
  limit: RateLimit;
  quota: number;
  left: number;
  /** Time until the count starts again. */
  resetMs: number;
  isOver: boolean;
}

export interface RateLimiter {
  /** Counts one request of `key` and returns the current count. */
  count(limit: RateLimit, key: string): Promise<Counted>;
  /** Takes back one recent count. Only for counts of this process. */
  forgive(limit: RateLimit, key: string): void;
}
