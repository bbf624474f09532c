import { randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Pool } from 'pg';
import pino from 'pino';
import { Registry } from 'prom-client';
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { ACCESS_TOKEN_TTL_S, REFRESH_GRACE_MS, SESSION_TTL_MS } from '../../commands/identity/limits.js';
import { describeWith } from '../../test/engines.js';
import { createMemoryPreferences } from '../../test/memory-accounts.js';
import { createMemoryIdempotency } from '../../test/memory-idempotency.js';
import { the } from '../../test/the.js';
import { unlimited } from '../../test/unlimited.js';
import { createEmailKey } from '../crypto/email-key.js';
import { createKeyedHash } from '../crypto/master-key.js';
import { createSeals } from '../crypto/seals.js';
import { createApp } from '../http/app.js';
import { type RunningServer, startServer } from '../http/server.js';
import { createPool } from '../postgres.js';
import { createPostgresSessions, prepareSessions } from './sessions-postgres.js';
import { loadTokenKey } from './token-key.js';
import { createTokens } from './tokens.js';

describeWith('postgres', 'a guest’s session', (engines) => {
  let now = Date.UTC(2026, 10, 23);
  const clock = () => now;
  let dataDir: string;
  let pool: Pool;
  let server: RunningServer;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'commerce-sessions-'));
    pool = createPool({ url: await engines.freshDatabase() });
    await prepareSessions(pool);
    server = await startServer(await shop(), { port: 0 });
  });
  after(async () => {
    await server.close();
    await pool.end();
    await rm(dataDir, { recursive: true });
  });

  const masterKey = randomBytes(32);

  /** With the token key that is in the data folder now. */
  async function shop() {
    const seals = createSeals(masterKey);
    const tokens = createTokens({ key: await loadTokenKey({ dataDir }), clock });
    return createApp({
      endpoints: sessionEndpoints({
        sessions: createPostgresSessions(pool),
        tokens,
        accounts: { authenticate: async () => undefined, isCurrent: async () => true },
        attempts: { count: async () => {} },
        emailKeyOf: createEmailKey(createKeyedHash(masterKey)),
        guests: { guestOf: async () => 'customer_guest', merge: async () => ({ shown: undefined, rejections: [] }) },
        preferences: createMemoryPreferences(),
        takeViews: async () => {},
        inBackground: () => {},
        keyedHash: createKeyedHash(masterKey),
        accessTokens: seals.accessTokens,
        clock,
      }),
      admission: unlimited(tokens.authenticate),
      idempotency: createMemoryIdempotency(),
      seals,
      readiness: async () => ({ away: [], standingStill: [] }),
      registry: new Registry(),
      clock,
      log: pino({ level: 'silent' }),
    });
  }

  async function ask(method: string, path: string, { token, json }: { token?: string; json?: unknown } = {}) {
    const response = await fetch(server.url + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined };
  }

  const begin = async () => (await ask('POST', '/v1/sessions', { json: {} })).body;
  const refresh = (refreshToken: string) => ask('POST', '/v1/sessions/refresh', { json: { refreshToken } });

  it('needs no input and belongs to a new customer, who is a guest', async () => {
    const { status, body } = await ask('POST', '/v1/sessions', { json: {} });
    expect(status).to.equal(201);
    expect(body).to.include({ guest: true, expiresIn: ACCESS_TOKEN_TTL_S });
    expect(body.customerId).to.match(/^customer_\w{26}$/);
    expect((await begin()).customerId).not.to.equal(body.customerId);
  });

  it('is not opened by half of the credentials of an account', async () => {
    for (const [json, missing] of [
      [{ email: 'a@b.example' }, ['/password']],
      [{ password: 'x' }, ['/email']],
      [{ guestToken: 'x' }, ['/email', '/password']],
    ] as const) {
      const { status, body } = await ask('POST', '/v1/sessions', { json });
      expect(status).to.equal(400);
      expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).to.deep.equal(missing);
    }
  });

  it('continues by refreshing, for the same customer, and each refresh token is valid once', async () => {
    const first = await begin();
    now += SESSION_TTL_MS - 1;
    const second = await refresh(first.refreshToken);
    expect(second.status).to.equal(200);
    expect(second.body).to.include({ customerId: first.customerId, guest: true });
    now += SESSION_TTL_MS - 1;
    expect((await refresh(second.body.refreshToken)).status).to.equal(200);
  });

  it('gives every immediate repeat of a refresh the same pair of tokens, which stay valid', async () => {
    const first = await begin();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(first.refreshToken)));
    for (const { status, body } of answers) {
      expect(status).to.equal(200);
      expect(body).to.deep.equal(the(answers[0]).body);
    }
    now += REFRESH_GRACE_MS - 1;
    expect((await refresh(first.refreshToken)).body).to.deep.equal(the(answers[0]).body);
    const { token, refreshToken } = the(answers[0]).body;
    expect(refreshToken).not.to.equal(first.refreshToken);
    expect((await refresh(refreshToken)).status).to.equal(200);
    expect((await ask('DELETE', '/v1/sessions/current', { token })).status).to.equal(204);
  });

  it('ends for both holders when a refresh token is presented that was used a while ago', async () => {
    const first = await begin();
    const { body: second } = await refresh(first.refreshToken);
    now += REFRESH_GRACE_MS;
    const reused = await refresh(first.refreshToken);
    expect([reused.status, reused.body.code]).to.deep.equal([401, 'unauthenticated']);
    expect((await refresh(second.refreshToken)).status).to.equal(401);
  });

  it('ends when a refresh token is presented again whose successor was used', async () => {
    const first = await begin();
    const { body: second } = await refresh(first.refreshToken);
    const { body: third } = await refresh(second.refreshToken);
    expect((await refresh(first.refreshToken)).status).to.equal(401);
    expect((await refresh(third.refreshToken)).status).to.equal(401);
  });

  it('does not end when an invented token is presented', async () => {
    const first = await begin();
    const stranger = await begin();
    const [customer, session, generation, secret] = first.refreshToken.split('.');
    const { body: second } = await refresh(first.refreshToken);
    now += REFRESH_GRACE_MS;
    for (const forged of [
      `${customer}.${session}.${generation}.${secret.replace(/.$/, secret.endsWith('A') ? 'B' : 'A')}`,
      `${customer}.${session}.1.${secret}`,
      `${customer}.${session}.999.${secret}`,
      `${stranger.customerId}.${session}.${generation}.${secret}`,
      `${customer}.${session}.${generation}.${stranger.refreshToken.split('.')[3]}`,
      `${customer}.${session}.${generation}.${'x'.repeat(43)}`,
    ]) {
      expect((await refresh(forged)).status, forged).to.equal(401);
    }
    expect((await refresh(second.refreshToken)).status).to.equal(200);
    expect((await refresh(stranger.refreshToken)).status).to.equal(200);
  });

  it('ends if it is not refreshed in time', async () => {
    const { refreshToken } = await begin();
    now += SESSION_TTL_MS;
    expect((await refresh(refreshToken)).status).to.equal(401);
  });

  it('ends on this device with a log-out, and its access token expires soon after', async () => {
    const here = await begin();
    expect((await ask('DELETE', '/v1/sessions/current', { token: here.token })).status).to.equal(204);
    expect((await refresh(here.refreshToken)).status).to.equal(401);
    expect((await ask('DELETE', '/v1/sessions/current', { token: here.token })).status).to.equal(204);
    now += ACCESS_TOKEN_TTL_S * 1000;
    expect((await ask('DELETE', '/v1/sessions/current', { token: here.token })).status).to.equal(401);
  });

  it('ends on all devices of one customer at once, and on no other customer’s', async () => {
    const mine = await begin();
    const stranger = await begin();
    expect((await ask('DELETE', '/v1/sessions', { token: mine.token })).status).to.equal(204);
    expect((await refresh(mine.refreshToken)).status).to.equal(401);
    expect((await refresh(stranger.refreshToken)).status).to.equal(200);
  });

  it('stores no usable token', async () => {
    const begun = await begin();
    const { token, refreshToken, customerId } = (await refresh(begun.refreshToken)).body;
    const { rows } = await pool.query('select * from sessions where customer_id = $1', [customerId]);
    for (const secret of [refreshToken.split('.')[3], begun.refreshToken.split('.')[3], token.split('.')[2]])
      expect(JSON.stringify(rows)).not.to.contain(secret);
  });

  it('goes on with a new token if the key of access tokens is replaced, and the old token is worth nothing', async () => {
    const first = await begin();
    const end = (token: string) => ask('DELETE', '/v1/sessions/current', { token });
    await server.close();
    await rename(join(dataDir, 'token-key.json'), join(dataDir, 'old-token-key.json'));
    server = await startServer(await shop(), { port: 0 });
    expect((await end(first.token)).status).to.equal(401);
    const { status, body } = await refresh(first.refreshToken);
    expect({ status, customerId: body.customerId }).to.deep.equal({ status: 200, customerId: first.customerId });
    expect((await end(body.token)).status).to.equal(204);
  });
});
