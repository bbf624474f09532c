import { expect } from 'chai';
import { hlcOf } from '../../domain/kernel/clock.js';
import { WATERMARK_LAG_MS } from '../../domain/kernel/limits.js';
import { LONGEST_WAIT_MS, untilFinal } from './final.js';

describe('Waiting until the newest commits are final', () => {
  /** The time waited, in ms. */
  async function waited(
    ages: readonly number[],
    watermarkOf = (now: number) => now - WATERMARK_LAG_MS,
  ): Promise<number> {
    const start = 1_800_000_000_000;
    let now = start;
    const store = {
      watermark: async () => hlcOf(watermarkOf(now)),
      async *newest(after: number) {
        for (const age of ages) {
          const at = hlcOf(start - age);
          if (at > after) yield { at, stream: 'note#1' as const, commitNo: 1 };
        }
      },
    };
    const sleep = async (ms: number) => {
      now += ms;
    };
    await untilFinal(store, { clock: () => now, sleep });
    return now - start;
  }

  it('takes no time if all are old', async () => {
    expect(await waited([])).to.equal(0);
    expect(await waited([WATERMARK_LAG_MS + 1])).to.equal(0);
  });

  it('takes as long as the youngest needs', async () => {
    expect(await waited([9_000, 4_000])).to.equal(WATERMARK_LAG_MS - 4_000);
  });

  it('ignores a time in the future, and ends if the watermark does not move', async () => {
    expect(await waited([-60_000])).to.equal(0);
    expect(await waited([1_000], () => 0)).to.equal(LONGEST_WAIT_MS);
  });
});
