// The Redis client on a real cluster of three servers.
import { expect } from 'chai';
import type { Redis } from 'ioredis';
import { describeWith, freshName } from '../test/engines.js';
import { eventually } from '../test/running-shop.js';
import { DEFAULT_QUOTAS } from './rate-limits/port.js';
import { createRedisRateLimiter } from './rate-limits/redis.js';
import { createRedisClient, duplicateOf, serversOf } from './redis.js';
import { redisProbe, redisReadModels } from './stores/redis-store.js';

const NODES = 3;
const KEYS = 50;
const PATIENT_MS = 10_000;
/** Counts of a second process come from Redis. It may not have answered the first one in time. */
const COUNT_TIMEOUT_MS = 5_000;

describeWith('redis', 'The client of a Redis cluster', function (engines) {
  this.timeout(120_000);
  let addresses: string[];
  let redis: Redis;
  let keyPrefix: string;

  before(async () => {
    addresses = (await engines.freshRedisCluster()).nodes.map(({ address }) => address);
  });
  beforeEach(() => {
    keyPrefix = `${freshName('shop')}:`;
    redis = createRedisClient({ url: addresses[0]!, isCluster: true, keyPrefix });
    redis.on('error', () => {});
  });
  afterEach(() => redis.disconnect());

  it('waits for its first connection, and finds all servers from one address', async () => {
    await redisProbe(redis, PATIENT_MS)();
    expect(serversOf(redis)).to.have.length(NODES);
  });

  it('keeps keys on all servers, with the namespace, and erases exactly those', async () => {
    await redisProbe(redis, PATIENT_MS)();
    const store = redisReadModels(redis, 'here');
    expect(await store.mark()).to.equal(undefined);
    const mark = { generation: 2, log: 'log', key: 'key' };
    expect(await store.leaveMark(mark)).to.deep.equal(mark);
    for (let n = 0; n < KEYS; n++) await redis.set(`key ${n}`, n);
    const other = createRedisClient({
      url: addresses[1]!,
      isCluster: true,
      keyPrefix: `other-${keyPrefix}`,
    });
    await redisProbe(other, PATIENT_MS)();
    await other.set('key', 'stays');

    const held = await Promise.all(serversOf(redis).map((server) => server.keys(`${keyPrefix}*`)));
    expect(held.flat()).to.have.length(KEYS + 1);
    for (const keys of held) expect(keys).not.to.have.length(0);
    await store.erase();
    const left = await Promise.all(serversOf(redis).map((server) => server.keys(`*${keyPrefix}*`)));
    expect(left.flat()).to.deep.equal([`other-${keyPrefix}key`]);
    expect(await store.mark()).to.equal(undefined);
    other.disconnect();
  });

  it('counts the requests of all processes together', async () => {
    await redisProbe(redis, PATIENT_MS)();
    const quotas = { ...DEFAULT_QUOTAS, coupon: 3 };
    const open = () =>
      createRedisRateLimiter({ duplicate: (options) => duplicateOf(redis, options) }, quotas, COUNT_TIMEOUT_MS);
    const limiters = [open(), open()];
    const count = (n: number) => limiters[n % 2]!.count('coupon', keyPrefix);
    await eventually('both are connected', async () => {
      for (const limiter of limiters) await limiter.count('caller', freshName('caller'));
      const held = await Promise.all(serversOf(redis).map((server) => server.keys(`${keyPrefix}rate-limit:caller:*`)));
      expect(held.flat()).to.have.length.at.least(2);
    });
    const answers = [];
    for (let n = 0; n < 4; n++) answers.push(await count(n));
    expect(answers.map(({ isOver }) => isOver)).to.deep.equal([false, false, false, true]);
    for (const limiter of limiters) limiter.close();
  });
});
