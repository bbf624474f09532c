import { expect } from 'chai';
import pino from 'pino';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { endpoint } from '../../domain/kernel/endpoint.js';
import { createMemoryIdempotency } from '../../test/memory-idempotency.js';
import { unlimited } from '../../test/unlimited.js';
import { createSeals } from '../crypto/seals.js';
import { createApp } from './app.js';
import { CORS_MAX_AGE_S } from './limits.js';
import { type RunningServer, startServer } from './server.js';

const SHOP = 'https://shop.example';
const OTHERS = [
  'https://other.example',
  'http://shop.example',
  'https://shop.example:8443',
  'https://shop.example.',
  'null',
];

const thing = endpoint({
  method: 'put',
  path: '/v1/things/{id}',
  summary: 'Change a thing',
  roles: ['public'],
  params: z.strictObject({ id: z.string() }),
  answers: { 200: z.unknown() },
  handle: async () => ({ status: 200, version: 1, body: {} }),
});

describe('Scripts of other origins', () => {
  let servers: RunningServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.close()));
    servers = [];
  });

  /** Sends requests to a server that allows these origins. */
  async function serving(corsOrigins: string[]) {
    const app = createApp({
      endpoints: [thing],
      admission: unlimited(async () => undefined),
      corsOrigins,
      idempotency: createMemoryIdempotency(),
      seals: createSeals(Buffer.alloc(32)),
      readiness: async () => ({ away: [], standingStill: [] }),
      registry: new Registry(),
      clock: Date.now,
      log: pino({ level: 'silent' }),
    });
    const server = await startServer(app, { port: 0 });
    servers.push(server);
    return async (method: string, path: string, headers: Record<string, string> = {}) => {
      const { status, headers: answered } = await fetch(server.url + path, { method, headers });
      return { status, headers: Object.fromEntries(answered) };
    };
  }

  const preflight = (origin: string) => ({
    origin,
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'authorization,if-match',
  });
  const listOf = (header: string | undefined) => header?.split(',').map((name) => name.trim());
  const corsOf = (headers: Record<string, string>) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));
  /** The common part of two answers to the same request. */
  const lasting = ({
    status,
    headers: { date, 'x-request-id': id, ratelimit, ...headers },
  }: {
    status: number;
    headers: Record<string, string>;
  }) => ({ status, headers });

  it('may do nothing without configuration', async () => {
    const ask = await serving([]);
    for (const [method, headers] of [
      ['PUT', { origin: SHOP }],
      ['OPTIONS', preflight(SHOP)],
    ] as const) {
      const answer = await ask(method, '/v1/things/1', headers);
      expect(corsOf(answer.headers)).to.deep.equal({});
      expect(answer.headers).not.to.have.property('vary');
    }
  });

  it('of an allowed origin may read every answer, problems too, with the headers that they need', async () => {
    const ask = await serving(['https://first.example', SHOP]);
    for (const [method, path, status] of [
      ['PUT', '/v1/things/1', 200],
      ['PUT', '/v1/things/%ff', 400],
      ['POST', '/v1/things/1', 405],
      ['GET', '/v1/none', 404],
      ['GET', '/metrics', 401],
      ['GET', '/openapi.json', 200],
    ] as const) {
      const answer = await ask(method, path, { origin: SHOP });
      expect(answer.status, path).to.equal(status);
      expect(answer.headers, path).to.include({ 'access-control-allow-origin': SHOP, vary: 'Origin' });
      expect(listOf(answer.headers['access-control-expose-headers']), path).to.have.members([
        'Consistency-Token',
        'ETag',
        'Idempotency-Replayed',
        'Location',
        'RateLimit',
        'RateLimit-Policy',
        'Retry-After',
        'X-Request-Id',
      ]);
      expect(answer.headers).not.to.have.property('access-control-allow-credentials');
    }
  });

  it('of an allowed origin get an answer to their preflight on any path', async () => {
    const ask = await serving([SHOP]);
    for (const path of ['/v1/things/1', '/v1/none', '/v1/things/%ff', '/metrics']) {
      const { status, headers } = await ask('OPTIONS', path, preflight(SHOP));
      expect(status, path).to.equal(204);
      expect(headers).to.include({
        'access-control-allow-origin': SHOP,
        'access-control-max-age': String(CORS_MAX_AGE_S),
        vary: 'Origin',
        'x-content-type-options': 'nosniff',
      });
      expect(listOf(headers['access-control-allow-methods'])).to.have.members([
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
      ]);
      expect(listOf(headers['access-control-allow-headers'])).to.have.members([
        'Authorization',
        'Consistency-Token',
        'Content-Type',
        'Idempotency-Key',
        'If-Match',
        'If-None-Match',
        'Prefer',
        'X-Request-Id',
      ]);
    }
  });

  it('of other origins, and requests without an origin, are answered as without configuration', async () => {
    const [without, ask] = [await serving([]), await serving([SHOP])];
    for (const origin of OTHERS) {
      for (const [method, path, headers] of [
        ['PUT', '/v1/things/1', { origin }],
        ['OPTIONS', '/v1/things/1', preflight(origin)],
        ['OPTIONS', '/v1/none', preflight(origin)],
        ['PUT', '/v1/things/1', {}],
        ['OPTIONS', '/v1/things/1', {}],
      ] as const) {
        const { vary, ...rest } = (await ask(method, path, headers)).headers;
        expect(vary).to.equal('Origin');
        expect(corsOf(rest)).to.deep.equal({});
        const plain = lasting(await without(method, path, headers));
        expect(lasting({ status: plain.status, headers: rest })).to.deep.equal(plain);
      }
    }
  });

  it('are all allowed by `*`', async () => {
    const ask = await serving(['*']);
    for (const origin of [SHOP, ...OTHERS]) {
      const { headers } = await ask('PUT', '/v1/things/1', { origin });
      expect(headers).to.include({ 'access-control-allow-origin': origin, vary: 'Origin' });
      expect((await ask('OPTIONS', '/v1/things/1', preflight(origin))).headers).to.include.keys(
        'access-control-allow-methods',
      );
    }
  });
});
