import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Pool } from 'pg';
import pino from 'pino';
import { Registry } from 'prom-client';
import { sessionEndpoints } from '../../commands/identity/endpoints.js';
import { ACCESS_TOKEN_TTL_S, SESSION_TTL_MS } from '../../commands/identity/limits.js';
import { describeWith } from '../../test/engines.js';
import { createSeals } from '../crypto/seals.js';
import { createApp } from '../http/app.js';
import { type RunningServer, startServer } from '../http/server.js';
import { createMemoryIdempotency } from '../idempotency/memory.js';
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
    const tokens = createTokens({ key: await loadTokenKey({ dataDir }), clock });
    const app = createApp({
      endpoints: sessionEndpoints({ sessions: createPostgresSessions(pool), tokens, clock }),
      authenticate: tokens.authenticate,
      idempotency: createMemoryIdempotency(),
      seals: createSeals(randomBytes(32)),
      readiness: async () => ({ away: [], standingStill: [] }),
      registry: new Registry(),
      clock,
      log: pino({ level: 'silent' }),
    });
    server = await startServer(app, { port: 0 });
  });
  after(async () => {
    await server.close();
    await pool.end();
    await rm(dataDir, { recursive: true });
  });

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

  it('begins with nothing: a customer of its own, who is a guest', async () => {
    const { status, body } = await ask('POST', '/v1/sessions', { json: {} });
    expect(status).to.equal(201);
    expect(body).to.include({ guest: true, expiresIn: ACCESS_TOKEN_TTL_S });
    expect(body.customerId).to.match(/^customer_\w{26}$/);
    expect((await begin()).customerId).not.to.equal(body.customerId);
  });

  it('does not take what only an account has', async () => {
    const { status, body } = await ask('POST', '/v1/sessions', { json: { email: 'a@b.example', password: 'x' } });
    expect(status).to.equal(400);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).to.deep.equal(['/email', '/password']);
  });

  it('goes on by refreshing, for the same customer, and each refresh token is good once', async () => {
    const first = await begin();
    now += SESSION_TTL_MS - 1;
    const second = await refresh(first.refreshToken);
    expect(second.status).to.equal(200);
    expect(second.body).to.include({ customerId: first.customerId, guest: true });
    now += SESSION_TTL_MS - 1;
    expect((await refresh(second.body.refreshToken)).status).to.equal(200);
  });

  it('ends when a used refresh token is presented again, for both who hold one', async () => {
    const first = await begin();
    const { body: second } = await refresh(first.refreshToken);
    const reused = await refresh(first.refreshToken);
    expect([reused.status, reused.body.code]).to.deep.equal([401, 'unauthenticated']);
    expect((await refresh(second.refreshToken)).status).to.equal(401);
  });

  it('ends when it was not refreshed in time', async () => {
    const { refreshToken } = await begin();
    now += SESSION_TTL_MS;
    expect((await refresh(refreshToken)).status).to.equal(401);
  });

  it('ends here by a log-out, and its access token by itself soon after', async () => {
    const here = await begin();
    expect((await ask('DELETE', '/v1/sessions/current', { token: here.token })).status).to.equal(204);
    expect((await refresh(here.refreshToken)).status).to.equal(401);
    expect((await ask('DELETE', '/v1/sessions/current', { token: here.token })).status).to.equal(204);
    now += ACCESS_TOKEN_TTL_S * 1000;
    expect((await ask('DELETE', '/v1/sessions/current', { token: here.token })).status).to.equal(401);
  });

  it('ends everywhere at once, and nobody else’s does', async () => {
    const mine = await begin();
    const stranger = await begin();
    expect((await ask('DELETE', '/v1/sessions', { token: mine.token })).status).to.equal(204);
    expect((await refresh(mine.refreshToken)).status).to.equal(401);
    expect((await refresh(stranger.refreshToken)).status).to.equal(200);
  });

  it('keeps refresh tokens as hashes alone', async () => {
    const { refreshToken, customerId } = await begin();
    const { rows } = await pool.query('select * from sessions where customer_id = $1', [customerId]);
    expect(JSON.stringify(rows)).not.to.contain(refreshToken.split('.')[2]);
  });
});
