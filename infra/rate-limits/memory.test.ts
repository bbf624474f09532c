import { expect } from 'chai';
import { createMemoryRateLimiter } from './memory.js';
import { DEFAULT_QUOTAS } from './port.js';

/** The limit of callers of one kind. */
const KEYS = 20_000;

describe('Rate limits that a process counts alone', () => {
  const quotas = { ...DEFAULT_QUOTAS, coupon: 2 };

  it('begin anew a minute after the first request', async () => {
    let now = 5_000;
    const limiter = createMemoryRateLimiter(quotas, () => now);
    const counted = (left: number, resetMs: number, isOver = false) => ({
      limit: 'coupon',
      quota: 2,
      left,
      resetMs,
      isOver,
    });
    expect(await limiter.count('coupon', 'a')).to.deep.equal(counted(1, 60_000));
    now += 59_999;
    expect(await limiter.count('coupon', 'a')).to.deep.equal(counted(0, 1));
    expect(await limiter.count('coupon', 'a')).to.deep.equal(counted(0, 1, true));
    expect(await limiter.count('coupon', 'b')).to.deep.equal(counted(1, 60_000));
    now += 1;
    expect(await limiter.count('coupon', 'a')).to.deep.equal(counted(1, 60_000));
  });

  it('take back a count', async () => {
    const limiter = createMemoryRateLimiter(quotas);
    limiter.forgive('coupon', 'a');
    for (let n = 0; n < 3; n++) {
      expect(await limiter.count('coupon', 'a')).to.include({ left: 1, isOver: false });
      limiter.forgive('coupon', 'a');
    }
  });

  it('forget only the least recent callers if there are too many to count', async () => {
    const limiter = createMemoryRateLimiter(quotas);
    const left = async (key: string) => (await limiter.count('coupon', key)).left;
    for (const key of ['silent', 'silent', 'heard', 'heard']) await left(key);
    await limiter.count('session', 'silent');
    for (let n = 0; n < KEYS - 1; n++) {
      if (n === KEYS / 2) expect((await limiter.count('coupon', 'heard')).isOver).to.equal(true);
      await left(`2001:db8:0:${n.toString(16)}::`);
    }
    expect((await limiter.count('coupon', 'heard')).isOver, 'is still counted').to.equal(true);
    expect(await left('silent'), 'begins anew').to.equal(1);
    expect((await limiter.count('session', 'silent')).left, 'of another kind').to.equal(DEFAULT_QUOTAS.session - 2);
  });
});
