// A coupon: its terms, and how many orders redeem it. `limit` is counted by the stream of the code; `limitPerCustomer` by a stream
// for each customer and each e-mail address that uses the code. Each limit has one stream that decides, so it holds however
// many check out at once. What is counted is a number: ids are kept while their checkout runs, and for as long as what a
// confirmed order gave back can be repeated.
import type { Decider } from '../kernel/decider.js';
import { sameJson } from '../kernel/json.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import type { AppliedCoupon } from '../order/events.js';
import { type CouponEvent, type CouponTerms, couponEvents } from './events.js';
import { outOfTime } from './validity.js';

/** Whose order it is: by customer, and by the e-mail address that the order names. */
export interface Redeemer {
  customerId: string;
  emailKey?: string | undefined;
}

/** What is counted: the orders of everybody, or those of one customer or one keyed e-mail address. */
export interface CouponKey {
  code: string;
  redeemer?: string | undefined;
}

type Redemption = CouponKey & { orderId: string };

export type CouponCommand =
  | { type: 'DefineCoupon'; code: string; terms: CouponTerms }
  /** `limit`: for one redeemer. That for everybody stands in the terms. */
  | ({ type: 'RedeemCoupon'; limit?: number | undefined } & Redemption)
  /** Its order goes through, so its id need not be kept. */
  | ({ type: 'ConfirmRedemption' } & Redemption)
  /** `confirmed`: its order went through, and all of it was cancelled. Without it only what is in flight is given back. */
  | ({ type: 'ReleaseRedemption'; confirmed?: true } & Redemption);

export interface Coupon {
  /** Null until it is defined, and where one redeemer is counted. */
  terms: CouponTerms | null;
  /** How many orders redeem it now. */
  redeemed: number;
  /** Those of them whose checkout has not ended. */
  inFlight: readonly string[];
  /** Confirmed orders that gave back within the retry horizon; `at` in ms of the log's clock. */
  returned: readonly { orderId: string; at: number }[];
}

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

/** The limits that an order counts against, as of when its cart was submitted. */
export function limitsOf({ limit, limitPerCustomer }: CouponTerms): Omit<AppliedCoupon, 'code' | 'amount'> {
  return { ...(limit !== undefined && { limited: true }), ...(limitPerCustomer !== undefined && { limitPerCustomer }) };
}

/** Where the use of a coupon by an order is counted: nowhere, if the coupon has no limit. */
export function countsOf(
  { code, limited, limitPerCustomer: limit }: AppliedCoupon,
  redeemer: Redeemer,
): (CouponKey & { limit?: number })[] {
  const each = limit === undefined ? [] : redeemersOf(redeemer);
  return [...(limited ? [{ code }] : []), ...each.map((one) => ({ code, redeemer: one, limit: limit! }))];
}

/** Each by itself: neither a customer nor an address gets past a limit by way of the other. */
export function redeemersOf({ customerId, emailKey }: Redeemer): string[] {
  return emailKey === undefined ? [customerId] : [customerId, emailKey];
}

type CouponRejection = Rejection<'not_found' | 'rule_violated'>;

/** Why nobody can redeem the coupon now; undefined if nothing is in the way. */
export function couponRefusal(code: string, { terms, redeemed }: Coupon, now: number): CouponRejection | undefined {
  if (!terms) return reject('not_found', `There is no coupon ${code}.`, { coupon: code });
  const untimely = outOfTime(terms, now);
  if (untimely) return refuse(code, untimely === 'not_yet_valid' ? 'is not valid yet' : 'is not valid any more');
  return terms.limit !== undefined && redeemed >= terms.limit ? refuse(code, 'is used up') : undefined;
}

/** Why one redeemer cannot redeem the coupon once more. */
export function redeemerRefusal(
  code: string,
  { redeemed }: Pick<Coupon, 'redeemed'>,
  limit: number,
): CouponRejection | undefined {
  return redeemed >= limit ? refuse(code, `can be used ${limit} times by one customer, and was`) : undefined;
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
  const data = { code, ...(redeemer !== undefined && { redeemer }), orderId };
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
