import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createLocalJWKSet, jwtVerify, SignJWT, UnsecuredJWT } from 'jose';
import { ACCESS_TOKEN_TTL_S } from '../../commands/identity/limits.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import { findPreviousTokenKey, loadTokenKey, TokenKeyInvalid } from './token-key.js';
import { createTokens } from './tokens.js';

const DAY_MS = 24 * 3_600_000;
const START = Date.UTC(2026, 10, 23);
const customer: Caller = { role: 'customer', id: 'customer_1', customerId: 'customer_1' };
const guest: Caller = { ...customer, sessionId: 'session_1', guest: true };

describe('access tokens', () => {
  let dataDir: string;
  let now: number;
  const clock = () => now;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'commerce-tokens-'));
    now = START;
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  const open = async () => createTokens({ key: await loadTokenKey({ dataDir }), clock });

  it('identify their caller until they expire, also after a restart', async () => {
    const token = await (await open()).issue(guest);
    const tokens = await open();
    now = START + ACCESS_TOKEN_TTL_S * 1000 - 1;
    expect(await tokens.authenticate(token)).to.deep.equal(guest);
    now += 1;
    expect(await tokens.authenticate(token)).to.equal(undefined);
  });

  it('of the command line identify their bearer for a month', async () => {
    const tokens = await open();
    for (const caller of [{ role: 'ops', id: 'staff_olga' } as const, customer]) {
      now = START;
      const token = await tokens.mint(caller);
      now = START + 30 * DAY_MS - 1;
      expect(await tokens.authenticate(token)).to.deep.equal(caller);
      now += 1;
      expect(await tokens.authenticate(token)).to.equal(undefined);
    }
  });

  it('of the key before stay valid while it is kept, and both keys are published without their private parts', async () => {
    const old = await open();
    const token = await old.issue(customer);
    await rename(join(dataDir, 'token-key.json'), join(dataDir, 'previous-token-key.json'));
    const key = await loadTokenKey({ dataDir });
    const previous = await findPreviousTokenKey({ dataDir });
    const tokens = createTokens({ key, previous, clock });
    expect(await tokens.authenticate(token)).to.deep.equal(customer);
    expect(await createTokens({ key, clock }).authenticate(token)).to.equal(undefined);
    const { keys } = tokens.keySet();
    expect(keys.map(({ kid }) => kid)).to.deep.equal([key.id, previous?.id]);
    for (const jwk of keys) expect(jwk).to.have.all.keys('kty', 'crv', 'x', 'y', 'kid', 'alg', 'use');
    const verified = { algorithms: ['ES256'], currentDate: new Date(now) };
    for (const one of [token, await tokens.issue(guest)]) {
      const { payload } = await jwtVerify(one, createLocalJWKSet({ keys: [...keys] }), verified);
      expect(payload.sub).to.equal('customer_1');
    }
    const wrong = await findPreviousTokenKey({ dataDir, given: '{}' }).catch((error: Error) => error);
    expect(wrong).to.be.instanceOf(TokenKeyInvalid);
    expect(String(wrong)).to.include('COMMERCE_PREVIOUS_TOKEN_KEY');
  });

  it('are invalid when any character is changed', async () => {
    const tokens = await open();
    const token = await tokens.issue(guest);
    for (const at of [0, 10, token.indexOf('.') + 5, token.lastIndexOf('.') + 1, token.length - 5]) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(await tokens.authenticate(changed), changed).to.equal(undefined);
    }
  });

  it('are invalid unsigned, signed with a shared secret, or meant for another audience', async () => {
    const key = await loadTokenKey({ dataDir });
    const tokens = createTokens({ key, clock });
    const claims = { role: 'ops', sub: 'ops', iss: 'commerce-core', aud: 'commerce-core-api', exp: START / 1000 + 60 };
    const sign = (changes: object) =>
      new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'ES256' }).sign(key.sign);
    const bySecret = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32));
    expect(await tokens.authenticate(await sign({}))).to.deep.equal({ role: 'ops', id: 'ops' });
    for (const forged of [
      new UnsecuredJWT(claims).encode(),
      await bySecret,
      await sign({ aud: 'another-api' }),
      await sign({ iss: 'somebody' }),
      await sign({ role: 'owner' }),
      await sign({ role: 'customer' }),
      await sign({ role: 'customer', customerId: 'zz' }),
      await sign({ role: 'customer', customerId: 'customer_a b' }),
      await sign({ exp: undefined }),
      '',
      'a.b.c',
    ]) {
      expect(await tokens.authenticate(forged), forged).to.equal(undefined);
    }
  });

  it('are signed with a key that only its owner can read and that the first program makes', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, async () => (await loadTokenKey({ dataDir })).id));
    expect(new Set(ids)).to.have.property('size', 1);
    expect((await stat(join(dataDir, 'token-key.json'))).mode & 0o777).to.equal(0o600);
  });

  it('need a key that can sign: any other is reported with its source', async () => {
    await writeFile(join(dataDir, 'token-key.json'), '{"kty":"EC"}');
    for (const given of [undefined, 'no json', '{}']) {
      const error = await loadTokenKey({ dataDir, ...defined({ given }) }).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(TokenKeyInvalid);
      expect((error as Error).message).to.match(/^(COMMERCE_TOKEN_KEY|.*token-key\.json) must hold/);
    }
  });
});
