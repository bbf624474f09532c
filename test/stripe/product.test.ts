// The product started with Stripe's keys: the webhooks that it accepts over HTTP, and its metrics.
import { expect } from 'chai';
import type Stripe from 'stripe';
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
import { the } from '../the.js';
import { type StripeStandIn, startStripe } from './stand-in.js';
import { signed } from './webhook-events.js';

/** Time for a start of the program on a busy machine. */
const TEST_TIMEOUT_MS = 120_000;
const EMBEDDED = the(PROFILES.find(({ name }) => name === 'embedded'));
const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const WEBHOOKS = '/v1/webhooks/stripe';
const WEBHOOK_SECRET = 'whsec_of_this_test';

describeWith(EMBEDDED.engines, 'The product, started with Stripe keys', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  let environment: Environment;
  let standIn: StripeStandIn;
  let shop: RunningShop;
  let stripe: Stripe;

  before(async () => {
    standIn = await startStripe();
    stripe = connectStripe(standIn);
    environment = {
      ...(await EMBEDDED.freshEnvironment(engines)),
      STRIPE_SECRET_KEY: standIn.secretKey,
      STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
      STRIPE_API_URL: standIn.apiUrl,
    };
    shop = await startShop(environment);
  });
  after(endPrograms);
  after(() => standIn.stop());

  /** Posts a webhook as Stripe does: the raw body and its signature. */
  function deliver(body: string, signature: string) {
    return shop.anybody().post(WEBHOOKS, body, { 'Stripe-Signature': signature });
  }

  it('takes payments there, and acknowledges and counts all webhooks, even those that it ignores', async () => {
    const guest = await shop.guest();
    const { body: products } = await guest.get('/v1/products?limit=1');
    const { body: cart } = await guest.post('/v1/carts', { currency: 'GBP' });
    await guest.post(`/v1/carts/${cart.id}/lines`, { sku: products.data[0].variants[0].sku, quantity: 1 });
    await guest.put(`/v1/carts/${cart.id}/shipping-address`, ADDRESS);
    await guest.put(`/v1/carts/${cart.id}/shipping-method`, { method: 'standard' });
    const order = await guest.post(`/v1/carts/${cart.id}/checkout`, { paymentMethod: 'pm_card_visa' }, once());
    expect([order.status, order.body.paymentStatus]).to.deep.equal([201, 'authorised']);

    const events = (await stripe.events.list()).data;
    const types = events.map(({ type }) => type);
    expect(types).to.include.members(['payment_intent.created', 'payment_intent.amount_capturable_updated']);
    for (const event of [...events, ...events.toReversed()]) {
      const { body, signature } = signed(stripe, WEBHOOK_SECRET, event);
      expect(await deliver(body, signature)).to.have.property('status', 200);
    }
    const { body: metrics } = await (await shop.staff('ops')).get('/metrics');
    const counted = (type: string, outcome: string) =>
      `commerce_payment_webhook_events_total{type="${type}",outcome="${outcome}"} 2\n`;
    expect(metrics).to.include(counted('payment_intent.created', 'unknown_type'));
    expect(metrics).to.include(counted('payment_intent.amount_capturable_updated', 'recorded'));
    const { body: after } = await guest.get(`/v1/orders/${order.body.id}`);
    expect(after.timeline).to.deep.equal(order.body.timeline);
  });

  it('verifies the signature over the exact bytes of the body', async () => {
    await stripe.paymentIntents.create({ amount: 500, currency: 'gbp' });
    const [event] = (await stripe.events.list()).data;
    const { body, signature } = signed(stripe, WEBHOOK_SECRET, event);
    expect(await deliver(body, signature)).to.have.property('status', 200);
    const sameJson = JSON.stringify(JSON.parse(body));
    expectProblem(await deliver(sameJson, signature), 400, 'invalid_request');
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
