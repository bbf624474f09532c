import { expect } from 'chai';
import fc from 'fast-check';
import { Unavailable } from '../domain/kernel/errors.js';
import { the } from '../test/the.js';
import { withinBudget } from './retry.js';

describe('A retry inside a budget', () => {
  function virtualTime(random: () => number = () => 0.5) {
    let now = 0;
    const pauses: number[] = [];
    return {
      pauses,
      elapsed: () => now,
      clock: () => now,
      random,
      sleep: async (ms: number) => {
        pauses.push(ms);
        now += ms;
      },
    };
  }
  const throttled = new Error('throttled');
  const isRetryable = (error: unknown) => error === throttled;

  it('gives the result of the first attempt that succeeds', async () => {
    const time = virtualTime();
    let failures = 3;
    const result = await withinBudget({ engine: 'E', budgetMs: 5_000, isRetryable, ...time }, async () => {
      if (failures-- > 0) throw throttled;
      return 'done';
    });
    expect(result).to.equal('done');
    expect(time.pauses).to.deep.equal([10, 20, 40]);
  });

  it('throws errors at once that no retry can avoid', async () => {
    const bug = new Error('syntax error');
    const time = virtualTime();
    const failure = await withinBudget({ engine: 'E', budgetMs: 5_000, isRetryable, ...time }, () =>
      Promise.reject(bug),
    ).catch((error: unknown) => error);
    expect(failure).to.equal(bug);
    expect(time.pauses).to.deep.equal([]);
  });

  it('throws Unavailable within the budget, whatever the jitter, with the reason', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 20_000 }),
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 }),
        async (budgetMs, jitter) => {
          let drawn = 0;
          const time = virtualTime(() => Math.max(0.01, the(jitter[drawn++ % jitter.length])));
          const failure = await withinBudget({ engine: 'E', budgetMs, isRetryable, ...time }, () =>
            Promise.reject(throttled),
          ).catch((error: unknown) => error);
          expect(failure).to.be.instanceOf(Unavailable);
          expect((failure as Unavailable).cause).to.equal(throttled);
          expect(time.elapsed()).to.be.at.most(budgetMs);
        },
      ),
    );
  });
});
