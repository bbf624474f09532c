import { expect } from 'chai';
import fc from 'fast-check';
import { isRejection } from '../kernel/errors.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { couponCodeSchema } from '../order/events.js';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../testing/given-when-then.js';
import { undescribedFields } from '../testing/undescribed.js';
import { type Coupon, type CouponCommand, coupon, MAX_REDEMPTIONS } from './coupon.js';
import { type CouponEvent, type CouponTerms, couponTermsSchema } from './events.js';

const code = 'SPRING';
const tenth: CouponTerms = { kind: 'percentage', basisPoints: 1_000 };
const defined = (terms: Partial<CouponTerms> = {}): CouponEvent => ({
  type: 'CouponDefined',
  data: { code, terms: { ...tenth, ...terms } as CouponTerms },
});
const redeemed = (orderId: string, customerId = 'customer_ada'): CouponEvent => ({
  type: 'CouponRedeemed',
  data: { code, orderId, customerId },
});
const released = (orderId: string): CouponEvent => ({ type: 'CouponReleased', data: { code, orderId } });
const redeem = (orderId: string, customerId = 'customer_ada'): CouponCommand => ({
  type: 'RedeemCoupon',
  code,
  orderId,
  customerId,
});
const release = (orderId: string): CouponCommand => ({ type: 'ReleaseRedemption', code, orderId });
const day = (offset: number) => new Date(TEST_NOW + offset * 86_400_000).toISOString();

describe('A coupon', () => {
  const { given } = decider(coupon);

  it('does nothing when a command is issued again', () => {
    issuedTwiceChangesNothing(coupon, {
      DefineCoupon: { given: [defined({ limit: 1 })], when: { type: 'DefineCoupon', code, terms: tenth } },
      RedeemCoupon: { given: [defined({ limit: 1 })], when: redeem('order_1') as never },
      ReleaseRedemption: { given: [defined(), redeemed('order_1')], when: release('order_1') as never },
    });
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
      [TEST_NOW + 86_400_000, 'SPRING is not valid any more.'],
    ] as const) {
      expect(refusal(now)).to.deep.equal({ rejected: 'rule_violated', detail, extra: { coupon: code } });
    }
  });

  it('is refused beyond its limit in total', () => {
    given([defined({ limit: 2 }), redeemed('order_1'), redeemed('order_2', 'customer_bob')])
      .when(redeem('order_3', 'customer_cleo'))
      .thenRejected('rule_violated', { coupon: code });
  });

  it('is refused beyond its limit for one e-mail address, whoever the customer is', () => {
    const [ada, bob] = ['a', 'b'].map((letter) => letter.repeat(43));
    const by = (emailKey: string | undefined, orderId: string, customerId: string): CouponCommand => {
      return { type: 'RedeemCoupon', code, orderId, customerId, emailKey };
    };
    const redeemedBy = (emailKey: string | undefined, orderId: string, customerId: string): CouponEvent => {
      return { type: 'CouponRedeemed', data: { code, orderId, customerId, ...(emailKey && { emailKey }) } };
    };
    const once = [defined({ limitPerCustomer: 1 }), redeemedBy(ada, 'order_1', 'customer_guest-1')];
    given(once)
      .when(by(ada, 'order_2', 'customer_guest-2'))
      .thenRejected('rule_violated', { coupon: code });
    given(once)
      .when(by(bob, 'order_2', 'customer_guest-1'))
      .thenRejected('rule_violated', { coupon: code });
    for (const other of [bob, undefined]) {
      given(once)
        .when(by(other, 'order_2', 'customer_guest-2'))
        .then([redeemedBy(other, 'order_2', 'customer_guest-2')]);
    }
    given([...once, released('order_1')])
      .when(by(ada, 'order_2', 'customer_guest-2'))
      .then([redeemedBy(ada, 'order_2', 'customer_guest-2')]);
  });

  it('is refused beyond its limit for one customer, not for another', () => {
    const history = [defined({ limitPerCustomer: 1 }), redeemed('order_1')];
    given(history).when(redeem('order_2')).thenRejected('rule_violated', { coupon: code });
    given(history)
      .when(redeem('order_2', 'customer_bob'))
      .then([redeemed('order_2', 'customer_bob')]);
  });

  it('can be redeemed again by others once an order gives back', () => {
    const history = [defined({ limit: 1, limitPerCustomer: 1 }), redeemed('order_1'), released('order_1')];
    given(history)
      .when(redeem('order_2'))
      .then([redeemed('order_2')]);
  });

  it('is never redeemed by an order that has given back, even before it redeemed', () => {
    given([defined()])
      .when(release('order_1'))
      .then([released('order_1')]);
    for (const history of [
      [defined(), released('order_1')],
      [defined(), redeemed('order_1'), released('order_1')],
    ]) {
      given(history).when(redeem('order_1')).thenRejected('conflict', { coupon: code });
    }
  });

  it('forgets who gave back once no command that old is taken, and never who redeems', () => {
    const history = [defined(), redeemed('order_1'), released('order_2'), released('order_3')];
    const before = given(history).state;
    const later = fold(coupon, before, [released('order_4')], TEST_NOW + RETRY_HORIZON_MS + 1);
    expect(later.released.map(({ orderId }) => orderId)).to.deep.equal(['order_4']);
    const justBefore = fold(coupon, before, [released('order_4')], TEST_NOW + RETRY_HORIZON_MS);
    expect(justBefore.released).to.have.length(3);
    expect(coupon.decide(redeem('order_1'), later, TEST_NOW)).to.deep.equal([]);
  });

  it('has terms that can be changed; what was redeemed stays redeemed', () => {
    const history = [defined({ limit: 3 }), redeemed('order_1'), redeemed('order_2'), defined({ limit: 1 })];
    given(history).when(redeem('order_3')).thenRejected('rule_violated', { coupon: code });
    expect(given(history).state.redeemed).to.equal(2);
  });

  it('knows each of its many orders until that one gives back', () => {
    const orders = Array.from({ length: 300 }, (_, n) => `order_${n}`);
    const all = given([defined({ limitPerCustomer: 300 }), ...orders.map((id) => redeemed(id))]).state;
    expect(coupon.decide(redeem('order_300'), all, TEST_NOW)).to.include({ rejected: 'rule_violated' });
    const [some, rest] = [orders.slice(0, 150), orders.slice(150)];
    const left = fold(coupon, all, some.map(released), TEST_NOW);
    expect(left.redeemed).to.equal(150);
    for (const id of rest) expect(coupon.decide(redeem(id), left, TEST_NOW)).to.deep.equal([]);
    for (const id of some) expect(coupon.decide(redeem(id), left, TEST_NOW)).to.include({ rejected: 'conflict' });
    expect(fold(coupon, left, rest.map(released), TEST_NOW).redemptions).to.deep.equal([]);
  });

  it('keeps its redemptions in batches, of which a change copies one', () => {
    const orders = Array.from({ length: 200 }, (_, n) => `order_${n}`);
    const all = given([defined(), ...orders.map((id) => redeemed(id))]).state;
    expect(all.redemptions.map((batch) => Object.keys(batch).length)).to.deep.equal([64, 64, 64, 8]);
    for (const event of [redeemed('order_new'), released('order_199')]) {
      const next = fold(coupon, all, [event], TEST_NOW);
      expect(next.redemptions.map((batch, n) => batch === all.redemptions[n])).to.deep.equal([true, true, true, false]);
    }
  });

  it('is redeemed by so many orders at most, whatever its terms say', () => {
    const full = { ...given([defined({ limit: MAX_REDEMPTIONS + 1 })]).state, redeemed: MAX_REDEMPTIONS };
    expect(coupon.decide(redeem('order_1'), full, TEST_NOW)).to.include({ rejected: 'rule_violated' });
    const open = { ...full, redeemed: MAX_REDEMPTIONS - 1 };
    expect(coupon.decide(redeem('order_1'), open, TEST_NOW)).to.deep.equal([redeemed('order_1')]);
  });

  it('is never redeemed above its limits, whatever is redeemed, given back and redefined by whom', () => {
    const order = fc.integer({ min: 0, max: 12 }).map((n) => `order_${n}`);
    const customer = fc.constantFrom('customer_ada', 'customer_bob', 'customer_cleo');
    const command: fc.Arbitrary<CouponCommand> = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(order, customer).map(([orderId, who]) => redeem(orderId, who)) },
      { weight: 1, arbitrary: order.map(release) },
    );
    const limits = fc.record({
      limit: fc.integer({ min: 1, max: 5 }),
      limitPerCustomer: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(limits, fc.array(command, { maxLength: 60 }), (terms, commands) => {
        let state: Coupon = given([defined(terms)]).state;
        const holders = new Map<string, string>();
        for (const issued of commands) {
          const decision = coupon.decide(issued, state, TEST_NOW);
          if (isRejection(decision)) continue;
          state = fold(coupon, state, decision, TEST_NOW);
          for (const { type, data } of decision) {
            if (type === 'CouponRedeemed') holders.set(data.orderId, data.customerId);
            if (type === 'CouponReleased') holders.delete(data.orderId);
          }
          expect(holders.size).to.be.at.most(terms.limit);
          expect(state.redeemed).to.equal(holders.size);
          for (const who of holders.values()) {
            const times = [...holders.values()].filter((other) => other === who).length;
            expect(times).to.be.at.most(terms.limitPerCustomer);
          }
        }
      }),
    );
  });

  it('has a code that can be read out', () => {
    for (const right of ['SPRING-25', 'A_', 'X'.repeat(40)]) expect(couponCodeSchema.parse(right)).to.equal(right);
    for (const wrong of ['A', 'spring', 'A B', 'X'.repeat(41)])
      expect(couponCodeSchema.safeParse(wrong).error?.issues[0]?.message, wrong).to.contain('2 to 40 capital letters');
  });

  it('says what each of its terms means', () => {
    expect(undescribedFields(couponTermsSchema)).to.deep.equal(['minimum.amount', 'minimum.currency']);
  });

  it('has terms that make sense', () => {
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
