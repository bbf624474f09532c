import { once } from 'node:events';
import { expect } from 'chai';
import { Redis, type RedisOptions } from 'ioredis';
import { describeWith, freshName } from '../../test/engines.js';
import { the } from '../../test/the.js';
import { scaledQuotas } from './port.js';
import { createRedisRateLimiter } from './redis.js';

/** Longer, because the machine may be busy. */
const SLACK_MS = 1_500;

/** Time for an answer: if none may come, and if none may be missed. */
const TIMEOUT_MS = 1_000;
const PATIENT_MS = 10_000;

const QUOTAS = scaledQuotas(0.1); // three coupons a minute

describeWith('redis', 'Rate limits in Redis', (engines) => {
  /** A Redis of its own, because this file blocks and freezes it. */
  let address: string;
  let redis: Redis;
  const opened: { close(): void }[] = [];

  const open = async (countTimeoutMs?: number) => {
    let connected: Promise<unknown> = Promise.resolve();
    const duplicate = (options?: Partial<RedisOptions>) => {
      const client = redis.duplicate(options);
      connected = once(client, 'ready');
      return client;
    };
    const limiter = createRedisRateLimiter({ duplicate }, QUOTAS, countTimeoutMs);
    opened.push(limiter);
    await connected;
    return limiter;
  };

  before(async () => {
    ({ address } = await engines.freshEngine('redis'));
  });
  beforeEach(() => {
    redis = new Redis(address, { keyPrefix: `${freshName('limits')}:` });
  });
  afterEach(() => {
    for (const limiter of opened.splice(0)) limiter.close();
    redis.disconnect();
  });

  it('are counted by all processes together', async () => {
    const [one, other] = [await open(PATIENT_MS), await open(PATIENT_MS)];
    for (const limiter of [one, other, one]) expect((await limiter.count('coupon', 'a')).isOver).to.equal(false);
    expect(await other.count('coupon', 'a')).to.include({ isOver: true, quota: 3, left: 0 });
    expect((await other.count('coupon', 'b')).left).to.equal(2);
  });

  it('are counted by each process alone while Redis hangs or does not answer, with hardly any wait', async () => {
    const limiter = await open(TIMEOUT_MS);
    await limiter.count('coupon', 'a');
    await redis.call('CLIENT', 'PAUSE', '3000', 'ALL');
    const since = performance.now();
    const counts = [];
    for (let n = 0; n < 40; n++) counts.push(await limiter.count('coupon', 'a'));
    expect(performance.now() - since).to.be.below(2_500);
    expect(counts.map(({ isOver }) => isOver).lastIndexOf(false)).to.equal(2);
    limiter.close();
    expect((await limiter.count('session', 'b')).isOver).to.equal(false);
  });

  it('are counted by the process while Redis is frozen, and together again once it has thawed', async () => {
    const pid = Number(the(/process_id:(\d+)/.exec(await redis.info('server')))[1]);
    const limiter = await open(TIMEOUT_MS);
    await limiter.count('coupon', 'a');
    process.kill(pid, 'SIGSTOP');
    try {
      const since = performance.now();
      const counts = await Promise.all(Array.from({ length: 20 }, () => limiter.count('coupon', 'a')));
      expect(performance.now() - since, 'for all at once, the one wait').to.be.below(TIMEOUT_MS + SLACK_MS);
      expect(counts.filter(({ isOver }) => !isOver)).to.have.lengthOf(3);
      const later = performance.now();
      for (let n = 0; n < 100; n++) await limiter.count('session', `${n}`);
      expect(performance.now() - later, 'without another wait').to.be.below(SLACK_MS);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const other = await open(PATIENT_MS);
    for (let left = 2; left >= 0; left--) expect(await other.count('coupon', 'b')).to.include({ left, isOver: false });
    await new Promise((resolve) => setTimeout(resolve, 5_100));
    expect((await limiter.count('coupon', 'b')).isOver).to.equal(true);
  }).timeout(20_000);
});
