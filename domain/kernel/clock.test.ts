import { expect } from 'chai';
import fc from 'fast-check';
import { hlcOf, millisOf, nextAt } from './clock.js';

describe('The clock of the log', () => {
  it('is the time of day in thousandths of a millisecond, unless something is later', () => {
    expect(nextAt(1_700_000_000_000)).to.equal(1_700_000_000_000_000);
    expect(nextAt(1_700_000_000_000, 5, 7)).to.equal(1_700_000_000_000_000);
  });

  it('is after the previous commit and after every cause, even if their clock was ahead', () => {
    expect(nextAt(2, 2_000)).to.equal(2_001);
    expect(nextAt(2, 9_000, 3_500)).to.equal(9_001);
  });

  it('gives its time in milliseconds', () => {
    expect([2_000, 2_001, 2_999].map(millisOf)).to.deep.equal([2, 2, 2]);
    fc.assert(fc.property(fc.nat(), (millis) => millisOf(hlcOf(millis)) === millis));
    expect(hlcOf(2)).to.equal(2_000);
  });
});
