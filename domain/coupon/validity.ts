// When a coupon applies, told from its terms alone.
import type { CouponTerms } from './events.js';

/** `now` in ms of the log's clock. */
export function isValidAt({ validFrom, validUntil }: CouponTerms, now: number): boolean {
  return (!validFrom || now >= Date.parse(validFrom)) && (!validUntil || now < Date.parse(validUntil));
}
