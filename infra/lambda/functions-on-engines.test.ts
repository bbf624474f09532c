// The functions with events in the shapes that AWS documents, on real engines: each entry is loaded as AWS loads it, with its
// environment, and called one invocation after the other.
import { randomBytes } from 'node:crypto';
import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand } from '@aws-sdk/client-kinesis';
import type { ALBEvent, APIGatewayProxyEvent, KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import { expect } from 'chai';
import { exportJWK, generateKeyPair } from 'jose';
import pino from 'pino';
import type Stripe from 'stripe';
import { cart } from '../../domain/cart/cart.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { orderLines } from '../../domain/order/order-lines.js';
import { STAFF, staff as staffList } from '../../domain/staff/staff.js';
import { fillEmptyShop } from '../../scripts/sample-shop.js';
import { describeWith } from '../../test/engines.js';
import {
  type Answer,
  albEvent,
  answerOf,
  apiGatewayEvent,
  contextOf,
  lostBatch,
  recordOf,
  scheduled,
} from '../../test/lambda-events.js';
import { type Environment, eventually, PROFILES } from '../../test/running-shop.js';
import { type StripeStandIn, startStripe } from '../../test/stripe/stand-in.js';
import { signed } from '../../test/stripe/webhook-events.js';
import { the } from '../../test/the.js';
import { createKinesisClient } from '../aws.js';
import { fromItem, type Item, toItem } from '../event-store/dynamodb/dynamodb-item.js';
import { loadTokenKey } from '../identity/token-key.js';
import { createTokens } from '../identity/tokens.js';
import { recordParts } from '../modules/aws/records.js';
import { constant, lazy } from '../modules/parts.js';
import { remotePayments } from '../payments/remote-payments.js';
import { connectStripe } from '../payments/stripe.js';
import { TABLES, VIEW_STREAM } from '../stores/dynamodb-store.js';
import { schemasOf } from '../stores/schemas.js';
import { apiHandler } from './api.js';
import { closeFunctions, type Handler } from './invocation.js';
import { type OpenFunction, openFunction } from './open.js';
import { paymentParts } from './payments.js';
import { relationalStoreParts } from './relational.js';

const aws = PROFILES.find(({ name }) => name === 'aws')!;

const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };

describeWith(aws.engines, 'The Lambda functions on engines', function (engines) {
  this.timeout(240_000);
  const outside = { ...process.env };
  let environment: Environment = {};
  /** A look at the shop past the functions. */
  let shop: OpenFunction;
  let staff: (role: 'catalogue' | 'support' | 'ops') => Promise<string>;

  before(async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    environment = {
      ...(await aws.freshEnvironment(engines)),
      COMMERCE_MASTER_KEY: randomBytes(32).toString('base64'),
      COMMERCE_TOKEN_KEY: JSON.stringify(await exportJWK(privateKey)),
      COMMERCE_AUDIT_KEY: randomBytes(32).toString('base64'),
      COMMERCE_LOG: process.env.COMMERCE_LOG ?? 'silent',
    };
    const { COMMERCE_NAMESPACE: namespace = '', DATABASE_URL = '' } = environment;
    const { readModels } = schemasOf({ profile: 'aws', namespace, isLogInPostgres: false });
    // In AWS, RDS Proxy begins every session like this.
    const url = new URL(DATABASE_URL);
    url.searchParams.set('options', `-c search_path=${readModels}`);
    environment.DATABASE_URL = url.href;
    Object.assign(process.env, environment);

    const { handler: setUp } = await import('./set-up.js');
    expect((await setUp({}, contextOf())).builds).to.have.length(10);
    shop = await openFunction(recordParts);
    const [runner, store] = await Promise.all([shop.get('runner'), shop.get('eventStore')]);
    await fillEmptyShop({ runner, store }, new AbortController().signal);
    const key = await loadTokenKey({ dataDir: '', given: environment.COMMERCE_TOKEN_KEY });
    const tokens = createTokens({ key, clock: Date.now });
    const meta = { issuedAt: Date.now(), correlationId: 'tests', actor: { type: 'process', id: 'tests' } } as const;
    for (const role of ['catalogue', 'support', 'ops'] as const) {
      const member = { type: 'AddStaff', staffId: `staff_${role}`, name: 'Anybody', role } as const;
      orThrow(await runner.execute(staffList, STAFF, member, { ...meta, id: role }));
    }
    staff = (role) => tokens.mint({ role, id: `staff_${role}` });
  });

  after(async () => {
    await shop?.close();
    await closeFunctions();
    for (const name of Object.keys(environment)) {
      if (outside[name] === undefined) delete process.env[name];
      else process.env[name] = outside[name];
    }
  });

  it('take an order behind API Gateway, and show it behind the load balancer once the stream has brought it', async () => {
    const { token, order } = await orderMugs();
    const mine = { Authorization: `Bearer ${token}` };
    expect((await queries('order', '/v1/orders', mine)).body.data).to.deep.equal([]);

    for (const store of ['postgres', 'mongodb', 'opensearch', 'redis']) {
      expect(await project(store, await allRecords()), store).to.deep.equal({ batchItemFailures: [] });
    }
    const { body } = await queries('order', '/v1/orders', mine);
    expect(body.data.map(({ id }: { id: string }) => id)).to.deep.equal([order.id]);
    expect((await queries('order', `/v1/orders/${order.id}`, mine)).body.status).to.equal('confirmed');
    await eventually('OpenSearch has refreshed its index', async () =>
      expect((await queries('search', '/v1/search', {}, { q: 'mug' })).body.data).to.have.length(1),
    );
    const { data } = (await queries('product', '/v1/products', {})).body;
    expect(data).to.have.length(6);
    expect((await queries('product', `/v1/products/${data[0].id}`, {})).body.id).to.equal(data[0].id);
    const catalogue = { Authorization: `Bearer ${await staff('catalogue')}` };
    expect((await queries('inventory', '/v1/stock/MUG-BLUE', catalogue)).status).to.equal(200);
    const support = { Authorization: `Bearer ${await staff('support')}` };
    expect((await queries('payment', `/v1/payments/${order.paymentId}`, support)).body.status).to.equal('authorised');
  });

  it('record what customers look at in a stream of its own, learn from it, and recommend', async () => {
    for (const store of ['mongodb', 'redis']) await project(store, await allRecords());
    const [first, second] = (await queries('product', '/v1/products', {})).body.data;
    const { body: session } = await commands('identity', 'POST', '/v1/sessions', undefined, {});
    for (const { id } of [first, second]) {
      const viewed = await commands('product', 'POST', '/v1/me/views', session.token, { productId: id });
      expect(viewed.status, JSON.stringify(viewed.body)).to.equal(202);
    }
    const Records = await viewRecords();
    expect(Records).to.have.length(2);
    const { handler: learn } = await import('./browsing.js');
    for (let times = 0; times < 2; times++) await learn({ Records }, contextOf());
    const { body: after } = await queries('product', `/v1/products/${first.id}/also-viewed`, {});
    expect(after.data.map(({ id }: { id: string }) => id)).to.deep.equal([second.id]);
    const mine = { Authorization: `Bearer ${session.token}` };
    expect((await queries('product', '/v1/me/recommendations', mine)).body.data).to.have.length.above(1);
    expect((await queries('product', `/v1/products/${first.id}/also-bought`, {})).status).to.equal(200);
    expect((await queries('order', '/v1/me/export', mine)).body.views).to.have.length(2);
  });

  it('serve without a store that a request does not need, and answer 503 for its queries', async () => {
    const { guest } = await fillCart();
    Object.assign(process.env, { DATABASE_URL: 'postgres://127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' });
    try {
      const recipes = { ...relationalStoreParts, ...paymentParts };
      const create = apiGatewayEvent({
        httpMethod: 'POST',
        path: '/v1/carts',
        token: guest,
        body: { currency: 'GBP' },
      });
      const made = answerOf(await apiHandler('order-commands', recipes)(create, contextOf()));
      expect(made.status, JSON.stringify(made.body)).to.equal(201);
      const handler = apiHandler('order-queries', recipes);
      const get = async (path: string) =>
        answerOf(
          await handler(albEvent({ path, headers: { Authorization: `Bearer ${guest}` }, query: {} }), contextOf()),
        );
      expect((await get(`/v1/carts/${made.body.id}`)).status).to.equal(200);
      expect(await get('/v1/orders')).to.deep.include({ status: 503 });
    } finally {
      const { DATABASE_URL, REDIS_URL } = environment;
      Object.assign(process.env, { DATABASE_URL, REDIS_URL });
    }
  });

  it('stream a long answer in one piece', async () => {
    const { token } = await orderMugs();
    const { status, body } = await queries('order', '/v1/me/export', { Authorization: `Bearer ${token}` });
    expect(status).to.equal(200);
    expect(JSON.stringify(body)).to.include('MUG-BLUE');
  });

  it('apply records that come twice, in any order, and to two instances at once', async () => {
    const { token, order } = await orderMugs();
    const records = await allRecords();
    const backwards = [...records].reverse();
    const answers = await Promise.all([project('postgres', backwards), project('postgres', records)]);
    expect(answers).to.deep.equal([{ batchItemFailures: [] }, { batchItemFailures: [] }]);
    const { body } = await queries('order', `/v1/orders/${order.id}`, { Authorization: `Bearer ${token}` });
    expect(body).to.include({ id: order.id, status: 'confirmed' });
  });

  it('report the first record that was not applied in time, so that AWS goes on from there', async () => {
    const records = await allRecords();
    const { batchItemFailures } = await project('postgres', records, contextOf(1));
    expect(batchItemFailures).to.deep.equal([{ itemIdentifier: the(records[0]).kinesis.sequenceNumber }]);
  });

  it('skip a record that is not readable, and put the stream of a poison commit into quarantine', async () => {
    const { order } = await orderMugs();
    const garbage = recordOf(Buffer.from('no change record'), 'x');
    const stream = streamOf(order.id);
    const { client, name } = await shop.get('dynamoServer');
    const stored = (await allItems()).map(fromItem).filter(({ pk }) => pk === stream);
    const last = the(stored.sort((a, b) => a.sk - b.sk).at(-1));
    const [event] = JSON.parse(last.ev);
    const ev = JSON.stringify([{ ...event, type: 'NoSuchEvent', version: last.lv + 1 }]);
    const poison = { ...last, sk: last.sk + 1, fv: last.lv + 1, lv: last.lv + 1, ev, at: last.at + 1, cs: ['poison'] };
    await client.send(new PutItemCommand({ TableName: name(TABLES.events), Item: toItem(poison) }));
    const batch = [garbage, changeOf(toItem(last)), changeOf(toItem(poison))];
    expect(await project('postgres', batch)).to.deep.equal({ batchItemFailures: [] });

    // The record was skipped. The message of a batch that was given up makes the sweeper read the log to its newest commit.
    const { handler } = await import('./sweeper.js');
    await handler(lostBatch(), contextOf());
    const ops = { Authorization: `Bearer ${await staff('ops')}` };
    const { body } = await queries('operations', '/v1/ops/quarantine', ops);
    expect(body.data.map((entry: { stream: string }) => entry.stream)).to.include(stream);
  });

  it('show what the stream has lost after a sweep', async () => {
    const { token, order } = await orderMugs();
    const { handler } = await import('./sweeper.js');
    await handler(lostBatch(), contextOf());
    const { body } = await queries('order', `/v1/orders/${order.id}`, { Authorization: `Bearer ${token}` });
    expect(body.status).to.equal('confirmed');
    await handler(scheduled(), contextOf(20_000));
  });

  it('finish a checkout that its request has left, on schedule', async () => {
    const { guest, cartId } = await fillCart();
    const runner = await shop.get('runner');
    const { state } = await runner.load(cart, streamOf(cartId));
    const submission = {
      type: 'SubmitCart',
      number: '1',
      lines: orderLines(the(state).lines),
      shipping: { method: 'standard', title: 'Standard delivery', amount: 0 },
      payment: { provider: 'test', method: 'pm_card_visa' },
    } as const;
    const meta = {
      id: cartId,
      issuedAt: Date.now(),
      correlationId: 'r',
      actor: { type: 'staff', id: 'tests' },
    } as const;
    orThrow(await runner.execute(cart, streamOf(cartId), submission, meta));
    expect(await project('postgres', await allRecords())).to.deep.equal({ batchItemFailures: [] });

    const { agendaHandler } = await import('./agenda.js');
    const handler = agendaHandler({
      // As a minute later.
      agenda: ({ queries: { agenda } }) =>
        lazy(() => ({ due: async (at, limit) => (await agenda.current()).due(at + 60_000, limit) })),
    });
    await handler(scheduled(), contextOf());
    await project('postgres', await allRecords());
    const { body } = await queries('order', '/v1/orders', { Authorization: `Bearer ${guest}` });
    expect(body.data.map(({ status }: { status: string }) => status)).to.deep.equal(['confirmed']);
  });

  it('archive the log and make stock snapshots on schedule', async () => {
    const { archiverHandler } = await import('./archiver.js');
    await archiverHandler({}, 3_000)(scheduled(), contextOf());
    const { handler: snapshots } = await import('./stock-snapshots.js');
    expect(await snapshots(scheduled(), contextOf())).to.deep.equal({ made: [] });
  });

  it('answer with a problem before API Gateway gives up, and a repeat gets the first answer', async () => {
    const { guest, cartId } = await fillCart();
    const late = await commands(
      'order',
      'POST',
      `/v1/carts/${cartId}/lines`,
      guest,
      { sku: 'MUG-BLUE', quantity: 1 },
      contextOf(1),
    );
    expect(late.status).to.equal(503);
    expect(late.headers['Content-Type']).to.equal('application/problem+json');
    expect(late.body.code).to.equal('unavailable');
  });

  it('let the authoriser admit valid tokens only', async () => {
    const { handler } = await import('./authorizer.js');
    const methodArn = 'arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/POST/v1/carts';
    const event = { type: 'TOKEN', methodArn, authorizationToken: `Bearer ${await staff('support')}` } as const;
    expect(await handler(event)).to.deep.equal({
      principalId: 'staff_support',
      context: { role: 'support' },
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'execute-api:Invoke',
            Effect: 'Allow',
            Resource: 'arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/*',
          },
        ],
      },
    });
    for (const authorizationToken of ['Bearer x.y.z', 'Basic eA==', '', `${event.authorizationToken}x`]) {
      const refusal = await handler({ ...event, authorizationToken }).catch((error: Error) => error.message);
      expect(refusal, authorizationToken).to.equal('Unauthorized');
    }
  });

  it('open an account, log in with the cart of the guest, show the account, and forget it', async () => {
    const { guest } = await fillCart();
    const account = { email: 'ada@functions.example', password: 'correct horse battery' };
    const opened = await commands('identity', 'POST', '/v1/customers', undefined, { ...account, name: 'Ada' });
    expect(opened.status, JSON.stringify(opened.body)).to.equal(201);
    const session = await commands('identity', 'POST', '/v1/sessions', undefined, { ...account, guestToken: guest });
    expect(session.status, JSON.stringify(session.body)).to.equal(201);
    const token = session.body.token as string;
    const mine = { Authorization: `Bearer ${token}` };
    const preferred = await commands('order', 'PUT', '/v1/me/preferences', token, { theme: 'dark' });
    expect(preferred.status, JSON.stringify(preferred.body)).to.equal(200);
    expect((await queries('order', '/v1/me/preferences', mine)).body).to.deep.equal({ theme: 'dark' });
    expect((await queries('identity', '/v1/customers/me', mine)).body).to.include({ name: 'Ada', guest: false });
    expect(await project('postgres', await allRecords())).to.deep.equal({ batchItemFailures: [] });
    const asked = { Authorization: `Bearer ${await staff('support')}` };
    const found = await queries('identity', '/v1/customers', asked, { email: account.email });
    expect(found.body.data[0]).to.include({ id: session.body.customerId, email: account.email });
    const { body: cart } = await queries('order', '/v1/carts/current', mine);
    expect(cart.lines.map(({ sku }: { sku: string }) => sku)).to.deep.equal(['MUG-BLUE']);
    expect((await commands('identity', 'DELETE', '/v1/customers/me', token, {})).status).to.equal(204);
    const again = await commands('identity', 'POST', '/v1/sessions', undefined, account);
    expect(again.status, JSON.stringify(again.body)).to.equal(401);
  });

  it('answer 400 to a query that is not encoded', async () => {
    const { status, body } = await queries('search', '/v1/search', {}, { q: '%E0%A4%A' });
    expect({ status, code: body.code }).to.deep.equal({ status: 400, code: 'invalid_request' });
  });

  describe('that take payments', () => {
    const webhookSecret = 'whsec_of_these_tests';
    let stripe: StripeStandIn;
    /** Of the functions in this block: their payment provider is the function `payment-provider`. */
    let order: Handler<APIGatewayProxyEvent | ALBEvent, unknown>;

    before(async () => {
      stripe = await startStripe();
      Object.assign(process.env, {
        STRIPE_SECRET_KEY: stripe.secretKey,
        STRIPE_WEBHOOK_SECRET: webhookSecret,
        STRIPE_API_URL: stripe.apiUrl,
      });
      const { handler: provide } = await import('./payment-provider.js');
      // Between functions, calls and answers are JSON.
      const { provider, methods } = remotePayments(async (asked) => {
        const answer = await provide(JSON.parse(JSON.stringify(asked)), contextOf());
        return JSON.parse(JSON.stringify(answer));
      });
      order = apiHandler('order-commands', {
        ...relationalStoreParts,
        ...paymentParts,
        paymentService: constant({ name: 'stripe', providers: { stripe: provider }, methods }),
      });
    });

    after(async () => {
      await stripe?.stop();
      for (const name of ['STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET', 'STRIPE_API_URL']) delete process.env[name];
    });

    it('authorise at the checkout through the function that has the key of Stripe', async () => {
      const { paymentId } = await orderByCard();
      expect(await paymentOf(paymentId)).to.equal('authorised');
      expect(stripe.requests.map(({ method, path }) => `${method} ${path}`)).to.include('POST /v1/payment_intents');
    });

    it("record a capture whose answer was lost once Stripe's webhook tells of it", async () => {
      const { paymentId, intent } = await dispatchWithLostCapture();
      expect(await paymentOf(paymentId)).to.equal('authorised');

      const event = await eventOf(intent, 'payment_intent.succeeded');
      const { body, signature } = signed(connectStripe(stripe), webhookSecret, event);
      const refused = await webhook(body, signature.replace(/v1=./, 'v1=x'));
      expect({ status: refused.status, code: refused.body.code }).to.deep.equal({
        status: 400,
        code: 'invalid_request',
      });
      const elsewhere = signed(connectStripe(stripe), 'whsec_of_somebody_else', event);
      expect((await webhook(elsewhere.body, elsewhere.signature)).status).to.equal(400);
      expect((await webhook(body.replace(intent, `${intent}x`), signature)).status).to.equal(400);
      expect(await paymentOf(paymentId)).to.equal('authorised');

      for (const attempt of ['first', 'repeated']) {
        const { status, body: answer } = await webhook(body, signature);
        expect({ status, answer }, attempt).to.deep.equal({ status: 200, answer: { received: true } });
        expect(await paymentOf(paymentId)).to.equal('captured');
      }
    });

    it('find a payment whose webhook was lost', async () => {
      const { paymentId } = await dispatchWithLostCapture();
      const lines: { kind?: string; paymentId?: string }[] = [];
      const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
      const { paymentReconcilerHandler } = await import('./payment-reconciler.js');
      // Payments that changed within the last minute are compared the next day.
      const handler = paymentReconcilerHandler({ log: constant(log), clock: constant(() => Date.now() + 120_000) });
      await handler(scheduled(), contextOf());
      const found = lines.filter((line) => line.paymentId === paymentId);
      expect(found.map(({ kind }) => kind)).to.include('captured');
    });

    async function orderByCard(): Promise<{ id: string; paymentId: string; intent: string }> {
      const { guest, cartId } = await fillCart();
      const { body: filled } = await queries('order', `/v1/carts/${cartId}`, { Authorization: `Bearer ${guest}` });
      const checkout = { paymentMethod: 'pm_card_visa', email: 'ada@example.com', total: filled.total };
      const made = await ask('POST', `/v1/carts/${cartId}/checkout`, guest, checkout);
      const { data } = await connectStripe(stripe).paymentIntents.list({ limit: 1 });
      return { id: made.id, paymentId: made.paymentId, intent: the(data[0]).id };
    }

    /** The package of Stripe repeats a request once if its connection breaks. */
    async function dispatchWithLostCapture(): Promise<{ paymentId: string; intent: string }> {
      const { id, paymentId, intent } = await orderByCard();
      const support = await staff('support');
      const { id: shipmentId } = await ask('POST', `/v1/orders/${id}/shipments`, support, {});
      stripe.inject(/capture$/, 'reply lost', 'reply lost');
      await ask('POST', `/v1/shipments/${shipmentId}/dispatch`, support, {});
      return { paymentId, intent };
    }

    async function ask(httpMethod: string, path: string, token: string, body: object): Promise<Answer['body']> {
      const answer = answerOf(await order(apiGatewayEvent({ httpMethod, path, token, body }), contextOf()));
      expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 201);
      return answer.body;
    }

    async function webhook(body: string, signature: string): Promise<Answer> {
      const { handler } = await import('./payment-webhook.js');
      const path = '/v1/webhooks/stripe';
      const headers = { 'Stripe-Signature': signature };
      const event = apiGatewayEvent({ httpMethod: 'POST', path, token: undefined, body, headers });
      return answerOf(await handler(event, contextOf()));
    }

    async function eventOf(intent: string, wanted: Stripe.Event['type']): Promise<Stripe.Event> {
      const { data } = await connectStripe(stripe).events.list({ limit: 100 });
      const isIt = ({ type, data: { object } }: Stripe.Event) =>
        type === wanted && (object as { id?: string }).id === intent;
      return the(data.find(isIt));
    }

    async function paymentOf(paymentId: string): Promise<string> {
      const support = { Authorization: `Bearer ${await staff('support')}` };
      const { status, body } = await queries('payment', `/v1/payments/${paymentId}`, support);
      expect(status, JSON.stringify(body)).to.equal(200);
      return body.status;
    }
  });

  // ── What people and AWS do ─────────────────────────────────────────────────────────────────────────────────────────

  async function fillCart(): Promise<{ guest: string; cartId: string }> {
    const session = await commands('identity', 'POST', '/v1/sessions', undefined, {});
    expect(session.status, JSON.stringify(session.body)).to.equal(201);
    const guest = session.body.token as string;
    const { body: made } = await commands('order', 'POST', '/v1/carts', guest, { currency: 'GBP' });
    await commands('order', 'POST', `/v1/carts/${made.id}/lines`, guest, { sku: 'MUG-BLUE', quantity: 2 });
    await commands('order', 'PUT', `/v1/carts/${made.id}/shipping-address`, guest, ADDRESS);
    const { status, body } = await commands('order', 'PUT', `/v1/carts/${made.id}/shipping-method`, guest, {
      method: 'standard',
    });
    expect(status, JSON.stringify(body)).to.equal(200);
    return { guest, cartId: made.id };
  }

  async function orderMugs() {
    const { guest, cartId } = await fillCart();
    const { body: filled } = await queries('order', `/v1/carts/${cartId}`, { Authorization: `Bearer ${guest}` });
    const checkout = { paymentMethod: 'pm_card_visa', email: 'ada@example.com', total: filled.total };
    const { status, body } = await commands('order', 'POST', `/v1/carts/${cartId}/checkout`, guest, checkout);
    expect(status, JSON.stringify(body)).to.equal(201);
    return { token: guest, order: body };
  }

  async function commands(
    service: 'order' | 'identity' | 'product',
    httpMethod: string,
    path: string,
    token: string | undefined,
    body: object,
    context = contextOf(),
  ): Promise<Answer> {
    const { handler } = await import(`./${service}-commands.ts`);
    return answerOf(await handler(apiGatewayEvent({ httpMethod, path, token, body }), context));
  }

  async function queries(
    service: string,
    path: string,
    headers: Record<string, string>,
    query: Record<string, string> = {},
  ): Promise<Answer> {
    const { handler } = await import(`./${service}-queries.ts`);
    return answerOf(await handler(albEvent({ path, headers, query }), contextOf()));
  }

  async function project(
    store: string,
    Records: KinesisStreamEvent['Records'],
    context = contextOf(),
  ): Promise<KinesisStreamBatchResponse> {
    const { handler } = await import(`./projector-${store}.ts`);
    return handler({ Records }, context);
  }

  /** Everything in the log, as DynamoDB's Kinesis destination sends it. */
  async function allRecords(): Promise<KinesisStreamEvent['Records']> {
    return (await allItems()).map(changeOf);
  }

  /** Also those that no reader of the log sees yet, because other commits might still appear before them. */
  async function allItems(): Promise<Item[]> {
    const { client, name } = await shop.get('dynamoServer');
    const { Items = [], LastEvaluatedKey } = await client.send(
      new ScanCommand({ TableName: name(TABLES.events), ConsistentRead: true }),
    );
    expect(LastEvaluatedKey).to.equal(undefined);
    return Items as Item[];
  }

  /** What is in the stream of views, as AWS gives it to the function. */
  async function viewRecords(): Promise<KinesisStreamEvent['Records']> {
    const { awsRegion: region } = await shop.get('config');
    const kinesis = createKinesisClient({ region, endpoint: environment.AWS_ENDPOINT_URL ?? '' });
    const StreamName = `${environment.COMMERCE_NAMESPACE}-${VIEW_STREAM}`;
    const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName }));
    const pages = Shards.map(async ({ ShardId }) => {
      const from = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
      const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(from));
      return (await kinesis.send(new GetRecordsCommand({ ShardIterator }))).Records ?? [];
    });
    const records = (await Promise.all(pages)).flat();
    kinesis.destroy();
    return records.map(({ Data = new Uint8Array(), PartitionKey = '' }) => recordOf(Buffer.from(Data), PartitionKey));
  }

  function changeOf(item: Item) {
    const { pk, sk } = item;
    const change = {
      awsRegion: 'eu-west-1',
      eventID: randomBytes(16).toString('hex'),
      eventName: 'INSERT',
      userIdentity: null,
      recordFormat: 'application/json',
      tableName: `${environment.COMMERCE_NAMESPACE}-${TABLES.events}`,
      dynamodb: {
        ApproximateCreationDateTime: Number(item.at?.N),
        ApproximateCreationDateTimePrecision: 'MICROSECOND',
        Keys: { pk, sk },
        NewImage: item,
        SizeBytes: 500,
      },
      eventSource: 'aws:dynamodb',
    };
    return recordOf(Buffer.from(JSON.stringify(change)), String(pk?.S));
  }
});
