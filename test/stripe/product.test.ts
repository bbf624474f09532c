// The product as it is started with Stripe's keys: what it takes from Stripe over HTTP, and what it counts.
import { expect } from 'chai';
import type Stripe from 'stripe';
import { freePort } from '../../infra/engines/processes.js';
import { connectStripe } from '../../infra/payments/stripe.js';
import { describeWith } from '../engines.js';
import {
  commerce,
  type Environment,
  endPrograms,
  expectProblem,
  once,
  PROFILES,
  type RunningShop,
  startShop,
} from '../running-shop.js';
import { type StripeStandIn, startStripe } from './stand-in.js';

/** A start of the program, on a machine that may be busy. */
const TEST_TIMEOUT_MS = 120_000;
const EMBEDDED = PROFILES.find(({ name }) => name === 'embedded')!;
const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const WEBHOOKS = '/v1/webhooks/stripe';

describeWith(EMBEDDED.engines, 'The product, started with keys of Stripe', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  let environment: Environment;
  let standIn: StripeStandIn;
  let shop: RunningShop;
  let stripe: Stripe;

  before(async () => {
    standIn = await startStripe();
    const { protocol, host, port: standInPort } = standIn.options;
    const apiUrl = `${protocol}://${host}:${standInPort}`;
    const port = await freePort();
    stripe = connectStripe({ secretKey: standIn.secretKey, apiUrl });
    const url = `http://127.0.0.1:${port}${WEBHOOKS}`;
    const { secret } = await stripe.webhookEndpoints.create({ url, enabled_events: ['*'] });
    environment = {
      ...(await EMBEDDED.freshEnvironment(engines)),
      STRIPE_SECRET_KEY: standIn.secretKey,
      STRIPE_WEBHOOK_SECRET: secret!,
      STRIPE_API_URL: apiUrl,
    };
    shop = await startShop(environment, ['--port', String(port)]);
  });
  after(endPrograms);
  after(() => standIn.stop());

  it('takes money there, and acknowledges and counts all its news, also what it does nothing with', async () => {
    const guest = await shop.guest();
    const { body: products } = await guest.get('/v1/products?limit=1');
    const { body: cart } = await guest.post('/v1/carts', { currency: 'GBP' });
    await guest.post(`/v1/carts/${cart.id}/lines`, { sku: products.data[0].variants[0].sku, quantity: 1 });
    await guest.put(`/v1/carts/${cart.id}/shipping-address`, ADDRESS);
    await guest.put(`/v1/carts/${cart.id}/shipping-method`, { method: 'standard' });
    const order = await guest.post(`/v1/carts/${cart.id}/checkout`, { paymentMethod: 'pm_card_visa' }, once());
    expect([order.status, order.body.paymentStatus]).to.deep.equal([201, 'authorised']);

    const news = standIn.webhooks.queue.splice(0);
    const types = news.map(({ event }) => event.type);
    expect(types).to.include.members(['payment_intent.created', 'payment_intent.amount_capturable_updated']);
    const statuses = await standIn.webhooks.deliver([...news, ...news.toReversed()]);
    expect(new Set(statuses)).to.deep.equal(new Set([200]));
    const { body: metrics } = await shop.anybody().get('/metrics');
    const counted = (type: string, outcome: string) =>
      `commerce_payment_news_total{type="${type}",outcome="${outcome}"} 2\n`;
    expect(metrics).to.include(counted('payment_intent.created', 'unknown_type'));
    expect(metrics).to.include(counted('payment_intent.amount_capturable_updated', 'recorded'));
    const { body: after } = await guest.get(`/v1/orders/${order.body.id}`);
    expect(after.timeline).to.deep.equal(order.body.timeline);
  });

  it('looks at the signature over the very bytes that came', async () => {
    await stripe.paymentIntents.create({ amount: 500, currency: 'gbp' });
    const { body, signature } = standIn.webhooks.signed(standIn.webhooks.queue.pop()!);
    const sent = { 'Stripe-Signature': signature };
    expect(await shop.anybody().post(WEBHOOKS, body, sent)).to.have.property('status', 200);
    const sameJson = JSON.stringify(JSON.parse(body));
    expectProblem(await shop.anybody().post(WEBHOOKS, sameJson, sent), 400, 'invalid_request');
  });

  it('does not start with a live key', async () => {
    const { code, stderr } = await commerce(['start', '--port', '0'], {
      ...environment,
      STRIPE_SECRET_KEY: 'sk_live_1',
    });
    expect(code).to.equal(1);
    expect(stderr).to.include('STRIPE_SECRET_KEY: is a live key');
  });
});
