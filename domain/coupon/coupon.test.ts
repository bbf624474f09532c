import { expect } from 'chai';
import fc from 'fast-check';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { undescribedFields } from '../../test/domain/undescribed.js';
import { the } from '../../test/the.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { isRejection } from '../kernel/rejection.js';
import { couponCodeSchema } from '../order/events.js';
import { type Coupon, type CouponCommand, countsOf, coupon, couponStream, limitsOf } from './coupon.js';
import { type CouponEvent, type CouponTerms, couponTermsSchema } from './events.js';

const code = 'SPRING';
const redeemer = 'customer_ada';
const tenth: CouponTerms = { kind: 'percentage', basisPoints: 1_000 };
const defined = (terms: Partial<CouponTerms> = {}): CouponEvent => ({
  type: 'CouponDefined',
  data: { code, terms: { ...tenth, ...terms } as CouponTerms },
});
const redeemed = (orderId: string): CouponEvent => ({ type: 'CouponRedeemed', data: { code, orderId } });
const confirmed = (orderId: string): CouponEvent => ({ type: 'CouponRedemptionConfirmed', data: { code, orderId } });
const released = (orderId: string): CouponEvent => ({ type: 'CouponReleased', data: { code, orderId } });
const returned = (orderId: string): CouponEvent => ({
  type: 'CouponReleased',
  data: { code, orderId, confirmed: true },
});
const redeem = (orderId: string) => ({ type: 'RedeemCoupon', code, orderId }) as const;
const confirm = (orderId: string) => ({ type: 'ConfirmRedemption', code, orderId }) as const;
const release = (orderId: string) => ({ type: 'ReleaseRedemption', code, orderId }) as const;
const releaseConfirmed = (orderId: string) => ({ ...release(orderId), confirmed: true }) as const;
const day = (offset: number) => new Date(TEST_NOW + offset * 86_400_000).toISOString();

describe('A coupon', () => {
  const { given } = decider(coupon);

  it('does nothing when a command is issued again', () => {
    issuedTwiceChangesNothing(coupon, {
      DefineCoupon: { given: [defined({ limit: 1 })], when: { type: 'DefineCoupon', code, terms: tenth } },
      RedeemCoupon: { given: [defined({ limit: 1 })], when: redeem('order_1') },
      ConfirmRedemption: { given: [defined(), redeemed('order_1')], when: confirm('order_1') },
      ReleaseRedemption: { given: [defined(), redeemed('order_1')], when: release('order_1') },
    });
    given([defined(), redeemed('order_1'), confirmed('order_1'), returned('order_1')])
      .when(releaseConfirmed('order_1'))
      .then([]);
  });

  it('is redeemed by an order once', () => {
    given([defined()])
      .when(redeem('order_1'))
      .then([redeemed('order_1')]);
    given([defined(), redeemed('order_1')])
      .when(redeem('order_1'))
      .then([]);
  });

  it('is not redeemed before it is defined', () => {
    given([]).when(redeem('order_1')).thenRejected('not_found', { coupon: code });
  });

  it('is valid from its first moment until just before its last', () => {
    const history = [defined({ validFrom: day(0), validUntil: day(1) })];
    const used = [redeemed('order_1')];
    given(history).when(redeem('order_1'), TEST_NOW).then(used);
    given(history)
      .when(redeem('order_1'), TEST_NOW + 86_400_000 - 1)
      .then(used);
    const refusal = (now: number) => coupon.decide(redeem('order_1'), given(history).state, now);
    for (const [now, detail] of [
      [TEST_NOW - 1, 'SPRING is not valid yet.'],
      [TEST_NOW + 86_400_000, 'SPRING is no longer valid.'],
    ] as const) {
      expect(refusal(now)).to.deep.equal({ rejected: 'rule_violated', detail, facts: { coupon: code } });
    }
  });

  it('is rejected beyond its total limit, whether or not the orders have gone through', () => {
    const two = [defined({ limit: 2 }), redeemed('order_1'), redeemed('order_2')];
    for (const history of [two, [...two, confirmed('order_1')], [...two, confirmed('order_1'), confirmed('order_2')]])
      given(history).when(redeem('order_3')).thenRejected('rule_violated', { coupon: code });
    given(two.slice(0, 2))
      .when(redeem('order_3'))
      .then([redeemed('order_3')]);
  });

  it('is counted for one redeemer in a stream without terms: the order states the limit', () => {
    const used: CouponEvent = { type: 'CouponRedeemed', data: { code, redeemer, orderId: 'order_1' } };
    const again = { ...redeem('order_2'), redeemer };
    given([])
      .when({ ...redeem('order_1'), redeemer, limit: 1 })
      .then([used]);
    given([used])
      .when({ ...again, limit: 1 })
      .thenRejected('rule_violated', { coupon: code });
    given([used])
      .when({ ...again, limit: 2 })
      .then([{ type: 'CouponRedeemed', data: { code, redeemer, orderId: 'order_2' } }]);
    given([used])
      .when({ ...confirm('order_1'), redeemer })
      .then([{ type: 'CouponRedemptionConfirmed', data: { code, redeemer, orderId: 'order_1' } }]);
    given([used])
      .when({ ...releaseConfirmed('order_1'), redeemer })
      .then([{ type: 'CouponReleased', data: { code, redeemer, orderId: 'order_1', confirmed: true } }]);
  });

  it('is counted by its code, by customer and by e-mail address, for the limits that it has', () => {
    const emailKey = 'e'.repeat(43);
    const streams = (terms: Partial<CouponTerms>, by: { customerId: string; emailKey?: string }) =>
      countsOf({ code, amount: 1, ...limitsOf({ ...tenth, ...terms } as CouponTerms) }, by).map((count) => [
        couponStream(count),
        count.limit,
      ]);
    expect(streams({}, { customerId: redeemer, emailKey })).to.deep.equal([]);
    expect(streams({ limit: 3 }, { customerId: redeemer, emailKey })).to.deep.equal([['coupon#SPRING', undefined]]);
    expect(streams({ limitPerCustomer: 2 }, { customerId: redeemer })).to.deep.equal([
      ['coupon#SPRING@customer_ada', 2],
    ]);
    expect(streams({ limit: 3, limitPerCustomer: 2 }, { customerId: redeemer, emailKey })).to.deep.equal([
      ['coupon#SPRING', undefined],
      ['coupon#SPRING@customer_ada', 2],
      [`coupon#SPRING@${emailKey}`, 2],
    ]);
  });

  it('can be redeemed by others once an order releases it', () => {
    const one = [defined({ limit: 1 }), redeemed('order_1')];
    for (const history of [
      [...one, released('order_1')],
      [...one, returned('order_1')],
      [...one, confirmed('order_1'), returned('order_1')],
    ]) {
      given(history)
        .when(redeem('order_2'))
        .then([redeemed('order_2')]);
    }
  });

  it('drops the id of an order that has gone through, but counts it', () => {
    const { state } = given([defined({ limit: 9 }), redeemed('order_1'), redeemed('order_2'), confirmed('order_1')]);
    expect(state).to.deep.include({ redeemed: 2, inFlight: ['order_2'], returned: [] });
    expect(coupon.decide(confirm('order_1'), state, TEST_NOW)).to.deep.equal([]);
    expect(coupon.decide(confirm('order_3'), state, TEST_NOW)).to.deep.equal([]);
  });

  it('keeps no id of five orders that lost it, nor of orders that had not redeemed it', () => {
    const { state } = given([defined({ limit: 1 }), redeemed('order_0')]);
    for (const loser of [1, 2, 3, 4, 5].map((n) => `order_${n}`)) {
      expect(coupon.decide(redeem(loser), state, TEST_NOW)).to.include({ rejected: 'rule_violated' });
      expect(coupon.decide(release(loser), state, TEST_NOW)).to.deep.equal([]);
    }
  });

  it('is released by a confirmed order only through that order itself', () => {
    const { state } = given([defined(), redeemed('order_1'), confirmed('order_1')]);
    expect(coupon.decide(release('order_1'), state, TEST_NOW)).to.deep.equal([]);
    expect(coupon.decide(releaseConfirmed('order_1'), state, TEST_NOW)).to.deep.equal([returned('order_1')]);
  });

  it('forgets which confirmed orders released it once no command that old is accepted', () => {
    const orders = ['order_1', 'order_2', 'order_3'];
    const before = given([defined(), ...orders.map(redeemed), ...orders.slice(0, 2).map(returned)]).state;
    const known = (at: number) =>
      fold(coupon, before, [returned('order_3')], at).returned.map(({ orderId }) => orderId);
    expect(known(TEST_NOW + RETRY_HORIZON_MS)).to.deep.equal(orders);
    expect(known(TEST_NOW + RETRY_HORIZON_MS + 1)).to.deep.equal(['order_3']);
  });

  it('has terms that can be changed; earlier redemptions stay', () => {
    const history = [defined({ limit: 3 }), redeemed('order_1'), redeemed('order_2'), defined({ limit: 1 })];
    given(history).when(redeem('order_3')).thenRejected('rule_violated', { coupon: code });
    expect(given(history).state.redeemed).to.equal(2);
  });

  it('has no maximum without a limit', () => {
    const many = { ...given([defined()]).state, redeemed: 10_000_000 };
    expect(coupon.decide(redeem('order_1'), many, TEST_NOW)).to.deep.equal([redeemed('order_1')]);
  });

  it('has as small a state after 50,000 redemptions as after the first, except for those in flight', () => {
    const IN_FLIGHT = 100;
    let state = given([defined({ limit: 1_000_000 })]).state;
    for (let n = 0; n < 50_000; n++) {
      state = coupon.evolve(state, redeemed(`order_${n}`), TEST_NOW + n);
      if (n < IN_FLIGHT) continue;
      const orderId = `order_${n - IN_FLIGHT}`;
      for (const event of n % 3 === 0 ? [released(orderId)] : [confirmed(orderId)])
        state = coupon.evolve(state, event, TEST_NOW + n);
    }
    expect(state.redeemed).to.be.greaterThan(33_000);
    expect(state.inFlight).to.have.length(IN_FLIGHT);
    expect(JSON.stringify(state).length).to.be.lessThan(2_000);
  });

  it('counts the orders that stand, despite repeated, reordered, late or released redemptions, and keeps only open and recent ids', () => {
    const limit = 4;
    const moves = fc.record({
      order: fc.nat(9),
      act: fc.constantFrom('redeem', 'complete', 'fail', 'follow', 'return'),
      pause: fc.oneof({ weight: 5, arbitrary: fc.nat(60_000) }, { weight: 1, arbitrary: fc.nat(RETRY_HORIZON_MS) }),
    });
    fc.assert(
      fc.property(fc.array(moves, { maxLength: 150, size: 'max' }), (history) => {
        let state: Coupon = given([defined({ limit })]).state;
        let now = TEST_NOW;
        /** As in the command path: an executed command has no effect a second time. */
        const executed = new Set<string>();
        const phases = new Map<string, 'completed' | 'failed'>();
        const standing = new Set<string>();
        const returns: number[] = [];
        const issue = (command: Exclude<CouponCommand, { type: 'DefineCoupon' }>): CouponEvent[] => {
          const id = JSON.stringify(command);
          const decision = executed.has(id) ? [] : coupon.decide(command, state, now);
          if (isRejection(decision) || decision.length === 0) return [];
          executed.add(id);
          state = fold(coupon, state, decision, now);
          return [...decision];
        };
        const follow = (orderId: string) => {
          const phase = phases.get(orderId);
          if (phase === 'completed') issue(confirm(orderId));
          if (phase === 'failed' && issue(release(orderId)).length > 0) standing.delete(orderId);
        };
        const play = (orderId: string, act: (typeof history)[number]['act']) => {
          const phase = phases.get(orderId);
          if (act === 'redeem' && issue(redeem(orderId)).length > 0) standing.add(orderId);
          if (act === 'complete' && !phase && standing.has(orderId)) phases.set(orderId, 'completed');
          if (act === 'fail' && !phase) phases.set(orderId, 'failed');
          if (act === 'follow') follow(orderId);
          if (act !== 'return' || phase !== 'completed') return;
          standing.delete(orderId);
          if (issue(releaseConfirmed(orderId)).length > 0) returns.push(now);
        };
        for (const { order, act, pause } of history) {
          now += pause;
          play(`order_${order}`, act);
          expect(state.redeemed).to.equal(standing.size);
          expect(state.redeemed).to.be.at.most(limit);
          expect([...standing]).to.include.members([...state.inFlight]);
          const recent = returns.filter((at) => at + RETRY_HORIZON_MS >= the(returns.at(-1)));
          expect(state.returned).to.have.length(recent.length);
        }
        for (let order = 0; order < 10; order++) {
          play(`order_${order}`, 'fail');
          follow(`order_${order}`);
        }
        const bought = [...phases].filter(([orderId, phase]) => phase === 'completed' && standing.has(orderId));
        expect(state).to.deep.include({ redeemed: bought.length, inFlight: [] });
      }),
    );
  });

  it('has a code that can be read aloud', () => {
    for (const right of ['SPRING-25', 'A_', 'X'.repeat(40)]) expect(couponCodeSchema.parse(right)).to.equal(right);
    for (const wrong of ['A', 'spring', 'A B', 'X'.repeat(41)])
      expect(couponCodeSchema.safeParse(wrong).error?.issues[0]?.message, wrong).to.contain('2 to 40 capital letters');
  });

  it('says what each of its terms means', () => {
    expect(undescribedFields(couponTermsSchema)).to.deep.equal(['minimum.amount', 'minimum.currency']);
  });

  it('has consistent terms', () => {
    for (const wrong of [
      { kind: 'percentage', basisPoints: 10_001 },
      { kind: 'percentage', basisPoints: 0 },
      { kind: 'amount', amount: -1, currency: 'GBP' },
      { kind: 'buy_x_get_y', buy: 0, get: 1 },
      { ...tenth, validFrom: day(1), validUntil: day(1) },
      { ...tenth, validFrom: 'tomorrow' },
      { ...tenth, limit: 0 },
    ]) {
      expect(couponTermsSchema.safeParse(wrong).success, JSON.stringify(wrong)).to.equal(false);
    }
    const off = { kind: 'amount', amount: 500, currency: 'GBP' };
    const inEuro = couponTermsSchema.safeParse({ ...off, minimum: { amount: 1, currency: 'EUR' } });
    expect(inEuro.error?.issues).to.have.length(1);
    expect(inEuro.error?.issues[0]?.message).to.match(/^must be the currency of the coupon/);
    expect(inEuro.error?.issues[0]?.path).to.deep.equal(['minimum', 'currency']);
    for (const right of [off, { ...off, minimum: { amount: 1, currency: 'GBP' } }])
      expect(couponTermsSchema.safeParse(right).success, JSON.stringify(right)).to.equal(true);
    const minimum = { amount: 1, currency: 'EUR' };
    expect(couponTermsSchema.safeParse({ ...tenth, minimum }).success).to.equal(true);
    const reversed = couponTermsSchema.safeParse({ ...tenth, validFrom: day(2), validUntil: day(1) });
    const [fault] = reversed.error?.issues ?? [];
    expect(fault).to.include({ message: 'validUntil must be after validFrom' });
    expect(fault?.path).to.deep.equal(['validUntil']);
    for (const right of [{ validFrom: day(1), validUntil: day(2) }, { validFrom: day(1) }, { validUntil: day(1) }])
      expect(couponTermsSchema.safeParse({ ...tenth, ...right }).success, JSON.stringify(right)).to.equal(true);
  });
});
