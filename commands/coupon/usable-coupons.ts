// Checks whether a customer can use a coupon now. The streams that count the coupon decide later, when the order redeems it. A
// coupon costs one read. A coupon limited per customer costs one more for the customer, and one for the e-mail address if there
// is one.
import type { CartCoupon } from '../../domain/cart/cart.js';
import {
  coupon as couponDecider,
  couponRefusal,
  couponStream,
  type Redeemer,
  redeemerRefusal,
  redeemersOf,
} from '../../domain/coupon/coupon.js';
import type { CouponTerms } from '../../domain/coupon/events.js';
import type { Clock } from '../../domain/kernel/clock.js';
import { sameJson } from '../../domain/kernel/json.js';
import { isRejection, type Rejection, reject } from '../../domain/kernel/rejection.js';
import type { States } from '../../domain/kernel/states.js';
import { couponCodeSchema } from '../../domain/order/events.js';

export interface UsableCoupons {
  /** A rejection says why the customer cannot use it now. */
  termsOf(code: string, redeemer: Redeemer): Promise<CouponTerms | CouponRejection>;
  /** The reason why a coupon of a cart cannot be used now. Changed terms are one. */
  check(coupons: readonly CartCoupon[], redeemer: Redeemer): Promise<CouponRejection | undefined>;
}

export type CouponRejection = Rejection<'rule_violated'>;

export interface UsableCouponsDeps {
  runner: States;
  clock: Clock;
}

export function createUsableCoupons({ runner, clock }: UsableCouponsDeps): UsableCoupons {
  async function termsOf(code: string, redeemer: Redeemer, mend = ''): Promise<CouponTerms | CouponRejection> {
    if (!couponCodeSchema.safeParse(code).success) return refuse(code, `There is no coupon ${code}.`);
    const { state } = await runner.load(couponDecider, couponStream({ code }));
    const { terms } = state;
    if (!terms) return refuse(code, `There is no coupon ${code}.${mend}`);
    const refusal = couponRefusal(code, state, clock()) ?? (await overuse(code, terms, redeemer));
    return refusal ? refuse(code, refusal.detail + mend) : terms;
  }

  async function overuse(
    code: string,
    { limitPerCustomer }: CouponTerms,
    redeemer: Redeemer,
  ): Promise<Rejection | undefined> {
    if (limitPerCustomer === undefined) return undefined;
    const streams = redeemersOf(redeemer).map((one) => couponStream({ code, redeemer: one }));
    const counts = await Promise.all(streams.map((stream) => runner.load(couponDecider, stream)));
    return counts.map(({ state }) => redeemerRefusal(code, state, limitPerCustomer)).find(Boolean);
  }

  return {
    termsOf: (code, redeemer) => termsOf(code, redeemer),
    async check(coupons, redeemer) {
      const rejections = await Promise.all(
        coupons.map(async ({ code, terms }) => {
          const now = await termsOf(code, redeemer, ' Remove it from the cart.');
          if (isRejection(now)) return now;
          if (sameJson(now, terms)) return undefined;
          return refuse(code, `${code} has new terms: apply it again, or remove it.`);
        }),
      );
      return rejections.find(Boolean);
    },
  };
}

function refuse(coupon: string, detail: string): CouponRejection {
  return reject('rule_violated', detail, { coupon });
}
