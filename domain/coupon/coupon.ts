// A coupon: its stream is the only one to say who redeemed it, so its limits hold however many check out at once.
import type { Decider } from '../kernel/decider.js';
import { type Rejection, reject } from '../kernel/errors.js';
import { sameJson } from '../kernel/json.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { type CouponEvent, type CouponTerms, couponEvents } from './events.js';
import { outOfTime } from './validity.js';

/** Orders that one code can be redeemed by, whatever its limit: each stays in the state, since it may give back one day. */
export const MAX_REDEMPTIONS = 20_000;

/** Redemptions are kept in batches of this size, so that adding or taking away one copies little. */
const REDEMPTION_BATCH = 64;

/** Whose order it is: by customer, and by the e-mail address that the order names. */
export interface Redeemer {
  customerId: string;
  emailKey?: string | undefined;
}

/** By order. */
type Batch = Readonly<Record<string, Redeemer>>;

interface CouponKey {
  code: string;
}

export type CouponCommand = CouponKey &
  (
    | { type: 'DefineCoupon'; terms: CouponTerms }
    | ({ type: 'RedeemCoupon'; orderId: string } & Redeemer)
    | { type: 'ReleaseRedemption'; orderId: string }
  );

export interface Coupon {
  /** Null until it is defined. */
  terms: CouponTerms | null;
  /** How many orders redeem it now. */
  redeemed: number;
  redemptions: readonly Batch[];
  /** Orders that gave back within the retry horizon; `at` in ms of the log's clock. */
  released: readonly { orderId: string; at: number }[];
}

export const coupon: Decider<CouponCommand, Coupon, CouponEvent> = {
  category: 'coupon',
  events: couponEvents,
  initialState: { terms: null, redeemed: 0, redemptions: [], released: [] },
  decide,
  evolve,
  snapshot: { foldVersion: 2, every: 500 },
};

export function couponStream(code: string): StreamId {
  return streamId('coupon', code);
}

/** Why this customer cannot redeem the coupon now; undefined if nothing is in the way. */
export function redemptionRefusal(
  code: string,
  { terms, redeemed, redemptions }: Coupon,
  redeemer: Redeemer,
  now: number,
): Rejection | undefined {
  const refuse = (why: string) => reject('rule_violated', `${code} ${why}.`, { coupon: code });
  if (!terms) return reject('not_found', `There is no coupon ${code}.`, { coupon: code });
  const untimely = outOfTime(terms, now);
  if (untimely) return refuse(untimely === 'not_yet_valid' ? 'is not valid yet' : 'is not valid any more');
  if (redeemed >= Math.min(terms.limit ?? MAX_REDEMPTIONS, MAX_REDEMPTIONS)) return refuse('is used up');
  const { limitPerCustomer } = terms;
  if (limitPerCustomer !== undefined && timesRedeemedBy(redeemer, redemptions) >= limitPerCustomer) {
    return refuse(`can be used ${limitPerCustomer} times by one customer, and was`);
  }
  return undefined;
}

function decide(command: CouponCommand, state: Coupon, now: number): readonly CouponEvent[] | Rejection {
  const { code } = command;
  switch (command.type) {
    case 'DefineCoupon': {
      const { terms } = command;
      return sameJson(terms, state.terms) ? [] : [{ type: 'CouponDefined', data: { code, terms } }];
    }
    case 'RedeemCoupon': {
      const { orderId } = command;
      if (isRedeemedBy(orderId, state)) return [];
      if (hasReleased(orderId, state)) {
        return reject('conflict', `${orderId} has given its redemption of ${code} back.`, { coupon: code });
      }
      const refusal = redemptionRefusal(code, state, command, now);
      return refusal ?? [{ type: 'CouponRedeemed', data: { code, orderId, ...redeemerOf(command) } }];
    }
    case 'ReleaseRedemption': {
      const { orderId } = command;
      if (!isRedeemedBy(orderId, state) && hasReleased(orderId, state)) return [];
      return [{ type: 'CouponReleased', data: { code, orderId } }];
    }
  }
}

function evolve(state: Coupon, { type, data }: CouponEvent, at: number): Coupon {
  switch (type) {
    case 'CouponDefined':
      return { ...state, terms: data.terms };
    case 'CouponRedeemed': {
      const redemptions = withOrder(state.redemptions, data.orderId, redeemerOf(data));
      return { ...state, redeemed: state.redeemed + 1, redemptions };
    }
    case 'CouponReleased': {
      const { orderId } = data;
      const recent = state.released.filter((release) => release.at + RETRY_HORIZON_MS >= at);
      const released = [...recent, { orderId, at }];
      if (!isRedeemedBy(orderId, state)) return { ...state, released };
      const redemptions = withoutOrder(state.redemptions, orderId);
      return { ...state, released, redeemed: state.redeemed - 1, redemptions };
    }
  }
}

function isRedeemedBy(orderId: string, { redemptions }: Coupon): boolean {
  return redemptions.some((batch) => Object.hasOwn(batch, orderId));
}

function hasReleased(orderId: string, { released }: Coupon): boolean {
  return released.some((release) => release.orderId === orderId);
}

function redeemerOf({ customerId, emailKey }: Redeemer) {
  return { customerId, ...(emailKey !== undefined && { emailKey }) };
}

function timesRedeemedBy({ customerId, emailKey }: Redeemer, redemptions: readonly Batch[]): number {
  let times = 0;
  for (const batch of redemptions) {
    for (const other of Object.values(batch)) {
      if (other.customerId === customerId || (emailKey !== undefined && other.emailKey === emailKey)) times++;
    }
  }
  return times;
}

function withOrder(redemptions: readonly Batch[], orderId: string, redeemer: Redeemer): readonly Batch[] {
  const last = redemptions.at(-1);
  if (!last || Object.keys(last).length >= REDEMPTION_BATCH) return [...redemptions, { [orderId]: redeemer }];
  return [...redemptions.slice(0, -1), { ...last, [orderId]: redeemer }];
}

function withoutOrder(redemptions: readonly Batch[], orderId: string): readonly Batch[] {
  return redemptions.flatMap((batch) => {
    if (!Object.hasOwn(batch, orderId)) return [batch];
    const { [orderId]: _, ...others } = batch;
    return Object.keys(others).length > 0 ? [others] : [];
  });
}
