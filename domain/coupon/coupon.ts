// A coupon: its terms, and how many orders redeem it. The stream of the code counts `limit`; one stream for each customer and
// each e-mail address counts `limitPerCustomer`. One stream decides each limit, so it holds even under concurrent checkouts. The
// stream counts with a number. It keeps ids only while their checkout runs, and while the release of a confirmed order can be
// repeated.
import type { Decider } from '../kernel/decider.js';
import { defined, sameJson } from '../kernel/json.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import type { AppliedCoupon } from '../order/events.js';
import { type CouponEvent, type CouponTerms, couponEvents } from './events.js';
import { outOfTime } from './validity.js';

/** The owner of an order: the customer, and the e-mail address that the order names. */
export interface Redeemer {
  customerId: string;
  emailKey?: string | undefined;
}

/** The scope of a count: all orders, or those of one customer or one keyed e-mail address. */
export interface CouponKey {
  code: string;
  redeemer?: string | undefined;
}

type Redemption = CouponKey & { orderId: string };

export type CouponCommand =
  | { type: 'DefineCoupon'; code: string; terms: CouponTerms }
  /** `limit`: per redeemer. The limit for everybody is in the terms. */
  | ({ type: 'RedeemCoupon'; limit?: number | undefined } & Redemption)
  /** The order goes through, so its id need not be kept. */
  | ({ type: 'ConfirmRedemption' } & Redemption)
  /**
   * `confirmed`: the order went through and was then cancelled whole. Without it only a redemption whose checkout still runs is
   * released.
   */
  | ({ type: 'ReleaseRedemption'; confirmed?: true } & Redemption);

export interface Coupon {
  /** Null until the coupon is defined, and in the stream of a redeemer. */
  terms: CouponTerms | null;
  /** Number of orders that redeem it now. */
  redeemed: number;
  /** The orders among them whose checkout has not ended. */
  inFlight: readonly string[];
  /** Confirmed orders that released it within the retry horizon. `at` is in ms of the log's clock. */
  returned: readonly { orderId: string; at: number }[];
}

export type DefinedCoupon = Coupon & { code: string; terms: CouponTerms };

export const coupon: Decider<CouponCommand, Coupon, CouponEvent> = {
  category: 'coupon',
  events: couponEvents,
  initialState: { terms: null, redeemed: 0, inFlight: [], returned: [] },
  decide,
  evolve,
  snapshot: { foldVersion: 3, every: 100 },
};

export function couponStream({ code, redeemer }: CouponKey): StreamId {
  return redeemer === undefined ? streamId('coupon', code) : streamId('coupon', code, redeemer);
}

/** The limits that an order counts against, as of its submission. */
export function limitsOf({ limit, limitPerCustomer }: CouponTerms): Omit<AppliedCoupon, 'code' | 'amount'> {
  return defined({ limited: limit !== undefined ? true : undefined, limitPerCustomer });
}

/** The counters for an order's use of a coupon. There are none if the coupon has no limit. */
export function countsOf(
  { code, limited, limitPerCustomer: limit }: AppliedCoupon,
  redeemer: Redeemer,
): (CouponKey & { limit?: number })[] {
  const total = limited ? [{ code }] : [];
  if (limit === undefined) return total;
  return [...total, ...redeemersOf(redeemer).map((one) => ({ code, redeemer: one, limit }))];
}

/** Customer and address are counted separately, so that neither gets past a limit by changing the other. */
export function redeemersOf({ customerId, emailKey }: Redeemer): string[] {
  return emailKey === undefined ? [customerId] : [customerId, emailKey];
}

type CouponRejection = Rejection<'not_found' | 'rule_violated'>;

/** Why nobody can redeem the coupon now. Undefined if it can be redeemed. */
export function couponRefusal(code: string, { terms, redeemed }: Coupon, now: number): CouponRejection | undefined {
  if (!terms) return reject('not_found', `There is no coupon ${code}.`, { coupon: code });
  const untimely = outOfTime(terms, now);
  if (untimely) return refuse(code, untimely === 'not_yet_valid' ? 'is not valid yet' : 'is no longer valid');
  return terms.limit !== undefined && redeemed >= terms.limit ? refuse(code, 'is used up') : undefined;
}

/** Why this redeemer cannot redeem the coupon once more. */
export function redeemerRefusal(
  code: string,
  { redeemed }: Pick<Coupon, 'redeemed'>,
  limit: number,
): CouponRejection | undefined {
  return redeemed >= limit ? refuse(code, `was used ${limit} times by this customer, which is the limit`) : undefined;
}

function refuse(code: string, why: string): CouponRejection {
  return reject('rule_violated', `${code} ${why}.`, { coupon: code });
}

function decide(command: CouponCommand, state: Coupon, now: number): readonly CouponEvent[] | Rejection {
  const { code } = command;
  if (command.type === 'DefineCoupon') {
    const { terms } = command;
    return sameJson(terms, state.terms) ? [] : [{ type: 'CouponDefined', data: { code, terms } }];
  }
  const { orderId, redeemer } = command;
  const data = { code, ...defined({ redeemer }), orderId };
  const isInFlight = state.inFlight.includes(orderId);
  switch (command.type) {
    case 'RedeemCoupon': {
      if (isInFlight) return [];
      const { limit } = command;
      const refusal = limit === undefined ? couponRefusal(code, state, now) : redeemerRefusal(code, state, limit);
      return refusal ?? [{ type: 'CouponRedeemed', data }];
    }
    case 'ConfirmRedemption':
      return isInFlight ? [{ type: 'CouponRedemptionConfirmed', data }] : [];
    case 'ReleaseRedemption': {
      if (!command.confirmed) return isInFlight ? [{ type: 'CouponReleased', data }] : [];
      const isReturned = state.returned.some((known) => known.orderId === orderId);
      return isReturned ? [] : [{ type: 'CouponReleased', data: { ...data, confirmed: true } }];
    }
  }
}

function evolve(state: Coupon, { type, data }: CouponEvent, at: number): Coupon {
  if (type === 'CouponDefined') return { ...state, terms: data.terms };
  const { redeemed } = state;
  const { orderId } = data;
  switch (type) {
    case 'CouponRedeemed':
      return { ...state, redeemed: redeemed + 1, inFlight: [...state.inFlight, orderId] };
    case 'CouponRedemptionConfirmed':
      return { ...state, inFlight: without(state.inFlight, orderId) };
    case 'CouponReleased': {
      const released = { ...state, redeemed: redeemed - 1, inFlight: without(state.inFlight, orderId) };
      if (!data.confirmed) return released;
      const recent = state.returned.filter((known) => known.at + RETRY_HORIZON_MS >= at);
      return { ...released, returned: [...recent, { orderId, at }] };
    }
  }
}

function without(inFlight: readonly string[], orderId: string): readonly string[] {
  return inFlight.filter((other) => other !== orderId);
}
