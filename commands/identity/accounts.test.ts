import { expect } from 'chai';
import { customer } from '../../domain/customer/customer.js';
import { emailClaim, emailClaimStream } from '../../domain/customer/email-claim.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { createKeyedHash } from '../../infra/crypto/master-key.js';
import { createAttempts } from '../../infra/rate-limits/attempts.js';
import { createMemoryRateLimiter } from '../../infra/rate-limits/memory.js';
import { DEFAULT_QUOTAS } from '../../infra/rate-limits/port.js';
import { callerOf, problemOf } from '../../test/call-endpoint.js';
import { plainPasswords } from '../../test/memory-accounts.js';
import { createShop, type Shop } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { accountEndpoints } from './account-endpoints.js';
import { sessionEndpoints } from './endpoints.js';
import { MAIL_PAUSE_MS, RESET_TTL_MS } from './limits.js';

const EMAIL = 'ada@example.com';
const ADA = { email: EMAIL, password: 'a password', name: 'Ada' };

describe('Accounts', () => {
  let now: number;
  let shop: Shop;
  beforeEach(() => {
    now = Date.UTC(2026, 10, 30);
    shop = createShop({ clock: () => now });
  });

  const register = (body: object = ADA) => shop.call('post /v1/customers', { body });
  const ask = async () => {
    await shop.call('post /v1/password-resets', { body: { email: EMAIL } });
    await settled();
  };
  const reset = (token: string, password: string) =>
    shop.call(`post /v1/password-resets/${token}`, { body: { password } });
  const tokenOf = (mail: { text: string } | undefined) =>
    the(/(?:resets|verifications)\/(\S+)/.exec(the(mail).text)?.[1]);
  /** Background work of the doubles takes no real time. */
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('are opened on a claim that a crash has left without one', async () => {
    const emailKey = shop.emailKeyOf(EMAIL);
    const claim = { type: 'ClaimEmail', emailKey, customerId: 'customer_crashed' } as const;
    const actor = { type: 'customer', id: 'anonymous' } as const;
    const meta = { id: '1', issuedAt: now, correlationId: '1', actor };
    orThrow(await shop.runner.execute(emailClaim, emailClaimStream(emailKey), claim, meta));
    expect(await shop.accounts.authenticate(EMAIL, ADA.password)).to.equal(undefined);
    await register();
    expect((await shop.accounts.authenticate(EMAIL, ADA.password))?.customerId).to.equal('customer_crashed');
  });

  it('have mails with links of the shop that name nothing that a stranger has written', async () => {
    await register({ ...ADA, name: 'Buy at evil.example' });
    await register({ ...ADA, name: 'Buy at evil.example', password: 'another one' });
    await settled();
    expect(shop.mails.map(({ to, subject }) => [to, subject])).to.deep.equal([
      [EMAIL, 'Please confirm your e-mail address'],
      [EMAIL, 'You already have an account'],
    ]);
    for (const { text, subject } of shop.mails) expect(text + subject).to.not.include('evil');
    expect(the(shop.mails[0]).text).to.match(/^https:\/\/shop\.example\/email-verifications\/[\w.-]+$/m);
    expect(the(shop.mails[1]).text).to.match(/^https:\/\/shop\.example\/password-resets$/m);
  });

  it('give no token away for another purpose, after its time, or twice; each mail replaces the one before', async () => {
    await register();
    await settled();
    const verification = tokenOf(shop.mails[0]);
    await problemOf(reset(verification, 'a new password'), 'not_found');
    await ask();
    const first = tokenOf(shop.mails[1]);
    await ask();
    expect(shop.mails, 'no second mail at once').to.have.length(2);
    now += MAIL_PAUSE_MS;
    await ask();
    const second = tokenOf(shop.mails[2]);
    await problemOf(reset(first, 'a new password'), 'not_found');
    now += RESET_TTL_MS;
    await problemOf(reset(second, 'a new password'), 'not_found');
    await ask();
    const third = tokenOf(shop.mails[3]);
    const uses = await Promise.allSettled(['one password', 'two passwords'].map((text) => reset(third, text)));
    const [one, two] = uses.map(({ status }) => status === 'fulfilled');
    expect(one).to.not.equal(two);
    const valid = one ? 'one password' : 'two passwords';
    expect(await shop.accounts.authenticate(EMAIL, valid), 'the answer is true').to.not.equal(undefined);
    expect(await shop.accounts.authenticate(EMAIL, ADA.password)).to.equal(undefined);
    expect(shop.ended).to.not.have.length(0);
    await problemOf(reset(third, 'a third one'), 'not_found');
  });

  it('get a new password by a repeat if the first attempt failed half-way', async () => {
    await register();
    await ask();
    const token = tokenOf(shop.mails[1]);
    const { endAll } = shop.accountSessions;
    shop.accountSessions.endAll = async () => {
      throw new Error('the store of sessions is away');
    };
    expect(await reset(token, 'a new password').catch(String)).to.include('away');
    expect(shop.ended).to.deep.equal([]);
    shop.accountSessions.endAll = endAll;
    await reset(token, 'a newer password');
    expect(await shop.accounts.authenticate(EMAIL, 'a new password')).to.equal(undefined);
    expect(shop.ended).to.deep.equal([(await shop.accounts.authenticate(EMAIL, 'a newer password'))?.customerId]);
    await problemOf(reset(token, 'another password'), 'not_found');
  });

  it('are not logged in to by a log-in that overlaps a reset', async () => {
    await register();
    await ask();
    const token = tokenOf(shop.mails[1]);
    const open = new Set<string>();
    let meanwhile = async () => {};
    const endpoints = sessionEndpoints({
      accounts: shop.accounts,
      attempts: { count: async () => {} },
      emailKeyOf: shop.emailKeyOf,
      keyedHash: createKeyedHash(Buffer.alloc(32)),
      tokens: { issue: async () => 'token' },
      clock: () => now,
      sessions: {
        async open({ id }: { id: string }) {
          await meanwhile();
          open.add(id);
        },
        end: async ({ id }: { id: string }) => void open.delete(id),
      },
    } as never);
    const logIn = () => callerOf(endpoints)('post /v1/sessions', { body: { email: EMAIL, password: ADA.password } });
    expect((await logIn()).status).to.equal(201);
    expect(open.size).to.equal(1);
    open.clear();
    meanwhile = () => reset(token, 'a new password').then(() => {});
    await problemOf(logIn(), 'unauthenticated');
    expect([...open]).to.deep.equal([]);
  });

  it('are opened for an address whose owner is just being forgotten', async () => {
    await register();
    const before = the(await shop.accounts.authenticate(EMAIL, ADA.password)).customerId;
    const command = { type: 'ForgetCustomer', customerId: before } as const;
    const actor = { type: 'customer', id: before } as const;
    const meta = { id: '1', issuedAt: now, correlationId: '1', actor };
    orThrow(await shop.runner.execute(customer, streamOf(before), command, meta));
    await register();
    const after = the(await shop.accounts.authenticate(EMAIL, ADA.password)).customerId;
    expect(after).to.not.equal(before);
  });

  it('of a forgotten customer get no mail, and nobody logs in to them', async () => {
    await register();
    await ask();
    const token = tokenOf(shop.mails[1]);
    const { customerId: id } = the(await shop.accounts.authenticate(EMAIL, ADA.password));
    const caller: Caller = { role: 'customer', id, customerId: id };
    await shop.call('delete /v1/customers/me', { caller });
    expect(await shop.accounts.authenticate(EMAIL, ADA.password)).to.equal(undefined);
    now += MAIL_PAUSE_MS;
    await ask();
    expect(shop.mails).to.have.length(2);
    const late = await reset(token, 'a new password').catch((error: Error) => error);
    expect(late, 'the store of credentials of this shop was not asked to forget').to.be.instanceOf(Error);
    await problemOf(shop.call('put /v1/me/preferences', { caller, body: { theme: 'dark' } }), 'rule_violated');
  });

  it('are tried only so often: for each address of a client, and for each account from all addresses', async () => {
    const attempts = createAttempts(createMemoryRateLimiter(DEFAULT_QUOTAS));
    const endpoints = [
      ...sessionEndpoints({ accounts: shop.accounts, attempts, emailKeyOf: shop.emailKeyOf } as never),
      ...accountEndpoints({
        accounts: shop.accounts,
        attempts,
        emailKeyOf: shop.emailKeyOf,
        inBackground: () => {},
        passwords: plainPasswords,
        evenAnswerMs: 0,
        pause: async () => {},
      }),
    ];
    const call = callerOf(endpoints);
    const codeOf = (target: string, body: object, address = '192.0.2.1') =>
      call(target, { body, address }).then(
        () => 'none',
        (error: { code: string }) => error.code,
      );
    const tries = async (email: string, times: number, address?: string) => {
      const codes: string[] = [];
      const body = { email, password: 'wrong one' };
      for (let n = 0; n < times; n++) codes.push(await codeOf('post /v1/sessions', body, address));
      return codes;
    };
    const refused = (times: number) => Array.from({ length: times }, () => 'unauthenticated');
    expect(await tries(EMAIL, 6)).to.deep.equal([...refused(5), 'rate_limited']);
    expect(await tries('bob@example.com', 4)).to.deep.equal(refused(4));
    expect(await tries('eve@example.com', 1), 'the tenth of this client was the last').to.deep.equal(['rate_limited']);
    expect(await tries(EMAIL, 1, '192.0.2.2'), 'the owner is not locked out').to.deep.equal(refused(1));
    for (let n = 3; n < 12; n++) await tries(EMAIL, 5, `192.0.2.${n}`);
    expect(await tries(EMAIL, 1, '192.0.2.12'), 'the fiftieth of this account was the last').to.deep.equal([
      'rate_limited',
    ]);
    expect(await tries('bob@example.com', 1, '192.0.2.12')).to.deep.equal(refused(1));
    for (let n = 0; n < 4; n++) await codeOf('post /v1/password-resets', { email: EMAIL });
    expect(await codeOf('post /v1/customers', ADA), 'a log-in counts for no mail').to.equal('none');
    expect(await codeOf('post /v1/password-resets', { email: EMAIL.toUpperCase() })).to.equal('rate_limited');
    expect(await codeOf('post /v1/password-resets', { email: 'carl@example.com' })).to.equal('none');
  });
});
