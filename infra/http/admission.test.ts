import { expect } from 'chai';
import pino from 'pino';
import { Registry } from 'prom-client';
import { z } from 'zod';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { endpoint } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import { createMemoryIdempotency } from '../../test/memory-idempotency.js';
import { the } from '../../test/the.js';
import { createSeals } from '../crypto/seals.js';
import { createMemoryRateLimiter } from '../rate-limits/memory.js';
import { scaledQuotas } from '../rate-limits/port.js';
import { parseRanges } from './addresses.js';
import { createApp } from './app.js';
import { type RunningServer, startServer } from './server.js';

const SCALE = 0.05; // of a caller's 600: 30
const QUOTAS = scaledQuotas(SCALE);

describe('Admission', () => {
  let server: RunningServer;
  let checks = 0;

  const of = (path: string, limit?: 'session' | 'coupon') =>
    endpoint({
      method: 'get',
      path,
      summary: 'Answer',
      roles: ['public', 'customer'],
      ...defined({ limit }),
      answers: { 204: z.void() },
      handle: async () => ({ status: 204 }),
    });

  beforeEach(async () => {
    checks = 0;
    const app = createApp({
      endpoints: [of('/v1/plain'), of('/v1/sessions', 'session'), of('/v1/coupons', 'coupon')],
      admission: {
        async authenticate(token): Promise<Caller | undefined> {
          checks++;
          const role = 'customer';
          return token.startsWith('true') ? { role, id: token, customerId: token } : undefined;
        },
        rateLimiter: createMemoryRateLimiter(QUOTAS),
        ownRateLimiter: createMemoryRateLimiter(QUOTAS),
        trustedProxies: the(parseRanges(['127.0.0.1'])),
      },
      idempotency: createMemoryIdempotency(),
      seals: createSeals(Buffer.alloc(32)),
      readiness: async () => ({ away: [], standingStill: [] }),
      registry: new Registry(),
      clock: Date.now,
      log: pino({ level: 'silent' }),
    });
    server = await startServer(app, { port: 0 });
  });
  afterEach(() => server.close());

  const ask = (path: string, from: string, token?: string) =>
    fetch(server.url + path, {
      headers: { 'x-forwarded-for': from, ...(token && { authorization: `Bearer ${token}` }) },
    });
  /** How many of many concurrent requests are accepted. */
  const taken = async (times: number, request: (n: number) => Promise<Response>) => {
    const answers = await Promise.all(Array.from({ length: times }, (_, n) => request(n)));
    return answers.filter(({ status }) => status !== 429).length;
  };

  it('rejects only a caller with too many requests, from any address', async () => {
    expect(await taken(50, (n) => ask('/v1/plain', `198.51.100.${n}`, 'true-a'))).to.equal(QUOTAS.caller);
    expect((await ask('/v1/plain', '198.51.100.1', 'true-b')).status).to.equal(204);
  });

  it('counts requests without a token by address, unknown paths too, but not health checks', async () => {
    expect(await taken(50, (n) => ask(n % 2 ? '/v1/none' : '/docs', '198.51.100.1'))).to.equal(QUOTAS.caller);
    expect((await ask('/healthz', '198.51.100.1')).status).to.equal(200);
    expect((await ask('/v1/plain', '198.51.100.2')).status).to.equal(204);
  });

  it('counts sessions and coupons by address for any caller, and an IPv6 /64 as one address', async () => {
    expect(await taken(20, (n) => ask('/v1/sessions', '198.51.100.1', `true-${n}`))).to.equal(QUOTAS.session);
    expect(await taken(20, (n) => ask('/v1/coupons', `2001:db8:0:1::${n}`, `true-c${n}`))).to.equal(QUOTAS.coupon);
    expect((await ask('/v1/coupons', '2001:db8:0:2::1')).status).to.equal(204);
  });

  it('reports the remaining requests, and when to retry', async () => {
    const first = await ask('/v1/coupons', '198.51.100.1');
    expect(first.headers.get('ratelimit-policy')).to.equal('"coupon";q=2;w=60, "caller";q=30;w=60');
    expect(first.headers.get('ratelimit')).to.match(/^"coupon";r=1;t=\d+, "caller";r=29;t=\d+$/);
    await ask('/v1/coupons', '198.51.100.1');
    const refused = await ask('/v1/coupons', '198.51.100.1');
    expect(refused.status).to.equal(429);
    expect(Number(refused.headers.get('retry-after'))).to.be.within(1, 60);
    expect(refused.headers.get('ratelimit')).to.contain('"coupon";r=0;');
    expect(await refused.json()).to.include({ code: 'rate_limited', status: 429 });
  });

  it('limits the forged tokens of one address, but not the valid ones', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => ask('/v1/plain', '198.51.100.1', `no-${n}`)),
    );
    expect(checks).to.equal(QUOTAS['invalid-token']);
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([401, 429]));
    expect((await ask('/v1/plain', '198.51.100.2', 'no')).status).to.equal(401);
    for (let n = 0; n < 20; n++) expect((await ask('/v1/plain', '198.51.100.3', `true-d${n}`)).status).to.equal(204);
  });

  it('always has limits, however small the scale', () => {
    expect(Math.min(...Object.values(scaledQuotas(1e-9)))).to.equal(1);
  });
});
