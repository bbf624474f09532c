import { expect } from 'chai';
import fc from 'fast-check';
import { the } from '../../test/the.js';
import { allocate, moneySchema, priceSchema, roundedShare, sum } from './money.js';

describe('Money', () => {
  const amounts = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const weights = fc
    .array(fc.integer({ min: 0, max: 1_000_000_000 }), { minLength: 1, maxLength: 50, size: 'max' })
    .filter((all) => sum(all) > 0);

  it('is split into parts that add up to the whole, each less than one unit off its exact share', () => {
    fc.assert(
      fc.property(amounts, weights, (amount, shares) => {
        const parts = allocate(amount, shares);
        expect(parts).to.have.length(shares.length);
        expect(sum(parts)).to.equal(amount);
        const whole = BigInt(sum(shares));
        for (const [index, part] of parts.entries()) {
          const off = BigInt(part) * whole - BigInt(amount) * BigInt(the(shares[index]));
          expect(off < whole && off > -whole).to.equal(true);
        }
      }),
    );
  });

  it('gives the remaining units to the largest remainders, and to the first in a tie', () => {
    expect(allocate(100, [1, 1, 1])).to.deep.equal([34, 33, 33]);
    expect(allocate(101, [1, 2, 1])).to.deep.equal([25, 51, 25]);
    expect(allocate(5, [0, 3, 7])).to.deep.equal([0, 2, 3]);
  });

  it('is rounded half to even, and to the nearest otherwise', () => {
    expect([1, 3, 5, 7].map((amount) => roundedShare(amount, 1, 2))).to.deep.equal([0, 2, 2, 4]);
    expect([1, 2, 4, 5].map((amount) => roundedShare(amount, 1, 3))).to.deep.equal([0, 1, 1, 2]);
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 1, max: 10_000 }), (amount, a, b) => {
        const [part, whole] = [Math.min(a, b), b];
        const twiceOff =
          2n * (BigInt(roundedShare(amount, part, whole)) * BigInt(whole) - BigInt(amount) * BigInt(part));
        expect(twiceOff <= BigInt(whole) && twiceOff >= -BigInt(whole)).to.equal(true);
      }),
    );
  });

  it('is a whole number of minor units, and not negative', () => {
    expect(moneySchema.safeParse({ amount: 1999, currency: 'GBP' }).success).to.equal(true);
    for (const wrong of [
      { amount: 19.99, currency: 'GBP' },
      { amount: -1, currency: 'GBP' },
      { amount: 2 ** 53, currency: 'GBP' },
      { amount: 1, currency: 'gbp' },
      { amount: 1, currency: 'GBPX' },
      { amount: 1, currency: 'ZZZ' },
      { amount: 1, currency: 'GBP', scale: 2 },
    ]) {
      expect(moneySchema.safeParse(wrong).success, JSON.stringify(wrong)).to.equal(false);
    }
    expect(priceSchema.safeParse({ amount: 1_000_000_001, currency: 'GBP' }).success).to.equal(false);
    const unknown = moneySchema.safeParse({ amount: 1, currency: '£' });
    expect(unknown.error?.issues[0]?.message).to.equal('must be an ISO 4217 code such as GBP');
  });
});
