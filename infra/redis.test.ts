// The Redis client on a real cluster of three servers.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { describeWith, freshName } from '../test/engines.js';
import { eventually, freshFolder, freshPort } from '../test/running-shop.js';
import { pythonEngines } from './engines/installation.js';
import { DEFAULT_QUOTAS } from './rate-limits/port.js';
import { createRedisRateLimiter } from './rate-limits/redis.js';
import { createRedisClient, duplicateOf, serversOf } from './redis.js';
import { redisProbe, redisReadModels } from './stores/document-stores.js';

const NODES = 3;
const SLOTS = 16_384;
const KEYS = 50;
const PATIENT_MS = 10_000;
/** Counts of a second process come from Redis. It may not have answered the first one in time. */
const COUNT_TIMEOUT_MS = 5_000;

describeWith('redis', 'The client of a Redis cluster', function () {
  this.timeout(120_000);
  let ports: number[];
  let end: () => Promise<void>;
  let redis: Redis;
  let keyPrefix: string;

  before(async () => {
    ({ ports, end } = await startCluster());
  });
  beforeEach(() => {
    keyPrefix = `${freshName('shop')}:`;
    redis = createRedisClient({ url: `redis://127.0.0.1:${ports[0]}`, isCluster: true, keyPrefix });
    redis.on('error', () => {});
  });
  afterEach(() => redis.disconnect());
  after(() => end());

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
      url: `redis://127.0.0.1:${ports[1]}`,
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

/** Each server holds a third of the slots. */
async function startCluster(): Promise<{ ports: number[]; end(): Promise<void> }> {
  const program = join(await pythonEngines(), 'valkey-server');
  const ports: number[] = [];
  for (let n = 0; n < NODES; n++) ports.push(await freshPort());
  const servers = await Promise.all(
    ports.map(async (port) => {
      const dir = await freshFolder();
      const options = {
        port,
        'cluster-port': await freshPort(),
        dir,
        bind: '127.0.0.1',
        'cluster-enabled': 'yes',
        save: '',
      };
      const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
      return { port, busPort: options['cluster-port'], child: spawn(program, args, { stdio: 'ignore' }) };
    }),
  );
  const clients = ports.map((port) => new Redis(port, '127.0.0.1'));
  for (const client of clients) client.on('error', () => {});
  await Promise.all(clients.map((client) => eventually('it answers', () => client.ping())));
  await Promise.all(
    clients.map((client, n) =>
      client.call('cluster', 'addslotsrange', Math.ceil((n * SLOTS) / NODES), Math.ceil(((n + 1) * SLOTS) / NODES) - 1),
    ),
  );
  for (const { port, busPort } of servers.slice(1)) {
    await clients[0]!.call('cluster', 'meet', '127.0.0.1', port, busPort);
  }
  for (const client of clients) {
    await eventually('the cluster is whole', async () => {
      const info = await client.cluster('INFO');
      expect(info).to.include('cluster_state:ok').and.to.include(`cluster_known_nodes:${NODES}`);
    });
  }
  for (const client of clients) client.disconnect();
  return {
    ports,
    async end() {
      await Promise.all(
        servers.map(({ child }) => new Promise((resolve) => child.once('exit', resolve).kill('SIGKILL'))),
      );
    },
  };
}
