import { expect } from 'chai';
import fc from 'fast-check';
import { derivedId, earliestOf, randomId } from './ids.js';

const SHAPE = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

describe('ids', () => {
  it('have 26 characters of base 32, and sort by time', () => {
    const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    fc.assert(
      fc.property(time, time, (a, b) => {
        expect(randomId(a)).to.match(SHAPE);
        if (a < b) expect(randomId(a) < randomId(b)).to.equal(true);
      }),
    );
  });

  it('do not repeat within a millisecond', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => randomId(1))).size).to.equal(10_000);
  });

  it('that are derived are equal only for equal parts, wherever the parts are split', () => {
    const parts = fc.array(fc.string(), { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(derivedId(...a)).to.match(SHAPE);
        expect(derivedId(...a) === derivedId(...b)).to.equal(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    expect(derivedId('a', 'bc')).not.to.equal(derivedId('ab', 'c'));
  });

  it('that are derived never change', () => {
    expect(derivedId('process', 'step')).to.equal('337WAWZM5D5X9W1BK3TH6J27QT');
  });

  it('tell when they were made, less the difference of two clocks', () => {
    const now = Date.UTC(2026, 10, 29);
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(2024) + 1, max: now }), (time) => {
        expect(earliestOf(randomId(time), now)).to.equal(time - 4_000);
      }),
    );
    for (const other of [randomId(now + 3_600_000), randomId(1), 'checkout_1', randomId(now).toLowerCase(), ''])
      expect(earliestOf(other, now), other).to.equal(undefined);
  });
});
