// Accounts on the running product: nobody learns whether an address has one, a race makes one, and nothing of a guest is lost.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { describeWith, type TestEngines } from './engines.js';
import {
  type Answer,
  type Caller,
  callerAt,
  type Environment,
  endPrograms,
  eventually,
  expectProblem,
  once,
  PROFILES,
  type RunningShop,
  startShop,
  type TestProfile,
} from './running-shop.js';
import { the } from './the.js';

const PASSWORD = 'correct horse battery';
const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };

for (const profile of PROFILES) {
  describeWith(profile.engines, `Accounts on the profile ${profile.name}`, function (engines) {
    this.timeout(120_000);
    testAccounts(profile, engines);
  });
}

function testAccounts(profile: TestProfile, engines: TestEngines): void {
  let environment: Environment;
  let shop: RunningShop;

  before(async () => {
    environment = await profile.freshEnvironment(engines);
    shop = await startShop(environment);
  });

  after(endPrograms);

  const register = (email: string, password = PASSWORD, name = 'Ada'): Promise<Answer> =>
    shop.anybody().post('/v1/customers', { email, password, name });
  const logIn = (email: string, password = PASSWORD, more: object = {}): Promise<Answer> =>
    shop.anybody().post('/v1/sessions', { email, password, ...more });

  async function account(email: string, more?: object): Promise<Caller & { customerId: string }> {
    expect((await register(email)).status).to.equal(201);
    const { status, headers, body } = await logIn(email, PASSWORD, more);
    expect(status, JSON.stringify(body)).to.equal(201);
    const customer = callerAt(shop.url, body.token);
    const seen = { 'Consistency-Token': the(headers.get('consistency-token')) };
    await customer.get('/v1/carts/current', seen); // shows what the log-in has brought
    return { ...customer, customerId: body.customerId };
  }

  /** The mails to an address, the oldest first. */
  async function mailsTo(email: string): Promise<string[]> {
    const folder = join(the(environment.COMMERCE_DATA), 'mail');
    const names = await readdir(folder).catch(() => []);
    const mails = await Promise.all(names.sort().map((name) => readFile(join(folder, name), 'utf8')));
    return mails.filter((mail) => mail.includes(`To: ${email}\r\n`));
  }

  const tokenIn = (path: string, mail: string) => the(new RegExp(`/${path}/([\\w.-]+)`).exec(mail)?.[1]);

  async function mailed(email: string, path: string): Promise<string> {
    return eventually(`a mail about ${path} to ${email}`, async () => {
      const mail = (await mailsTo(email)).findLast((text) => text.includes(`/${path}/`));
      return tokenIn(path, the(mail));
    });
  }

  it('are opened, logged in to and shown to their owner, with an address that is not confirmed yet', async () => {
    const { status, body } = await register('ada@accounts.example');
    expect({ status, body }).to.deep.equal({ status: 201, body: { email: 'ada@accounts.example', name: 'Ada' } });
    const session = await logIn('Ada@Accounts.EXAMPLE');
    expect(session.status).to.equal(201);
    expect(session.body).to.include({ guest: false });
    expect(session.body.customerId).to.match(/^customer_/);
    const me = await callerAt(shop.url, session.body.token).get('/v1/customers/me');
    expect(me.status).to.equal(200);
    expect(me.body).to.include({
      id: session.body.customerId,
      guest: false,
      name: 'Ada',
      email: 'ada@accounts.example',
      emailVerified: false,
    });
  });

  it('have tokens that others can verify with the published keys', async () => {
    const { status, headers, body } = await shop.anybody().get('/.well-known/jwks.json');
    expect(status).to.equal(200);
    expect(headers.get('cache-control')).to.equal('public, max-age=300');
    const { body: session } = await shop.anybody().post('/v1/sessions', {});
    const { payload } = await jwtVerify(session.token, createLocalJWKSet(body));
    expect(payload).to.include({ sub: session.customerId, role: 'customer' });
  });

  it('are looked up by support, by address or id, and by nobody else', async () => {
    const email = 'support@accounts.example';
    const { customerId } = await shop.customer({ email, password: PASSWORD, name: 'Grace' });
    const support = await shop.staff('support');
    for (const query of [`email=${encodeURIComponent(email.toUpperCase())}`, `customerId=${customerId}`]) {
      const { status, body } = await support.get(`/v1/customers?${query}`);
      expect({ status, data: body.data }).to.have.nested.property('data[0].id', customerId);
      expect(body.data[0]).to.include({ name: 'Grace', email, emailVerified: false });
    }
    expect((await support.get('/v1/customers?email=nobody@accounts.example')).body.data).to.deep.equal([]);
    const both = (id: string) => support.get(`/v1/customers?email=${email}&customerId=${id}`);
    expect((await both(customerId)).body.data).to.have.length(1);
    for (const nobody of [await both('customer_other'), await support.get('/v1/customers')])
      expect(nobody.body.data).to.deep.equal([]);
    expectProblem(await (await shop.guest()).get(`/v1/customers?email=${email}`), 403, 'forbidden');
    expectProblem(await (await shop.staff('catalogue')).get(`/v1/customers?email=${email}`), 403, 'forbidden');
    expectProblem(await shop.anybody().get(`/v1/customers?email=${email}`), 401, 'unauthenticated');
  });

  it('are confirmed once, by the token of the mail', async () => {
    const bea = await account('bea@accounts.example');
    const token = await mailed('bea@accounts.example', 'email-verifications');
    const verify = (text: string) => shop.anybody().post(`/v1/email-verifications/${text}`);
    expectProblem(await verify(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`), 404, 'not_found');
    expect((await verify(token)).status).to.equal(202);
    expectProblem(await verify(token), 404, 'not_found');
    expectProblem(await verify('nonsense'), 404, 'not_found');
    expect((await bea.get('/v1/customers/me')).body.emailVerified).to.equal(true);
  });

  it('are one for each address, however many ask at once, and all get the same answer', async () => {
    const email = 'race@accounts.example';
    const passwords = Array.from({ length: 20 }, (_, n) => `the password of ${n}`);
    const answers = await Promise.all(passwords.map((password) => register(email, password)));
    for (const { status, body } of answers) {
      expect({ status, body }).to.deep.equal({ status: 201, body: { email, name: 'Ada' } });
    }
    const sessions = await Promise.all(passwords.map((password) => logIn(email, password)));
    const open = sessions.filter(({ status }) => status === 201);
    expect(open).to.have.length(1);
    for (const other of sessions.filter((one) => one !== open[0])) expectProblem(other, 401, 'unauthenticated');
  });

  it('are not given away: a taken address is answered as a free one, and its owner gets a mail', async () => {
    const email = 'taken@accounts.example';
    const first = await register(email);
    const again = await register(email, 'another password');
    expect({ ...again, headers: undefined }).to.deep.equal({ ...first, headers: undefined });
    expect((await logIn(email)).status).to.equal(201);
    expectProblem(await logIn(email, 'another password'), 401, 'unauthenticated');
    await eventually('the owner gets a mail', async () => {
      expect((await mailsTo(email)).filter((mail) => mail.includes('You already have an account'))).to.have.length(1);
    });
    const unknown = await logIn('nobody@accounts.example', 'another password');
    const wrong = await logIn(email, 'another password');
    const { instance: _, ...said } = wrong.body;
    expect({ status: unknown.status, said: { ...unknown.body, instance: undefined } }).to.deep.equal({
      status: wrong.status,
      said: { ...said, instance: undefined },
    });
  });

  it('get a new password by mail, which ends all sessions; the token works once', async () => {
    const email = 'reset@accounts.example';
    const customer = await account(email);
    const { body: session } = await logIn(email);
    const ask = (to: string) => shop.anybody().post('/v1/password-resets', { email: to });
    expect((await ask(email)).status).to.equal(202);
    expect((await ask('nobody@accounts.example')).status).to.equal(202);
    const token = await mailed(email, 'password-resets');
    expect((await ask(email)).status, 'a second request sends no second mail at once').to.equal(202);
    expect((await mailsTo(email)).filter((mail) => mail.includes('/password-resets/'))).to.have.length(1);
    const set = (password: string) => shop.anybody().post(`/v1/password-resets/${token}`, { password });
    expectProblem(await set('short'), 400, 'invalid_request');
    expect((await set('a brand new password')).status).to.equal(202);
    expectProblem(await set('yet another password'), 404, 'not_found');
    expectProblem(await logIn(email), 401, 'unauthenticated');
    expect((await logIn(email, 'a brand new password')).status).to.equal(201);
    const refresh = await shop.anybody().post('/v1/sessions/refresh', { refreshToken: session.refreshToken });
    expectProblem(refresh, 401, 'unauthenticated');
    expect((await customer.get('/v1/customers/me')).body.emailVerified, 'the mail was read').to.equal(true);
    expect(await mailsTo('nobody@accounts.example')).to.deep.equal([]);
  });

  it('take the cart, the views and the preferences of the guest along, once', async () => {
    const { body: guestSession } = await shop.anybody().post('/v1/sessions', {});
    const guest = callerAt(shop.url, guestSession.token);
    const { body: cart } = await guest.post('/v1/carts', { currency: 'GBP' });
    await guest.post(`/v1/carts/${cart.id}/lines`, { sku: 'MUG-BLUE', quantity: 2 });
    expect((await guest.put('/v1/me/preferences', { theme: 'dark' })).status).to.equal(200);
    expect((await guest.post('/v1/me/views', { productId: 'product_mug' })).status).to.equal(202);
    const viewsOf = async (caller: Caller): Promise<string[]> =>
      (await caller.get('/v1/me/export')).body.views.map((view: { productId: string }) => view.productId);
    await eventually('the view is processed', async () => {
      expect(await viewsOf(guest)).to.deep.equal(['product_mug']);
    });
    const email = 'guest@accounts.example';
    const more = { guestToken: guestSession.token };
    const customer = await account(email, more);
    for (let times = 0; times < 2; times++) {
      const { body } = await customer.get('/v1/carts/current');
      expect(body.lines.map(({ sku, quantity }: { sku: string; quantity: number }) => [sku, quantity])).to.deep.equal([
        ['MUG-BLUE', 2],
      ]);
      expect((await logIn(email, PASSWORD, more)).status).to.equal(201);
    }
    await eventually('the views are taken along', async () => {
      expect(await viewsOf(customer)).to.deep.equal(['product_mug']);
    });
    expect((await customer.get('/v1/me/preferences')).body).to.deep.equal({ theme: 'dark' });
    expect((await guest.get('/v1/me/preferences')).body).to.deep.equal({});
    const strange = await logIn(email, PASSWORD, { guestToken: 'abc' });
    expectProblem(strange, 400, 'invalid_request');
    expectProblem(await logIn(email, 'wrong password', more), 401, 'unauthenticated');
  });

  it('keep a profile, addresses and consent, and guests have none', async () => {
    const customer = await account('profile@accounts.example');
    const changes = { name: 'Ada Lovelace', addresses: [ADDRESS], consent: { marketing: true } };
    const changed = await customer.patch('/v1/customers/me', changes, once());
    expect(changed.status, JSON.stringify(changed.body)).to.equal(200);
    const { body } = await customer.get('/v1/customers/me');
    expect(body).to.deep.equal(changed.body);
    expect(body).to.deep.include({ name: 'Ada Lovelace', addresses: [ADDRESS] });
    expect(body.consent.marketing).to.equal(true);
    expect(body.consent.at).to.match(/^20/);
    const tooMany = { addresses: Array.from({ length: 11 }, () => ADDRESS) };
    expectProblem(await customer.patch('/v1/customers/me', tooMany), 400, 'invalid_request');
    const nowhere = { addresses: [{ ...ADDRESS, postcode: 'nowhere' }] };
    expectProblem(await customer.patch('/v1/customers/me', nowhere), 400, 'invalid_request');
    const guest = await shop.guest();
    expect((await guest.get('/v1/customers/me')).body).to.include({ id: guest.customerId, guest: true });
    expectProblem(await guest.patch('/v1/customers/me', { name: 'Eve' }), 422, 'rule_violated');
  });

  it('are forgotten, and then another person may have the address', async () => {
    const email = 'forgotten@accounts.example';
    const customer = await account(email);
    await eventually('a mail', async () => expect(await mailsTo(email)).to.have.length(1));
    expect((await customer.delete('/v1/customers/me')).status).to.equal(204);
    expect(await mailsTo(email)).to.deep.equal([]);
    expectProblem(await logIn(email), 401, 'unauthenticated');
    expect((await shop.anybody().post('/v1/password-resets', { email })).status).to.equal(202);
    expect(await mailsTo(email)).to.deep.equal([]);
    const other = await account(email);
    expect(other.customerId).to.not.equal(customer.customerId);
  });
}
