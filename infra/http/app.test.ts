import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import pino from 'pino';
import { Registry } from 'prom-client';
import { z } from 'zod';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { type Caller, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { NotYetVisible, Problem, Unavailable } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import { wholeNumber } from '../../domain/kernel/text.js';
import { createMemoryIdempotency } from '../../test/memory-idempotency.js';
import { the } from '../../test/the.js';
import { unlimited } from '../../test/unlimited.js';
import { REPEATS_COUNTED_MS } from '../counted-log.js';
import { createSeals } from '../crypto/seals.js';
import { RUN_LEASE_MS } from '../idempotency/port.js';
import { createApp } from './app.js';
import { createConsistencyTokens } from './consistency-token.js';
import { MAX_BODY_BYTES } from './limits.js';
import type { Outages } from './operations.js';
import { type RunningServer, startServer } from './server.js';

const CALLERS: Record<string, Caller> = {
  alice: { role: 'customer', id: 'customer_alice', customerId: 'customer_alice' },
  bob: { role: 'customer', id: 'customer_bob', customerId: 'customer_bob' },
  olga: { role: 'ops', id: 'olga' },
};

const seals = createSeals(randomBytes(32));
const tokens = createConsistencyTokens(seals.consistencyTokens);

const line = z.strictObject({ sku: z.string().min(1), quantity: z.int().min(1).max(99) });
const basket = z.strictObject({ lines: z.array(line).max(3), note: z.string().max(20).optional() });

describe('the HTTP surface', () => {
  let server: RunningServer;
  let now = Date.UTC(2026, 10, 23);
  let outages: Outages = { away: [], standingStill: [] };
  let logged: string[] = [];
  let commands: CommandMeta[] = [];
  /** The effect of the next command, set by a test. */
  let act: () => Promise<void> = async () => {};
  /** Runs while a token is verified, set by a test. */
  let meanwhile: () => Promise<void> = async () => {};

  const endpoints: Endpoint[] = [
    endpoint({
      method: 'get',
      path: '/v1/things/{id}',
      summary: 'One thing',
      roles: ['public', 'customer'],
      params: z.strictObject({ id: z.string().max(20) }),
      query: z.strictObject({ limit: wholeNumber(z.int().min(1).max(100)).default(24) }),
      answers: { 200: z.unknown() },
      async handle({ params, query, caller, seen, waitMs }) {
        if (params.id === 'broken-secret') throw new TypeError('broken');
        const body = { ...params, ...query, caller: caller.id, seen: [...seen], waitMs };
        return { status: 200, version: 7, body };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/things/current',
      summary: 'The current thing',
      roles: ['customer'],
      answers: { 200: z.unknown() },
      handle: async ({ caller }) => ({ status: 200, body: { current: caller.customerId } }),
    }),
    endpoint({
      method: 'post',
      path: '/v1/baskets',
      summary: 'Fill a basket',
      roles: ['customer', 'support'],
      idempotency: 'accepted',
      body: basket,
      answers: { 201: z.unknown() },
      async handle({ body, command, newId }) {
        commands.push(command());
        await act();
        const id = newId('basket');
        return {
          status: 201,
          version: 1,
          seen: [['order#1', 5]],
          headers: { Location: `/v1/${id}` },
          body: { id, ...body },
        };
      },
    }),
    endpoint({
      method: 'post',
      path: '/v1/refunds',
      summary: 'Move money',
      roles: ['public'],
      idempotency: 'required',
      answers: { 204: z.void() },
      handle: async () => ({ status: 204 }),
    }),
    endpoint({
      method: 'post',
      path: '/v1/news',
      summary: 'News that somebody has signed',
      roles: ['public'],
      signedBy: 'News-Signature',
      answers: { 200: z.unknown() },
      handle: async ({ signed }) => ({
        status: 200,
        body: { bytes: [...the(signed).body], signature: the(signed).signature },
      }),
    }),
    endpoint({
      method: 'delete',
      path: '/v1/everything',
      summary: 'For ops alone',
      roles: ['ops'],
      answers: { 204: z.void() },
      handle: async () => ({ status: 204 }),
    }),
  ];

  before(async () => {
    const app = createApp({
      endpoints,
      admission: unlimited(async (token) => {
        await meanwhile();
        return CALLERS[token];
      }),
      idempotency: createMemoryIdempotency(),
      seals,
      readiness: async () => outages,
      registry: new Registry(),
      clock: () => now,
      log: pino({ level: 'warn' }, { write: (text) => void logged.push(text) }),
    });
    server = await startServer(app, { port: 0 });
  });
  after(() => server.close());
  beforeEach(() => {
    [logged, commands] = [[], []];
    outages = { away: [], standingStill: [] };
    act = async () => {};
    meanwhile = async () => {};
  });

  interface Sent {
    method?: string;
    as?: string;
    headers?: Record<string, string>;
    json?: unknown;
    body?: string | Uint8Array<ArrayBuffer>;
  }

  async function ask(path: string, { method, as, headers, json, body = JSON.stringify(json) }: Sent = {}) {
    const response = await fetch(server.url + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(as && { authorization: `Bearer ${as}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...defined({ body }),
    });
    const text = await response.text();
    const isJson = text !== '' && response.headers.get('content-type')?.includes('json');
    const parsed = isJson ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, text, body: parsed };
  }

  async function refused(path: string, sent: Sent, status: number, code: string) {
    const answer = await ask(path, sent);
    expect(answer.headers.get('content-type')).to.equal('application/problem+json');
    const { title, detail, ...rest } = answer.body;
    expect(rest).to.include({ type: `/docs#${code}`, status, code, instance: path.split('?')[0] });
    expect(title).to.be.a('string').that.is.not.empty;
    expect(detail).to.be.a('string').that.is.not.empty;
    expect(answer.status).to.equal(status);
    return answer;
  }

  const fill = (sent: Sent = {}) => ask('/v1/baskets', { as: 'alice', json: { lines: [] }, ...sent });
  const keyed = (key: string): Sent => ({ headers: { 'idempotency-key': key } });

  describe('answers', () => {
    it('with the request id of the request, or with a new one if that is unsafe for a log', async () => {
      const kept = await fill({ headers: { 'x-request-id': 'mobile-7:ab' } });
      expect(kept.headers.get('x-request-id')).to.equal('mobile-7:ab');
      expect(commands[0]).to.include({ correlationId: 'mobile-7:ab' });
      for (const odd of ['', 'a b', '"', 'x'.repeat(129)]) {
        const answer = await ask('/v1/things/1', { headers: { 'x-request-id': odd } });
        expect(answer.headers.get('x-request-id')).to.match(/^[0-9A-Z]{26}$/);
      }
    });

    it('with the version as ETag, the headers of the endpoint, and the security headers for browsers', async () => {
      const { headers } = await fill();
      expect(headers.get('etag')).to.match(/^"v1-[\w-]{16}"$/);
      expect(headers.get('location')).to.match(/^\/v1\/basket_/);
      expect(headers.get('x-content-type-options')).to.equal('nosniff');
      expect(headers.get('cache-control')).to.equal('no-store');
      expect(headers.has('x-powered-by')).to.equal(false);
    });

    it('to a query once it shows the commits of the token, and waits as long as the caller prefers', async () => {
      const token = tokens.encode(new Map([['order#1', 5]]));
      const headers = { 'consistency-token': token, prefer: 'respond-async, wait=2' };
      const { body, headers: answered } = await ask('/v1/things/1', { headers });
      expect(body).to.include({ waitMs: 2000 });
      expect(body.seen).to.deep.equal([['order#1', 5]]);
      expect(answered.get('consistency-token')).to.equal(token);
      const preferences = { 'wait=99999': 30_000, 'Wait = "7" ; x=y': 7_000, 'wait=0': 0, 'await=1, foo': 5_000 };
      for (const [prefer, waitMs] of Object.entries(preferences)) {
        expect((await ask('/v1/things/1', { headers: { prefer } })).body.waitMs, prefer).to.equal(waitMs);
      }
      // RFC 7240: an unknown preference is ignored.
      for (const odd of ['1e1', '0x10', '+5', '-1', '5.5', '5s', '', '5 6']) {
        expect((await ask('/v1/things/1', { headers: { prefer: `wait=${odd}` } })).body.waitMs, odd).to.equal(5_000);
      }
    });

    it('to a command with a token that contains its own commits and those that the caller had seen', async () => {
      const { headers } = await fill({ headers: { 'consistency-token': tokens.encode(new Map([['cart#2', 3]])) } });
      const seen = tokens.decode(the(headers.get('consistency-token')));
      expect([...seen].sort()).to.deep.equal([
        ['cart#2', 3],
        ['order#1', 5],
      ]);
    });

    it('to a signed body, which the handler gets unchanged', async () => {
      const body = Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0xff, 0x00);
      const headers = { 'news-signature': 't=1,v1=ab', 'content-type': 'text/plain' };
      const answer = await ask('/v1/news', { body, headers });
      expect(answer).to.have.property('status', 200);
      expect(answer.body).to.deep.equal({ bytes: [...body], signature: 't=1,v1=ab' });
      await refused('/v1/news', { body }, 400, 'invalid_request');
      await refused('/v1/news', { body: new Uint8Array(MAX_BODY_BYTES + 1), headers }, 413, 'too_large');
    });

    it('HEAD like GET without the body, and OPTIONS with the allowed methods', async () => {
      const head = await ask('/v1/things/1', { method: 'HEAD' });
      expect([head.status, head.text]).to.deep.equal([200, '']);
      const options = await ask('/v1/things/1', { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow')]).to.deep.equal([204, 'GET, HEAD, OPTIONS']);
    });
  });

  describe('authenticates its callers', () => {
    it('and requires a token of callers without one or with an invalid one', async () => {
      const none = await refused('/v1/things/current', {}, 401, 'unauthenticated');
      expect(none.headers.get('www-authenticate')).to.equal('Bearer realm="commerce"');
      const bad = await refused('/v1/things/current', { as: 'mallory' }, 401, 'unauthenticated');
      expect(bad.headers.get('www-authenticate')).to.contain('error="invalid_token"');
      await refused('/v1/things/current', { headers: { authorization: 'Basic YTpi' } }, 401, 'unauthenticated');
    });

    it('and rejects a role that the endpoint does not allow', async () => {
      await refused('/v1/everything', { as: 'alice', method: 'DELETE' }, 403, 'forbidden');
      expect(await ask('/v1/everything', { as: 'olga', method: 'DELETE' })).to.include({ status: 204, text: '' });
    });

    it('and serves public endpoints with or without a token', async () => {
      expect((await ask('/v1/things/1')).body.caller).to.equal('anonymous');
      expect((await ask('/v1/things/1', { as: 'alice' })).body.caller).to.equal('customer_alice');
      await refused('/v1/things/1', { as: 'mallory' }, 401, 'unauthenticated');
      expect((await ask('/v1/refunds', { json: {}, ...keyed('k') })).status).to.equal(204);
    });

    it('and rejects forged and expired tokens on every endpoint', async () => {
      const paths = endpoints.map(({ method, path }) => [method, path.replace('{id}', '1')] as const);
      for (const [method, path] of [...paths, ['get', '/docs'], ['get', '/openapi.json'], ['get', '/none']] as const) {
        for (const authorization of ['Bearer mallory', 'Bearer', 'Basic YTpi', 'x']) {
          const sent = { method: method.toUpperCase(), headers: { authorization } };
          const answer = await refused(path, sent, 401, 'unauthenticated');
          expect(answer.headers.get('www-authenticate'), path).to.contain('error="invalid_token"');
        }
      }
    });
  });

  describe('rejects', () => {
    it('unknown paths and methods', async () => {
      await refused('/v1/nothing', {}, 404, 'not_found');
      await refused('/v1/things/1/', {}, 404, 'not_found');
      const answer = await refused('/v1/things/1', { json: {} }, 405, 'method_not_allowed');
      expect(answer.headers.get('allow')).to.equal('GET, HEAD, OPTIONS');
    });

    it('every wrong field by name, with the allowed values', async () => {
      const json = {
        lines: [
          { sku: '', quantity: 100 },
          { sku: 'a', quantity: 1, 'x/y': 2 },
        ],
        other: 1,
      };
      const { body } = await refused('/v1/baskets', { as: 'alice', json }, 400, 'invalid_request');
      expect(body.errors).to.have.deep.members([
        { pointer: '/lines/0/sku', detail: 'must have at least 1 character' },
        { pointer: '/lines/0/quantity', detail: 'must be at most 99' },
        { pointer: '/lines/1/x~1y', detail: 'is not a known field' },
        { pointer: '/other', detail: 'is not a known field' },
      ]);
    });

    it('missing fields and invalid numbers, in plain words', async () => {
      const faults = async (path: string, sent: Sent = {}) =>
        (await refused(path, sent, 400, 'invalid_request')).body.errors;
      const json = { lines: [{}, { sku: 'a', quantity: '2' }, { sku: 'a', quantity: 1.5 }] };
      expect(await faults('/v1/baskets', { as: 'alice', json })).to.have.deep.members([
        { pointer: '/lines/0/sku', detail: 'is required' },
        { pointer: '/lines/0/quantity', detail: 'is required' },
        { pointer: '/lines/1/quantity', detail: 'must be a whole number from 1 to 99' },
        { pointer: '/lines/2/quantity', detail: 'must be a whole number from 1 to 99' },
      ]);
      for (const odd of [
        'abc',
        '1e1',
        '0x10',
        '%205%20',
        '%2B5',
        '05',
        '5.0',
        '',
        '-1',
        'Infinity',
        'true',
        '٣',
        '5_0',
      ]) {
        expect(await faults(`/v1/things/1?limit=${odd}`), odd).to.deep.equal([
          { pointer: '?limit', detail: 'must be a whole number from 1 to 100' },
        ]);
      }
      expect((await ask('/v1/things/1?limit=5')).body.limit).to.equal(5);
    });

    it('repeated names in the query and in the body, because their meaning is ambiguous', async () => {
      const twice = 'is given more than once';
      const query = await refused('/v1/things/1?limit=1&limit=1&z=1&z=2', {}, 400, 'invalid_request');
      expect(query.body.errors).to.deep.equal([
        { pointer: '?limit', detail: twice },
        { pointer: '?z', detail: twice },
      ]);
      const body = '{"lines":[{"sku":"a","quantity":1},{"sku":"b","quantity":1,"quantity":2}]}';
      const refusal = await refused('/v1/baskets', { as: 'alice', body }, 400, 'invalid_request');
      expect(refusal.body).to.deep.include({
        detail: '/lines/1/quantity: is given more than once',
        errors: [{ pointer: '/lines/1/quantity', detail: twice }],
      });
    });

    it('invalid values in the query and the path', async () => {
      const { body } = await refused(`/v1/things/${'x'.repeat(21)}?limit=0&z=1`, {}, 400, 'invalid_request');
      const pointers = body.errors.map(({ pointer }: { pointer: string }) => pointer);
      expect(pointers).to.have.members(['{id}', '?limit', '?z']);
    });

    it('a missing body, a broken one, one that is not UTF-8, and one that is not allowed', async () => {
      for (const body of ['', '{', '{"lines":[],}', Uint8Array.of(0x22, 0xff, 0x22)]) {
        await refused('/v1/baskets', { as: 'alice', method: 'POST', body }, 400, 'invalid_request');
      }
      await refused('/v1/refunds', { json: { amount: 1 }, ...keyed('b') }, 400, 'invalid_request');
    });

    it('text that cannot be stored, and nesting that is too deep', async () => {
      for (const note of ['a\0b', '\ud800']) {
        const { body } = await refused(
          '/v1/baskets',
          { as: 'alice', json: { lines: [], note } },
          400,
          'invalid_request',
        );
        expect(body.errors[0].pointer).to.equal('/note');
      }
      const body = '['.repeat(100_000) + ']'.repeat(100_000);
      await refused('/v1/baskets', { as: 'alice', body }, 400, 'invalid_request');
      await refused('/v1/things/a%00', {}, 400, 'invalid_request');
      await refused('/v1/things/%ff', {}, 400, 'invalid_request');
    });

    it('bodies over the limit, other media types, other charsets, unknown encodings', async () => {
      const body = JSON.stringify('x'.repeat(MAX_BODY_BYTES));
      const large = await refused('/v1/baskets', { as: 'alice', body }, 413, 'too_large');
      expect(large.body.detail).to.include(String(MAX_BODY_BYTES));
      for (const type of ['text/plain', 'application/json; charset=latin1', 'application/x-www-form-urlencoded']) {
        const sent = { as: 'alice', body: '{}', headers: { 'content-type': type } };
        await refused('/v1/baskets', sent, 415, 'unsupported_media_type');
      }
      const zipped = { as: 'alice', body: '{}', headers: { 'content-encoding': 'compress' } };
      await refused('/v1/baskets', zipped, 415, 'unsupported_media_type');
    });

    it('a body or path that cannot be decoded, and names the place', async () => {
      const headers = { 'content-encoding': 'gzip' };
      const cut = gzipSync('{"lines":[]}').subarray(0, -9);
      for (const body of ['no gzip', new Uint8Array(cut)]) {
        const zipped = await refused('/v1/baskets', { as: 'alice', body, headers }, 400, 'invalid_request');
        expect(zipped.body.errors).to.deep.equal([
          { pointer: 'Content-Encoding', detail: 'the body is not valid gzip' },
        ]);
      }
      const { body } = await refused('/v1/things/%E0%A4%A', {}, 400, 'invalid_request');
      expect(body.errors).to.deep.equal([{ pointer: 'path', detail: 'is not percent-encoded UTF-8' }]);
    });

    it('headers that are malformed, by name', async () => {
      const malformed = { 'if-match': 'v1', 'idempotency-key': 'k'.repeat(256), 'consistency-token': 'MSBvcmRlciMx' };
      for (const [name, value] of Object.entries(malformed)) {
        const sent = { as: 'alice', json: { lines: [] }, headers: { [name]: value } };
        const { body } = await refused('/v1/baskets', sent, 400, 'invalid_request');
        expect(body.errors[0].pointer.toLowerCase()).to.equal(name);
      }
      const { body } = await refused('/v1/refunds', { json: {} }, 400, 'invalid_request');
      expect(body.errors[0].detail).to.contain('required');
    });
  });

  describe('reports errors', () => {
    it("with the code and the members of the domain's rejection", async () => {
      act = async () => {
        throw new Problem('out_of_stock', 'Only 2 of A left.', { available: { A: 2 } });
      };
      const answer = await refused('/v1/baskets', { as: 'alice', json: { lines: [] } }, 409, 'out_of_stock');
      expect(answer.body.available).to.deep.equal({ A: 2 });
    });

    it('as unavailable, with the time to wait and without the addresses of engines', async () => {
      act = async () => {
        throw new Unavailable('Postgres', 'connect ECONNREFUSED 10.0.0.7:5432', 3);
      };
      const answer = await refused('/v1/baskets', { as: 'alice', json: { lines: [] } }, 503, 'unavailable');
      expect(answer.headers.get('retry-after')).to.equal('3');
      expect(answer.text).not.to.contain('10.0.0.7');
      expect(logged.join()).to.contain('10.0.0.7');
    });

    it('as not yet visible, with advice, and without reporting an engine as unavailable', async () => {
      act = async () => {
        throw new NotYetVisible('The order list');
      };
      const answer = await refused('/v1/baskets', { as: 'alice', json: { lines: [] } }, 503, 'unavailable');
      expect(answer.headers.get('retry-after')).to.equal('1');
      expect(answer.body.detail).to.include('does not have the commits').and.to.include('Prefer: wait=N');
      expect(logged.join()).to.contain('is behind').and.not.to.contain('away');
    });

    it('as an internal error that is logged with the request id and reveals nothing else', async () => {
      act = async () => {
        throw new TypeError('secret is not a function');
      };
      const sent = { as: 'alice', json: { lines: [] }, headers: { 'x-request-id': 'find-me' } };
      const answer = await refused('/v1/baskets', sent, 500, 'internal_error');
      expect(answer.text).not.to.contain('secret');
      expect(JSON.parse(the(logged[0]))).to.include({ requestId: 'find-me', path: '/v1/baskets' });
    });

    it('and the log has the route, because a path may have a secret', async () => {
      await refused('/v1/things/broken-secret', {}, 500, 'internal_error');
      expect(logged).to.have.length(1);
      expect(logged.join()).to.include('"path":"/v1/things/{id}"').and.not.to.include('secret');
    });
  });

  it('logs equal failures of a minute once, then their number with the last one', async () => {
    const fail = async () => {
      throw new RangeError('out of range');
    };
    const away = async () => {
      throw new Unavailable('Redis', 'away');
    };
    for (const [failing, status, message] of [
      [fail, 500, 'a request failed with an internal error'],
      [away, 503, 'a request failed because an engine is away'],
    ] as const) {
      const send = (n: number) => fill({ headers: { 'x-request-id': `storm-${n}` } });
      logged = [];
      act = failing;
      for (let n = 0; n < 30; n++) expect((await send(n)).status).to.equal(status);
      expect(logged.map((line) => JSON.parse(line).requestId)).to.deep.equal(['storm-0']);
      now += REPEATS_COUNTED_MS;
      await send(30);
      const [, counted, next] = logged.map((line) => JSON.parse(line));
      expect(counted).to.include({ requestId: 'storm-29', repeats: 29 });
      expect(counted.msg).to.include(message).and.include('29 more within 60 s');
      expect(next).to.include({ requestId: 'storm-30', msg: message });
    }
  });

  describe('executes a keyed request once', () => {
    it('and repeats the answer exactly', async () => {
      const first = await fill(keyed('once'));
      const second = await fill({ ...keyed('once'), body: ' {"lines" : []}' });
      expect(second.text).to.equal(first.text);
      expect(second.status).to.equal(201);
      for (const name of ['location', 'etag', 'consistency-token']) {
        expect(second.headers.get(name)).to.equal(first.headers.get(name));
      }
      expect(first.headers.has('idempotency-replayed')).to.equal(false);
      expect(second.headers.get('idempotency-replayed')).to.equal('true');
      expect(commands).to.have.length(1);
    });

    it('also if twenty arrive at once', async () => {
      let open = () => {};
      const gate = new Promise<void>((resolve) => (open = resolve));
      act = () => gate;
      const answers = Array.from({ length: 20 }, () => fill(keyed('race')));
      const nineteen = await firstOf(answers, 19);
      open();
      expect(new Set(nineteen.map(({ status }) => status))).to.deep.equal(new Set([409]));
      expect(the(nineteen[0]).body.code).to.equal('request_in_progress');
      expect(the(nineteen[0]).headers.get('retry-after')).to.equal('1');
      await Promise.all(answers);
      expect(commands).to.have.length(1);
      expect((await fill(keyed('race'))).headers.get('idempotency-replayed')).to.equal('true');
    });

    it('and rejects another body or another If-Match with the same key', async () => {
      await fill(keyed('mine'));
      const other = { as: 'alice', json: { lines: [], note: 'x' }, ...keyed('mine') };
      await refused('/v1/baskets', other, 422, 'idempotency_key_reused');
      const matched = { as: 'alice', json: { lines: [] }, headers: { 'idempotency-key': 'mine', 'if-match': '"v4"' } };
      await refused('/v1/baskets', matched, 422, 'idempotency_key_reused');
    });

    it('for each caller', async () => {
      await fill(keyed('shared'));
      expect((await fill({ as: 'bob', ...keyed('shared') })).headers.has('idempotency-replayed')).to.equal(false);
      expect(new Set(commands.map(({ id }) => id))).to.have.property('size', 2);
    });

    it('and repeats a rejection by the domain, too', async () => {
      act = async () => {
        throw new Problem('payment_declined', 'The card was declined.', { declineCode: 'do_not_honor' });
      };
      const first = await fill(keyed('declined'));
      act = async () => {};
      const second = await fill(keyed('declined'));
      expect([second.status, second.text]).to.deep.equal([402, first.text]);
      expect(second.headers.get('idempotency-replayed')).to.equal('true');
    });

    it('but again, with the same command and the same time of issue, if nothing was decided', async () => {
      for (const error of [
        new Unavailable('Postgres', 'away'),
        new Error('a bug'),
        new Problem('conflict', 'try again'),
      ]) {
        commands = [];
        act = async () => {
          throw error;
        };
        await fill(keyed(error.message));
        now += 5;
        act = async () => {};
        expect((await fill(keyed(error.message))).status).to.equal(201);
        expect(commands[1]).to.include({ id: the(commands[0]).id, issuedAt: the(commands[0]).issuedAt });
      }
    });

    it('and does not use up the key of a request that was rejected before it ran', async () => {
      await refused('/v1/baskets', { as: 'alice', json: {}, ...keyed('free') }, 400, 'invalid_request');
      expect((await fill(keyed('free'))).status).to.equal(201);
    });

    it('and takes over a run that crashed, with the same ids', async () => {
      let open = () => {};
      const gate = new Promise<void>((resolve) => (open = resolve));
      act = () => gate;
      const crashed = fill(keyed('crash'));
      await until(() => commands.length === 1);
      now += RUN_LEASE_MS;
      act = async () => {};
      const second = await fill(keyed('crash'));
      expect(commands[1]).to.include({ id: the(commands[0]).id, issuedAt: the(commands[0]).issuedAt });
      open();
      expect((await crashed).body.id).to.equal(second.body.id);
    });

    it('and gives requests without a key ids of their own', async () => {
      const ids = [(await fill()).body.id, (await fill()).body.id];
      expect(ids[0]).to.match(/^basket_[0-9A-HJKMNP-TV-Z]{26}$/);
      expect(ids[0]).not.to.equal(ids[1]);
    });

    it('and passes If-Match and the caller to the command', async () => {
      await fill({ headers: { 'if-match': '"v12-a1b2c3"' } });
      expect(commands[0]).to.deep.include({ expectedVersion: 12, actor: { type: 'customer', id: 'customer_alice' } });
    });
  });

  it('does not start if two endpoints name the same parameter differently, which would hide one of them', () => {
    const [thing] = endpoints as [Endpoint, ...Endpoint[]];
    const twin = { ...thing, method: 'delete' as const, path: '/v1/things/{thingId}' };
    const deps = {
      endpoints: [thing, twin],
      admission: unlimited(async () => undefined),
      idempotency: createMemoryIdempotency(),
      seals,
      readiness: async () => ({ away: [], standingStill: [] }),
      registry: new Registry(),
      clock: () => now,
      log: pino({ level: 'silent' }),
    };
    expect(() => createApp(deps)).to.throw('name their parameters alike');
  });

  describe('tells a caller that an answer has not changed', () => {
    const first = async (as?: string) => the((await ask('/v1/things/1', { as: as ?? 'alice' })).headers.get('etag'));
    const again = (tag: string, more: Sent = {}) =>
      ask('/v1/things/1', { as: 'alice', ...more, headers: { 'if-none-match': tag, ...more.headers } });

    it('by 304 with the tag and the token, and no body', async () => {
      const tag = await first();
      for (const method of ['GET', 'HEAD']) {
        for (const known of [tag, `W/${tag}`, `"v6-x", ${tag}`, `,"a,b" ,W/${tag},`, '*']) {
          const { status, headers, text } = await again(known, { method });
          expect([status, text], `${method} ${known}`).to.deep.equal([304, '']);
          expect(headers.get('etag')).to.equal(tag);
          expect(headers.get('consistency-token')).to.equal(tokens.encode(new Map()));
          expect(headers.get('x-request-id')).to.be.a('string');
          expect(headers.has('content-type')).to.equal(false);
        }
      }
    });

    it('and answers in full if the body differs, even with the same version', async () => {
      const tag = await first('bob');
      expect(tag).to.match(/^"v7-/);
      expect(await first())
        .to.match(/^"v7-/)
        .and.not.equal(tag);
      for (const known of [tag, '"v7"', 'W/"v7"', '""', `"${(await first()).slice(1, -1)}x"`]) {
        const answer = await again(known);
        expect(answer.status, known).to.equal(200);
        expect(answer.body).to.include({ caller: 'customer_alice' });
      }
    });

    it('but answers problems in full, and answers without a tag unless `*` is sent', async () => {
      const of = (known: string, path = '/v1/things/current') =>
        ask(path, { as: 'alice', headers: { 'if-none-match': known } });
      expect((await of('"v1"')).status).to.equal(200);
      expect((await of('*')).status).to.equal(304);
      expect((await of('*', '/v1/none')).status).to.equal(404);
      const sent = { as: 'alice', headers: { 'if-none-match': 'v1' } };
      const { body } = await refused('/v1/things/1', sent, 400, 'invalid_request');
      expect(body.errors[0].pointer).to.equal('If-None-Match');
    });
  });

  describe('serves operators', () => {
    it('health, and readiness: not ready without an engine that commands need, degraded without another one', async () => {
      expect((await ask('/healthz')).status).to.equal(200);
      expect((await ask('/readyz')).body).to.deep.equal({ status: 'ready' });
      const since = new Date(now).toISOString();
      const standingStill = [
        { projection: 'search_v1', waitsFor: 'OpenSearch', error: 'connect ECONNREFUSED 10.0.0.7:9200', since },
        { projection: 'catalogue_v1', error: 'undefined is not a function', since },
      ];
      const told = {
        degraded: ['OpenSearch', 'search_v1', 'catalogue_v1'],
        standingStill: [
          { projection: 'search_v1', waitsFor: 'OpenSearch', since },
          { projection: 'catalogue_v1', since },
        ],
      };
      outages = { away: [], storesAway: ['OpenSearch'], standingStill };
      const degraded = await ask('/readyz');
      expect(degraded.status).to.equal(200);
      expect(degraded.body).to.deep.equal({ status: 'ready', ...told });

      outages = { away: ['DynamoDB'], storesAway: ['OpenSearch'], standingStill };
      const answer = await refused('/readyz', {}, 503, 'unavailable');
      expect(answer.headers.has('retry-after')).to.equal(true);
      expect(answer.body).to.deep.include({ away: ['DynamoDB'], detail: 'Not reachable now: DynamoDB.', ...told });
      expect((await ask('/healthz')).status).to.equal(200);

      outages = { away: [], standingStill: [], isReady: false, behind: ['stock'] };
      const starting = await refused('/readyz', {}, 503, 'unavailable');
      expect(starting.body).to.deep.include({ behind: ['stock'], detail: 'Starting: stock is still behind the log.' });
      outages = { away: [], standingStill: [], isReady: true, behind: ['stock'] };
      expect((await ask('/readyz')).body).to.deep.equal({ status: 'ready', degraded: ['stock'] });
    });

    it('durations by endpoint, and one label for all unknown paths', async () => {
      await ask('/v1/things/1');
      await ask('/v1/invented');
      const { text } = await ask('/metrics', { as: 'olga' });
      expect(text).to.match(
        /http_request_duration_seconds_count\{method="get",route="\/v1\/things\/\{id\}",status="200"\} \d/,
      );
      expect(text).to.contain('route="unmatched",status="404"');
      expect(text).not.to.contain('invented');
    });

    it('metrics only to the role ops', async () => {
      for (const method of ['GET', 'HEAD'])
        expect((await ask('/metrics', { method, as: 'olga' })).status, method).to.equal(200);
      await refused('/metrics', {}, 401, 'unauthenticated');
      await refused('/metrics', { as: 'mallory' }, 401, 'unauthenticated');
      const { body } = await refused('/metrics', { as: 'alice' }, 403, 'forbidden');
      expect(body.detail).to.equal('This request needs the role ops; the token has customer.');
      expect((await ask('/metrics', { method: 'HEAD' })).status).to.equal(401);
    });

    it('an introduction with links at the root', async () => {
      const welcome = {
        name: 'commerce-core',
        description: 'A commerce backend: carts, orders, payments, stock and a catalogue, over a REST API.',
        docs: '/docs',
        openapi: '/openapi.json',
        api: '/v1',
      };
      for (const path of ['/', '/v1']) {
        for (const accept of ['*/*', 'application/json', 'application/json, text/html;q=0.9', 'image/png']) {
          const { status, body, headers } = await ask(path, { headers: { accept } });
          expect([status, body], accept).to.deep.equal([200, welcome]);
          expect(headers.get('vary')).to.equal('Accept');
        }
        for (const accept of ['text/html', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8']) {
          const { status, text, headers } = await ask(path, { headers: { accept } });
          expect([status, headers.get('content-type')]).to.deep.equal([200, 'text/html; charset=utf-8']);
          for (const link of ['/docs', '/openapi.json', '/v1']) {
            expect(text).to.contain(`<a href="${link}">`);
            expect((await ask(link)).status, link).to.equal(200);
          }
          expect(text).not.to.match(/<script|https?:\/\//);
        }
      }
      expect(await ask('/', { method: 'HEAD' })).to.include({ status: 200, text: '' });
      await refused('/', { json: {} }, 405, 'method_not_allowed');
    });

    it('the console, also with a slash at the end', async () => {
      const { text, headers } = await ask('/console');
      expect(headers.get('content-type')).to.contain('text/html');
      expect((await ask('/console/')).text, 'follows the redirection').to.equal(text);
      const moved = await fetch(`${server.url}/console/`, { redirect: 'manual' });
      expect([moved.status, moved.headers.get('location')]).to.deep.equal([308, '/console']);
    });

    it('a reference of its endpoints from its own origin, with an anchor for each problem', async () => {
      const { text, headers } = await ask('/docs');
      expect(headers.get('content-type')).to.contain('text/html');
      expect(headers.get('content-security-policy'))
        .to.contain("default-src 'none'")
        .and.not.match(/unsafe|https?:/);
      expect(text)
        .to.contain('id="out_of_stock"')
        .and.not.match(/<script>|https?:\/\//);
      const loaded = [...text.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, path]) => the(path));
      expect(loaded).to.have.length(4);
      for (const path of loaded) expect((await ask(path)).status, path).to.equal(200);
    });
  });

  describe('for any input never answers 5xx, and always with a problem', () => {
    const paths = fc.constantFrom(
      '/v1/baskets',
      '/v1/things/1',
      '/v1/things/current',
      '/v1/refunds',
      '/v1/none',
      '/readyz',
    );
    const methods = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS');

    const holds = ({ status, headers, text }: Awaited<ReturnType<typeof ask>>) => {
      expect(status, text).to.be.below(500);
      if (status >= 400) expect(headers.get('content-type')).to.equal('application/problem+json');
      expect(headers.get('x-request-id')).to.be.a('string');
    };

    it('as a body', async () => {
      const value = fc.oneof(
        fc.jsonValue({ noUnicodeString: false }),
        fc.record({ lines: fc.jsonValue(), note: fc.jsonValue() }),
      );
      const body = fc.oneof(
        value.map((json) => JSON.stringify(json)),
        fc.string({ unit: 'binary' }),
        fc.uint8Array(),
      );
      await fc.assert(
        fc.asyncProperty(body, fc.boolean(), async (sent, withKey) =>
          holds(await fill({ method: 'POST', body: sent as string, ...(withKey && keyed('fuzz')) })),
        ),
        { numRuns: 300 },
      );
    });

    it('as a path and a query', async () => {
      const raw = fc.string({ unit: fc.constantFrom(...'%0fFa/.;=&?[]+*:(){}~"\'<>\\|^'.split('')) });
      await fc.assert(
        fc.asyncProperty(paths, raw, raw, methods, async (path, tail, query, method) => {
          const target = encodeURI(`${path}${tail}?limit=${query}`).replaceAll('%25', '%');
          holds(await ask(target, { method, as: 'alice' }));
        }),
        { numRuns: 300 },
      );
    });

    it('as a header', async () => {
      const names = [
        'if-match',
        'if-none-match',
        'prefer',
        'consistency-token',
        'idempotency-key',
        'content-type',
        'authorization',
        'accept',
      ];
      const latin = fc.string({
        unit: fc
          .integer({ min: 0x20, max: 0xff })
          .filter((c) => c !== 0x7f)
          .map((c) => String.fromCharCode(c)),
      });
      const token = latin.map((text) => Buffer.from(`1 ${text} 1`).toString('base64url'));
      const value = fc.oneof(
        latin,
        token,
        fc.nat().map((n) => `"v${n}"`),
        fc.constant('x'.repeat(13_000)),
      );
      await fc.assert(
        fc.asyncProperty(paths, methods, fc.constantFrom(...names), value, async (path, method, name, text) => {
          const hasBody = method !== 'GET' && method !== 'OPTIONS';
          holds(
            await ask(path, {
              method,
              as: 'alice',
              headers: { [name]: text },
              ...(hasBody && { json: { lines: [] } }),
            }),
          );
        }),
        { numRuns: 300 },
      );
    });

    it('as bytes that are nearly HTTP', async () => {
      for (const [sent, status] of [
        ['nonsense\r\n\r\n', 400],
        ['GET http://[bad HTTP/1.1\r\nhost: x\r\n\r\n', 400],
        ['OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
        ['GET / HTTP/1.1\r\n\r\n', 400],
        [`GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
        ['GET //[::?x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 404],
      ] as const) {
        const answer = await rawAsk(server.port, sent);
        expect(answer, sent).to.match(new RegExp(`^HTTP/1.1 ${status} `));
        expect(answer.toLowerCase(), sent).to.contain('content-type: application/problem+json');
      }
    });

    it('as a body that is read only up to the limit, with or without a length, encoded or not', async () => {
      const head =
        'POST /v1/baskets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer alice\r\ncontent-type: application/json';
      const piece = Buffer.alloc(64 * 1024, '['.charCodeAt(0));
      const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
      /** The empty member of a gzip file, repeated: it decodes to nothing. */
      const nothing = Buffer.alloc(64 * 1024, gzipSync(''));
      const coded = Buffer.concat([Buffer.from('10000\r\n'), nothing, Buffer.from('\r\n')]);
      for (const [headers, sent, status] of [
        ['content-length: 400000000', piece, 413],
        ['content-length: 400000000\r\ncontent-encoding: gzip', piece, 413],
        ['transfer-encoding: chunked', chunk, 413],
        ['transfer-encoding: chunked\r\ncontent-encoding: gzip', coded, 413],
        ['content-length: 400000000\r\ncontent-type: text/plain', piece, 413],
      ] as const) {
        const { answer, taken } = await flood(server.port, `${head}\r\n${headers}\r\n\r\n`, sent);
        expect(answer, headers)
          .to.match(new RegExp(`^HTTP/1.1 ${status} `))
          .and.match(/\r\nconnection: close\r\n/i);
        // Bytes that the operating system buffers count, too.
        expect(taken, headers).to.be.below(16 * 1024 * 1024);
      }
    });

    it('as a body that the answer does not wait for', async () => {
      for (const [method, path, status] of [
        ['POST', '/v1/none', 404],
        ['GET', '/v1/things/1', 200],
        ['POST', '/healthz', 405],
        ['POST', 'elsewhere', 400],
        ['POST', '/v1/baskets', 401],
      ] as const) {
        const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 400000000\r\n\r\n`;
        const { answer, taken } = await flood(server.port, head, Buffer.alloc(64 * 1024));
        expect(answer, path).to.match(new RegExp(`^HTTP/1.1 ${status} `));
        expect(taken, path).to.be.below(16 * 1024 * 1024);
      }
    });

    it('as a body that waits for 100 Continue, which is sent only if the body is needed', async () => {
      const ask = (headers: string, body = '') => {
        const head = `POST /v1/baskets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${headers}`;
        return rawAsk(server.port, `${head}\r\n\r\n${body}`);
      };
      const alice = 'authorization: Bearer alice\r\nexpect: 100-continue';
      expect(await ask(`${alice}\r\ncontent-length: 400000`)).to.match(/^HTTP\/1.1 413 /);
      expect(await ask('expect: 100-continue\r\ncontent-length: 12')).to.match(/^HTTP\/1.1 401 /);
      const wanted = await ask(`${alice}\r\ncontent-length: 12`, '{"lines":[]}');
      expect(wanted).to.match(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /);
      const odd = 'authorization: Bearer alice\r\nexpect: tea\r\ncontent-length: 12';
      expect(await ask(odd, '{"lines":[]}')).to.contain('HTTP/1.1 201 ');
    });

    it('whose client has disconnected before it was read: no internal error', async () => {
      const json = '{"lines":[]}';
      const head = `host: x\r\nauthorization: Bearer alice\r\ncontent-type: application/json\r\ncontent-length: ${json.length}`;
      let isVerified = false;
      meanwhile = async () => {
        socket.end();
        await delay(HANG_UP_MS);
        isVerified = true;
      };
      const socket = connect(server.port, '127.0.0.1');
      socket.write(`POST /v1/baskets HTTP/1.1\r\n${head}\r\n\r\n${json}`);
      await until(() => isVerified);
      await delay(HANG_UP_MS);
      expect(commands).to.deep.equal([]);
      expect(logged).to.deep.equal([]);
    });
  });
});

/** Resolves when the end of a local connection is seen. */
const HANG_UP_MS = 50;

function rawAsk(port: number, sent: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(sent, 'latin1'));
    socket.on('data', (data) => {
      answer += data;
      if (/\r\n\r\n.*\}$/s.test(answer)) socket.end();
    });
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}

/** Sends `piece` repeatedly until the connection ends. */
function flood(port: number, head: string, piece: Buffer): Promise<{ answer: string; taken: number }> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(head));
    const send = () => {
      while (socket.writable && socket.write(piece));
    };
    socket.on('connect', send).on('drain', send);
    socket.on('data', (data) => (answer += data)).on('error', () => {});
    socket.on('close', () => resolve({ answer, taken: socket.bytesWritten - socket.writableLength }));
  });
}

/** The first `count` promises that resolve. */
function firstOf<T>(promises: Promise<T>[], count: number): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const done: T[] = [];
    for (const promise of promises) promise.then((value) => done.push(value) === count && resolve(done), reject);
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
