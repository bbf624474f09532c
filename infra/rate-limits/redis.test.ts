import { expect } from 'chai';
import { Redis } from 'ioredis';
import { describeWith, freshName } from '../../test/engines.js';
import { scaledQuotas } from './port.js';
import { createRedisRateLimiter } from './redis.js';

const QUOTAS = scaledQuotas(0.1); // three coupons a minute

describeWith('redis', 'Rate limits in Redis', (engines) => {
  let redis: Redis;
  const opened: { close(): void }[] = [];

  const open = async () => {
    const limiter = createRedisRateLimiter(redis, QUOTAS);
    opened.push(limiter);
    await new Promise((resolve) => setTimeout(resolve, 200)); // it connects
    return limiter;
  };

  beforeEach(() => {
    redis = new Redis(engines.redis(), { keyPrefix: `${freshName('limits')}:` });
  });
  afterEach(() => {
    for (const limiter of opened.splice(0)) limiter.close();
    redis.disconnect();
  });

  it('are counted by all processes together', async () => {
    const [one, other] = [await open(), await open()];
    for (const limiter of [one, other, one]) expect((await limiter.count('coupon', 'a')).isOver).to.equal(false);
    expect(await other.count('coupon', 'a')).to.include({ isOver: true, quota: 3, left: 0 });
    expect((await other.count('coupon', 'b')).left).to.equal(2);
  });

  it('are counted by each process alone while Redis hangs or is away, without a wait worth the name', async () => {
    const limiter = await open();
    await limiter.count('coupon', 'a');
    await redis.call('CLIENT', 'PAUSE', '3000', 'ALL');
    const since = performance.now();
    const counts = [];
    for (let n = 0; n < 20; n++) counts.push(await limiter.count('coupon', 'a'));
    expect(performance.now() - since).to.be.below(1_500);
    expect(counts.map(({ isOver }) => isOver).lastIndexOf(false)).to.equal(2);
    limiter.close();
    expect((await limiter.count('session', 'b')).isOver).to.equal(false);
  });
});
