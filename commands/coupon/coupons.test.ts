import { expect } from 'chai';
import { countsOf, coupon, couponStream, limitsOf } from '../../domain/coupon/coupon.js';
import type { CouponTerms } from '../../domain/coupon/events.js';
import { eventTypes } from '../../domain/events.js';
import { isProblem, orThrow } from '../../domain/kernel/errors.js';
import { createShop, KEEPER, type Shop, SUPPORT } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { createCommandRunner } from '../runtime/command-runner.js';

const TENTH: CouponTerms = { kind: 'percentage', basisPoints: 1_000 };

const ADA = { customerId: 'customer_ada' };

describe('The endpoints of coupons', () => {
  let shop: Shop;
  const put = (code: string, body: unknown) => shop.call(`put /v1/coupons/${code}`, { caller: KEEPER, body });
  const get = (code: string) => shop.call(`get /v1/coupons/${code}`, { caller: SUPPORT });

  beforeEach(() => {
    shop = createShop();
  });

  it('define a coupon and redefine it', async () => {
    const { status, body, seen, version } = await put('SPRING', TENTH);
    expect(status).to.equal(200);
    expect(body).to.deep.equal({ code: 'SPRING', terms: TENTH });
    expect([...the(seen)]).to.deep.equal([['coupon#SPRING', 1]]);
    expect((await put('SPRING', TENTH)).version).to.equal(version);
    const limited = { ...TENTH, limit: 5, validUntil: '2030-01-01T00:00:00.000Z' };
    expect((await put('SPRING', limited)).body.terms).to.deep.equal(limited);
    expect((await get('SPRING')).body).to.deep.equal({ code: 'SPRING', terms: limited, redeemed: 0 });
  });

  for (const { what, limits, report } of [
    { what: 'in total', limits: { limit: 5 }, report: 'vendurehq/vendure#4660' },
    { what: 'for one customer', limits: { limitPerCustomer: 5 }, report: 'saleor/saleor#15855' },
  ]) {
    it(`keep the limit ${what} when many orders redeem at once, in two processes (${report})`, async () => {
      await put('SPRING', { ...TENTH, ...limits });
      const { store, personal, runner } = shop;
      const runners = [runner, createCommandRunner({ store, eventTypes, personal, clock: Date.now })];
      const orders = Array.from({ length: 40 }, (_, n) => `order_${n}`);
      const [count] = countsOf({ code: 'SPRING', amount: 1, ...limitsOf({ ...TENTH, ...limits }) }, ADA);
      const redeem = async (runner: Shop['runner'], orderId: string): Promise<string> => {
        const actor = { type: 'process', id: 'checkout' } as const;
        const meta = { id: `checkout ${orderId}`, issuedAt: Date.now(), correlationId: 'request', actor };
        const command = { type: 'RedeemCoupon', ...the(count), orderId } as const;
        return runner
          .execute(coupon, couponStream(the(count)), command, meta)
          .then(orThrow)
          .then(
            () => 'redeemed',
            (error) => {
              if (isProblem(error)) return error.code;
              throw error;
            },
          );
      };
      const outcomes = await Promise.all(orders.map((orderId, n) => redeem(the(runners[n % 2]), orderId)));
      expect(outcomes.filter((outcome) => outcome === 'redeemed')).to.have.length(5);
      expect(outcomes.filter((outcome) => outcome === 'rule_violated')).to.have.length(35);
      expect((await runner.load(coupon, couponStream(the(count)))).state.redeemed).to.equal(5);
    });
  }
});
