// A customer with a whole story behind them is forgotten. Afterwards nothing that the shop has stored, in any engine or file, can be
// read as their data, and the shop goes on.
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { eventTypes } from '../domain/events.js';
import { siblingId } from '../domain/kernel/id.js';
import { isSealed, type Sealed } from '../domain/kernel/personal.js';
import { createDynamoClient } from '../infra/aws.js';
import { createKmsClient, createKmsKeyWrap } from '../infra/crypto/kms-key-wrap.js';
import { createKeyedHash, createLocalKeyWrap, loadMasterKey } from '../infra/crypto/master-key.js';
import { createPersonalData } from '../infra/crypto/personal-data.js';
import { createDynamoSubjectKeys } from '../infra/crypto/subject-keys-dynamodb.js';
import { createPostgresSubjectKeys } from '../infra/crypto/subject-keys-postgres.js';
import { recordsOf } from '../infra/idempotency/port.js';
import { createPool } from '../infra/postgres.js';
import { describeWith, type TestEngines } from './engines.js';
import { everythingStored, objectsIn, placesWith, type StoredPart } from './everything-stored.js';
import {
  type Answer,
  type Caller,
  commerce,
  type Environment,
  endPrograms,
  eventually,
  expectProblem,
  type Guest,
  once,
  PROFILES,
  type RunningShop,
  startShop,
  type TestProfile,
} from './running-shop.js';
import { the } from './the.js';

const REGION = 'us-east-1';

const CANARIES = {
  name: 'Zoë Kanariensis-Übermut',
  line1: '4711 Canary Wharf Gäßchen',
  line2: 'c/o Phone +44 20 7946 0958 21',
  email: 'Zoe.Canary-4711@kanarien-vogel.example',
  moved: '4712 Other Canary Straße',
  ownReason: 'It does not fit Zoe Kanarien, 4713',
  declined: 'Zoe Kanarien 4714 has worn it',
  held: 'Call Zoe Kanarien at 4715 first',
  cancelled: 'Zoe Kanarien 4716 wants only one',
  refunded: 'For the patience of Zoe Kanarien, 4717',
  failed: 'Zoe Kanarien 4718 was not at home',
  lost: 'The parcel of Zoe Kanarien 4719 was stolen',
};
/** It is in no store at any time. */
const PASSWORD = 'Kanarienvogel-Passwort 4720';
/** Preferences are not sealed. */
const BRAND = 'Kanarienfutter 4721';
const ADDRESS = {
  name: CANARIES.name,
  line1: CANARIES.line1,
  line2: CANARIES.line2,
  city: 'London',
  postcode: 'E14 5AB',
  country: 'GB',
};
const ZOE = { address: ADDRESS, email: CANARIES.email };
const BOB = { address: { ...ADDRESS, name: 'Bob', line1: '1 Mill Lane', line2: 'Flat 2' }, email: 'bob@example.com' };

for (const profile of PROFILES) {
  describeWith(profile.engines, `A forgotten customer on the profile ${profile.name}`, function (engines) {
    this.timeout(120_000);
    testForgetting(profile, engines);
  });
}

const isMail = ({ place }: StoredPart) => place.endsWith('.eml');

/** On `aws` the data keys are under KMS. */
async function newKmsKey(endpoint: string): Promise<string> {
  const client = createKmsClient({ region: REGION, endpoint });
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
  client.destroy();
  return the(KeyMetadata?.KeyId);
}

function testForgetting(profile: TestProfile, engines: TestEngines): void {
  let environment: Environment;
  let shop: RunningShop;
  let support: Caller;
  let zoe: Guest;
  let bob: Guest;
  /** Sent, returned and refunded; sent, but not delivered; waiting for the customer; confirmed, but not sent. */
  let orders: { returned: string; undelivered: string; waiting: string; unsent: string };
  let earlier: StoredPart[];

  before(async () => {
    environment = {
      ...(await profile.freshEnvironment(engines)),
      COMMERCE_LOG: 'debug',
      ...(profile.name === 'aws' && { COMMERCE_KMS_KEY: await newKmsKey(engines.aws()) }),
    };
    shop = await startShop(environment);
    support = await shop.staff('support');
    zoe = await shop.customer({ email: CANARIES.email, password: PASSWORD, name: CANARIES.name });
    bob = await shop.guest();
    expect((await zoe.patch('/v1/customers/me', { addresses: [ADDRESS] })).status).to.equal(200);
    expect((await zoe.put('/v1/me/preferences', { brands: [BRAND] })).status).to.equal(200);
    orders = {
      returned: await placed(zoe),
      undelivered: await placed(zoe),
      waiting: await placed(zoe, 'pm_card_authenticationRequired'),
      unsent: await placed(zoe),
    };
    await placed(bob, 'pm_card_visa', BOB);
    const { body } = await zoe.post('/v1/carts', { currency: 'GBP' });
    await zoe.put(`/v1/carts/${body.id}/shipping-address`, ADDRESS);
    await zoe.post('/v1/me/payment-methods', { paymentMethod: 'pm_card_visa' });
    await support.patch(`/v1/orders/${orders.unsent}/shipping-address`, { line1: CANARIES.moved });
    await sendBack(orders.returned);
    await explain(orders);
    await viewed();
  });

  after(endPrograms);

  async function placed(guest: Guest, paymentMethod = 'pm_card_visa', { address, email } = ZOE): Promise<string> {
    const cart = `/v1/carts/${(await guest.post('/v1/carts', { currency: 'GBP' })).body.id}`;
    await guest.post(`${cart}/lines`, { sku: 'MUG-BLUE', quantity: 2 });
    await guest.put(`${cart}/shipping-address`, address, once());
    await guest.put(`${cart}/shipping-method`, { method: 'standard' });
    const checkout = { paymentMethod, email };
    const { status, body } = await guest.post(`${cart}/checkout`, checkout, once());
    expect(status, JSON.stringify(body)).to.be.within(201, 202);
    return body.id;
  }

  /** Both customers look at two products. Resolves once it is recorded. */
  async function viewed(): Promise<void> {
    const { body } = await zoe.get('/v1/products?limit=2');
    for (const guest of [zoe, bob]) {
      for (const { id } of body.data)
        expect((await guest.post('/v1/me/views', { productId: id })).status).to.equal(202);
      await eventually('the views are recorded', async () =>
        expect((await guest.get('/v1/me/export')).body.views).to.have.length(2),
      );
    }
  }

  async function sendBack(orderId: string): Promise<void> {
    const { body: shipment } = await support.post(`/v1/orders/${orderId}/shipments`, { tracking: 'TRACK-1' });
    await support.post(`/v1/shipments/${shipment.id}/dispatch`);
    await support.post(`/v1/shipments/${shipment.id}/deliver`);
    const lines = [{ lineId: '1', quantity: 1, reason: 'It has a chip' }];
    const { body: asked } = await zoe.post(`/v1/orders/${orderId}/returns`, { lines }, once());
    await support.post(`/v1/returns/${asked.id}/approve`);
    const received = await support.post(`/v1/returns/${asked.id}/receive`, {});
    expect(received.status, JSON.stringify(received.body)).to.equal(200);
  }

  /** Free text of the customer and of staff, wherever it may be written about an order. */
  async function explain({ returned, undelivered, unsent }: typeof orders): Promise<void> {
    const expectDone = ({ status, body }: Answer) => expect(status, JSON.stringify(body)).to.be.within(200, 201);
    const lines = [{ lineId: '1', quantity: 1 }];
    const asked = await zoe.post(`/v1/orders/${returned}/returns`, {
      lines: lines.map((units) => ({ ...units, reason: CANARIES.ownReason })),
    });
    expectDone(asked);
    const { body: shipments } = await support.get(`/v1/orders/${returned}`);
    const shipment = `/v1/shipments/${shipments.shipments[0].id}`;
    for (const [path, body] of [
      [`/v1/returns/${asked.body.id}/decline`, { reason: CANARIES.declined }],
      [`/v1/orders/${unsent}/hold`, { reason: CANARIES.held }],
      [`/v1/orders/${unsent}/cancel`, { lines, reason: CANARIES.cancelled }],
      [`/v1/payments/${siblingId('payment', returned)}/refunds`, { amount: 1, reason: CANARIES.refunded }],
      [`${shipment}/lose`, { reason: CANARIES.lost }],
    ] as const)
      expectDone(await support.post(path, body, once()));
    const { body: planned } = await support.post(`/v1/orders/${undelivered}/shipments`);
    await support.post(`/v1/shipments/${planned.id}/dispatch`);
    expectDone(await support.post(`/v1/shipments/${planned.id}/fail`, { reason: CANARIES.failed }));
  }

  /** What the API tells support about the customer. */
  async function told(): Promise<string> {
    const paths = [
      `/v1/customers?customerId=${zoe.customerId}`,
      `/v1/customers?email=${encodeURIComponent(CANARIES.email)}`,
      `/v1/orders?customerId=${zoe.customerId}`,
      `/v1/orders?email=${encodeURIComponent(CANARIES.email)}`,
      ...Object.values(orders).flatMap((id) => [`/v1/orders/${id}`, `/v1/payments/${siblingId('payment', id)}`]),
      '/v1/returns',
      '/v1/shipments',
      '/v1/refunds',
    ];
    const answers = await Promise.all(paths.map((path) => support.get(path)));
    for (const { status, body } of answers) expect(status, JSON.stringify(body)).to.equal(200);
    return JSON.stringify(answers.map(({ body }) => body));
  }

  const canariesIn = (parts: readonly StoredPart[]) =>
    Object.values(CANARIES).flatMap((text) => placesWith(text, parts));

  /** The sealed values of a customer in the parts. */
  function sealedIn(parts: readonly StoredPart[], customerId: string): Sealed[] {
    return parts.flatMap(({ content }) =>
      [...objectsIn(content)].flatMap((one) => (isSealed(one) && one.sealed === customerId ? [one] : [])),
    );
  }

  /** Opens values with the keys that are stored now, as a new process would. */
  async function openedNow(values: readonly Sealed[]): Promise<unknown[]> {
    const local = createLocalKeyWrap(await loadMasterKey({ dataDir: the(environment.COMMERCE_DATA) }));
    if (profile.name === 'aws') {
      const options = { region: REGION, endpoint: the(environment.AWS_ENDPOINT_URL) };
      const [dynamodb, kms] = [createDynamoClient(options), createKmsClient(options)];
      const table = (kind: string) => `${the(environment.COMMERCE_NAMESPACE)}-${kind}`;
      const keys = createDynamoSubjectKeys({ client: dynamodb, table: table('subject-keys') });
      const mark = new GetItemCommand({ TableName: table('store-mark'), Key: { id: { S: 'log' } } });
      const { log: shop } = JSON.parse(the((await dynamodb.send(mark)).Item?.mark?.S));
      const keyWrap = createKmsKeyWrap({ client: kms, keyId: the(environment.COMMERCE_KMS_KEY), shop, keys, local });
      const { open } = createPersonalData({ keys, keyWrap, eventTypes });
      return Promise.all(values.map(open)).finally(() => {
        dynamodb.destroy();
        kms.destroy();
      });
    }
    const pool = createPool({ url: the(environment.DATABASE_URL) });
    const { open } = createPersonalData({ keys: createPostgresSubjectKeys(pool), keyWrap: local, eventTypes });
    return Promise.all(values.map(open)).finally(() => pool.end());
  }

  it('was known before: to support, and to whoever has the keys, but never in plain text in a store', async () => {
    const answers = [{ place: 'the API', content: await told() }];
    expect(canariesIn(answers)).to.have.length.above(4);
    const withMails = await eventually('the mail is there', async () => {
      const stored = await everythingStored(environment);
      expect(placesWith(CANARIES.email, stored.filter(isMail))).to.not.deep.equal([]);
      return stored;
    });
    earlier = withMails.filter((part) => !isMail(part));
    expect(canariesIn(earlier)).to.deep.equal([]);
    expect(placesWith(BRAND, earlier).join()).to.include('preferences: ');
    expect(placesWith(PASSWORD, withMails)).to.deep.equal([]);
    const sealed = sealedIn(earlier, zoe.customerId);
    expect(sealed.length).to.be.above(10);
    expect(JSON.stringify(await openedNow(sealed)))
      .to.include(CANARIES.line1)
      .and.to.include(CANARIES.email);
  });

  it('can get everything that is held about them', async () => {
    const { status, headers, body } = await zoe.get('/v1/me/export');
    expect(status).to.equal(200);
    expect(headers.get('content-disposition')).to.include('attachment');
    for (const text of Object.values(CANARIES)) expect(JSON.stringify(body)).to.include(text);
    expect(JSON.stringify(body)).to.include(BRAND).and.to.not.include(PASSWORD);
    expect(JSON.stringify(body)).to.not.include(BOB.email);
    const kinds = body.streams.map(({ stream }: { stream: string }) => stream.split('#')[0]);
    expect(kinds).to.include.members(['customer', 'cart', 'order', 'payment', 'shipment', 'return']);
  });

  it('asks for it, and is not there any more: nothing that is stored can be opened', async () => {
    const { status } = await zoe.delete('/v1/customers/me', once());
    expect(status).to.equal(204);
    const stored = await everythingStored(environment);
    expect([...canariesIn(stored), ...placesWith(BRAND, stored)]).to.deep.equal([]);
    for (const store of ['credentials', 'preferences']) {
      const kept = stored.filter(({ place }) => place.endsWith(store)).map(({ content }) => JSON.stringify(content));
      expect(kept, store).to.have.length(1);
      expect(kept.join(), store).to.not.include(zoe.customerId);
    }
    // Also not with a copy of the stores from before, such as a backup of the log.
    const sealed = [...sealedIn(stored, zoe.customerId), ...sealedIn(earlier, zoe.customerId)];
    expect(sealed.length).to.be.above(20);
    for (const value of await openedNow(sealed)) expect(value).to.deep.equal({ forgotten: true });
    const others = await openedNow(sealedIn(stored, bob.customerId));
    expect(JSON.stringify(others)).to.include(BOB.address.line1);
  });

  it('is told to nobody by the API', async () => {
    expect(canariesIn([{ place: 'the API', content: await told() }])).to.deep.equal([]);
    const { body } = await support.get(`/v1/orders?email=${encodeURIComponent(CANARIES.email)}`);
    expect(body.data).to.deep.equal([]);
    const own = await zoe.get('/v1/me/export');
    expect(own.body.streams).to.have.length.above(5);
    expect(canariesIn([{ place: 'their own export', content: JSON.stringify(own.body) }])).to.deep.equal([]);
  });

  it('has no session and no kept answer, and those of others stay', async () => {
    const stored = await everythingStored(environment);
    const answersIn = (parts: readonly StoredPart[], id: string) => {
      const kept = parts.find(({ place }) => /idempotency$/.test(place));
      return JSON.stringify(kept?.content).split(recordsOf({ role: 'customer', id })).length - 1;
    };
    expect(answersIn(earlier, zoe.customerId)).to.be.above(5);
    expect(answersIn(stored, zoe.customerId)).to.be.at.most(1); // that they were forgotten
    expect(answersIn(stored, bob.customerId)).to.equal(answersIn(earlier, bob.customerId)).and.to.be.above(0);
    const rows = stored.flatMap(({ place, content }) => (/sessions/.test(place) ? [JSON.stringify(content)] : []));
    expect(rows.join()).to.include(bob.customerId).and.not.include(zoe.customerId);
  });

  it('has no views, not even under a hash, and those of others stay', async () => {
    const keyedHash = createKeyedHash(await loadMasterKey({ dataDir: the(environment.COMMERCE_DATA) }));
    const hashOf = ({ customerId }: Guest) => keyedHash('views', customerId);
    expect(placesWith(hashOf(zoe), earlier)).to.have.length.above(0);
    await eventually('they are deleted', async () => {
      const stored = await everythingStored(environment);
      expect(placesWith(hashOf(zoe), stored)).to.deep.equal([]);
      expect(placesWith(hashOf(bob), stored)).to.have.length.above(0);
    });
  });

  it('cannot log in any more, and another person may have the address', async () => {
    const account = { email: CANARIES.email, password: 'another password' };
    expectProblem(
      await shop.anybody().post('/v1/sessions', { ...account, password: PASSWORD }),
      401,
      'unauthenticated',
    );
    const other = await shop.customer({ ...account, name: 'Another' });
    expect(other.customerId).to.not.equal(zoe.customerId);
    const { body } = await other.get('/v1/customers/me');
    expect(body).to.deep.include({ name: 'Another', addresses: [], emailVerified: false });
    expect((await other.delete('/v1/customers/me')).status).to.equal(204);
  });

  it('keeps their orders countable: what was sent stays sold, what was not is cancelled and not paid', async () => {
    await eventually('the read model shows it', async () => {
      const statuses = await Promise.all(
        Object.values(orders).map(async (id) => (await support.get(`/v1/orders/${id}`)).body.status),
      );
      expect(statuses).to.deep.equal(['completed', 'completed', 'cancelled', 'cancelled']);
    });
    for (const id of [orders.waiting, orders.unsent]) {
      const { body } = await support.get(`/v1/payments/${siblingId('payment', id)}`);
      expect({ held: body.held.amount, captured: body.captured.amount }).to.deep.equal({ held: 0, captured: 0 });
    }
    const { body } = await support.get(`/v1/orders?customerId=${zoe.customerId}`);
    expect(body.data).to.have.length(4);
    expect((await support.get('/v1/stock/MUG-BLUE')).body.locations[0].reserved).to.equal(0);
  });

  it('cannot leave new data, and stays forgotten when they ask again', async () => {
    const { body } = await zoe.post('/v1/carts', { currency: 'GBP' });
    expectProblem(await zoe.put(`/v1/carts/${body.id}/shipping-address`, ADDRESS), 422, 'rule_violated');
    expectProblem(await zoe.post('/v1/me/payment-methods', { paymentMethod: 'pm_card_visa' }), 422, 'rule_violated');
    expect((await zoe.delete('/v1/customers/me')).status).to.equal(204);
  });

  it('was never in the log of the program, at any level, whatever was sent', async () => {
    const broken = `{"email":"${CANARIES.email}",,"name":"${CANARIES.name}"}`;
    const wrong = { ...ADDRESS, country: CANARIES.name, surplus: CANARIES.line1 };
    const card = { paymentMethod: `4242424242424242 ${CANARIES.name}`, email: CANARIES.email };
    const { body: cart } = await bob.post('/v1/carts', { currency: 'GBP' });
    for (const { status } of [
      await bob.post('/v1/carts', broken),
      await bob.put(`/v1/carts/${cart.id}/shipping-address`, wrong),
      await bob.post(`/v1/carts/${cart.id}/checkout`, card, once()),
      await bob.get(`/v1/orders?after=${encodeURIComponent(CANARIES.email)}`),
    ])
      expect(status).to.be.within(400, 499);
    const content = shop.program.output();
    expect(content, 'it says something').to.include('"level":30');
    const parts = [{ place: 'the log', content }];
    expect([...canariesIn(parts), ...placesWith('4242424242424242', parts)]).to.deep.equal([]);
  });

  it('can be asked for only by themselves, and by the operator', async () => {
    expectProblem(await bob.delete(`/v1/customers/${zoe.customerId}`), 404, 'not_found');
    expectProblem(await support.delete('/v1/customers/me'), 403, 'forbidden');
    const forget = (id: string) => commerce(['forget', id, '--json'], environment);
    const { code, stdout } = await forget(zoe.customerId);
    expect({ code, told: JSON.parse(stdout) }).to.deep.equal({
      code: 0,
      told: { id: zoe.customerId, isNew: false, unfinished: [] },
    });
    const unknown = await forget('customer_never-was');
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr).to.match(/^commerce: There is no customer_never-was: [^\n]*\n$/);
    expect((await forget('Zoe')).code).to.equal(2);
    const bobs = await forget(bob.customerId);
    expect(JSON.parse(bobs.stdout)).to.deep.equal({ id: bob.customerId, isNew: true, unfinished: [] });
  });

  it('leaves a shop that goes on: no projection stands still, and no log line has their data', async () => {
    const { status, body } = await shop.anybody().get('/readyz');
    expect({ status, body }).to.deep.equal({ status: 200, body: { status: 'ready' } });
    await placed(await shop.guest());
    expect(canariesIn([{ place: 'the output', content: shop.program.output() }])).to.deep.equal([]);
  });

  it('leaves in the log who opened whose data', async () => {
    const stored = await everythingStored(environment);
    const commits = stored.flatMap(({ content }) => [...objectsIn(content)]) as { type?: string; data?: object }[];
    const openings = commits.filter(({ type }) => type === 'PersonalDataOpened') as unknown as {
      actor: { role: string };
      data: { purpose: string; subjects: string[] };
    }[];
    expect(openings.length).to.be.above(0);
    expect(openings.map(({ actor }) => actor.role)).to.include('support');
    expect(openings.flatMap(({ data }) => data.subjects)).to.include(zoe.customerId);
    const purposes = openings.map(({ data }) => data.purpose);
    expect(purposes).to.include.members(['GET /v1/orders/{id}', 'GET /v1/me/export']);
  });
}
