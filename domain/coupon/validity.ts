// The validity of a coupon, from its terms alone.
import type { CouponTerms } from './events.js';

/** Undefined while the coupon is valid. `now` is in ms of the log's clock. */
export function outOfTime(
  { validFrom, validUntil }: CouponTerms,
  now: number,
): 'not_yet_valid' | 'no_longer_valid' | undefined {
  if (validFrom && now < Date.parse(validFrom)) return 'not_yet_valid';
  return validUntil && now >= Date.parse(validUntil) ? 'no_longer_valid' : undefined;
}
