// A whole shop that is paid through Stripe: checkouts, webhooks, saved cards and the reconciliation, on the stand-in.
import { expect } from 'chai';
import type Stripe from 'stripe';
import { paymentMethodEndpoints } from '../../commands/endpoints/payment-methods.js';
import { type NewsOutcome, paymentWebhook } from '../../commands/endpoints/payment-webhooks.js';
import { createAgendaHandlers } from '../../commands/processes/agenda-handlers.js';
import { createProviderCustomers } from '../../commands/processes/provider-customers.js';
import { type Difference, reconcile } from '../../commands/processes/reconcile.js';
import { catalogue } from '../../domain/events.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { order } from '../../domain/order/order.js';
import {
  capturedOf,
  type Payment,
  type PaymentCommand,
  payment,
  paymentStatusOf,
  refundedOf,
} from '../../domain/payment/payment.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { connectStripe, createStripeProvider } from '../../infra/payments/stripe.js';
import { createStripeBooks } from '../../infra/payments/stripe-books.js';
import { createStripeMethods } from '../../infra/payments/stripe-methods.js';
import { readStripeEvent, STRIPE_SIGNATURE } from '../../infra/payments/stripe-webhook.js';
import { callerOf, problemOf } from '../call-endpoint.js';
import { ADA, BOB, createShop, fill, SUPPORT, sell } from '../shop.js';
import { type StripeStandIn, startStripe } from './stand-in.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ENDPOINT = { url: 'http://127.0.0.1:9/v1/webhooks/stripe', enabled_events: ['*' as const] };

describe('A shop that is paid through Stripe', () => {
  let ahead = 0;
  let standIn: StripeStandIn;
  let shop: Awaited<ReturnType<typeof openShop>>;
  const clock = () => Date.now() + ahead;

  beforeEach(async () => {
    ahead = 0;
    standIn = await startStripe({ clock });
    shop = await openShop();
  });
  afterEach(() => standIn.stop());

  async function openShop() {
    const { protocol, host, port } = standIn.options;
    const stripe = connectStripe({ secretKey: standIn.secretKey, apiUrl: `${protocol}://${host}:${port}` });
    const { secret } = await stripe.webhookEndpoints.create(ENDPOINT);
    const log = createMemoryLog();
    const memory = createMemoryEventStore({ codec: createCommitCodec(catalogue), log, clock, watermarkLagMs: 0 });
    const outage = { isOn: false };
    const append: EventStore['append'] = (...args) => {
      if (outage.isOn) throw new Unavailable('the log', 'is away');
      return memory.append(...args);
    };
    const store: EventStore = { ...memory, append };
    const adapter = createStripeProvider({ stripe, customerRefOf: (id) => customers.refOf(id) });
    /** What happens between Stripe's work and the return of our own call. */
    const hook = { meanwhile: async () => {} };
    const late =
      <A extends unknown[], R>(call: (...asked: A) => Promise<R>) =>
      async (...asked: A): Promise<R> => {
        const answer = await call(...asked);
        await hook.meanwhile();
        return answer;
      };
    const { authorise, capture, refund } = adapter;
    const provider = { ...adapter, authorise: late(authorise), capture: late(capture), refund: late(refund) };
    const { call, runner, processes } = createShop({ log, store, clock, provider });
    const customers = createProviderCustomers({ runner, provider: 'stripe' });
    const { payments, checkout, settlement } = processes;
    const books = createStripeBooks(stripe);
    const methods = createStripeMethods({ stripe, customers });
    const told: NewsOutcome[] = [];
    const webhook = paymentWebhook({
      provider: 'stripe',
      signedBy: STRIPE_SIGNATURE,
      read: readStripeEvent(stripe, secret!),
      ...{ books, runner, payments, checkout },
      onNews: (_, outcome) => told.push(outcome),
    });
    const more = callerOf([webhook, ...paymentMethodEndpoints(methods)], clock);
    const handlers = createAgendaHandlers({
      ...{ runner, checkout, settlement, payments, clock },
      savedMethodOf: async (customerId, paidWith) =>
        (await methods.of(customerId)).find(({ id }) => id === paidWith)?.id,
    });

    async function deliver(delivery = standIn.webhooks.queue.shift()!) {
      const { body, signature } = standIn.webhooks.signed(delivery);
      return more('post /v1/webhooks/stripe', { signed: { body: Buffer.from(body), signature } });
    }
    async function deliverAll() {
      while (standIn.webhooks.queue.length > 0) await deliver();
    }
    async function ledger(orderId: string): Promise<Payment> {
      return (await runner.load(payment, streamOf(siblingId('payment', orderId)))).state!;
    }
    const differences = (repair = false) => {
      const deps = { provider: 'test' as const, books, store, runner, payments, clock };
      return reconcile(deps, { from: clock() - 7 * DAY_MS, repair });
    };
    return {
      stripe,
      call,
      more,
      log,
      runner,
      ...processes,
      outage,
      hook,
      told,
      handlers,
      deliver,
      deliverAll,
      ledger,
      differences,
    };
  }

  async function checkOut(paymentMethod = 'pm_card_visa', lines: Record<string, number> = { mug: 2, pot: 1 }) {
    for (const sku of Object.keys(lines)) await sell(shop, sku, 1000);
    const cartId = await fill(shop, lines);
    const { status, body } = await shop.call(`post /v1/carts/${cartId}/checkout`, {
      caller: ADA,
      body: { paymentMethod },
    });
    return { status, orderId: body.id as string, order: body };
  }

  const orderOf = async (orderId: string) => (await shop.runner.load(order, streamOf(orderId))).state!;

  async function dispatch(orderId: string, lines?: { lineId: string; quantity: number }[]): Promise<void> {
    const body = lines ? { lines } : {};
    const { body: planned } = await shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body });
    await shop.call(`post /v1/shipments/${planned.id}/dispatch`, { caller: SUPPORT });
  }

  const intentOf = async (orderId: string) => {
    const { authorisation } = await shop.ledger(orderId);
    return shop.stripe.paymentIntents.retrieve(authorisation!.providerRef!, { expand: ['latest_charge'] });
  };

  const made = (path: RegExp) =>
    standIn.requests.filter((sent) => sent.method === 'POST' && path.test(sent.path)).length;

  it('holds at the checkout, captures each shipment, refunds, and agrees with Stripe at the end', async () => {
    const { status, orderId, order } = await checkOut();
    expect(status).to.equal(201);
    expect(await intentOf(orderId)).to.include({ status: 'requires_capture', amount: 3000, amount_received: 0 });
    const mugs = order.lines.find(({ sku }: { sku: string }) => sku === 'mug');
    await dispatch(orderId, [{ lineId: mugs.id, quantity: 1 }]);
    expect(await intentOf(orderId)).to.include({ status: 'requires_capture', amount_received: 1000 });
    await dispatch(orderId);
    expect(await intentOf(orderId)).to.include({ status: 'succeeded', amount_received: 3000 });
    const paymentId = siblingId('payment', orderId);
    const refund = { amount: 700, reason: 'scratched' };
    const { body } = await shop.call(`post /v1/payments/${paymentId}/refunds`, { caller: SUPPORT, body: refund });
    expect(body.status).to.equal('refunded');
    const tooMuch = shop.call(`post /v1/payments/${paymentId}/refunds`, {
      caller: SUPPORT,
      body: { amount: 2301, reason: 'r' },
    });
    await problemOf(tooMuch, 'rule_violated');
    ahead += 2 * 60_000;
    expect(await shop.differences()).to.deep.equal({ compared: 1, notOurs: 0, underWay: 0, differences: [] });
  });

  it('voids what is cancelled, and rejects what is declined', async () => {
    const { orderId } = await checkOut();
    await shop.call(`post /v1/orders/${orderId}/cancel`, { caller: ADA, body: { reason: 'changed my mind' } });
    expect((await intentOf(orderId)).status).to.equal('canceled');
    await problemOf(checkOut('pm_card_visa_chargeDeclined', { cup: 1 }), 'payment_declined');
    await shop.deliverAll();
    ahead += 2 * 60_000;
    expect((await shop.differences()).differences).to.deep.equal([]);
  });

  describe('when the customer has to pass 3-D Secure', () => {
    async function waiting() {
      const { status, orderId, order } = await checkOut('pm_card_authenticationRequired');
      expect(status).to.equal(202);
      expect(order.nextAction).to.include({ type: 'authenticate' });
      const { authorisation } = await shop.ledger(orderId);
      standIn.webhooks.queue.splice(0);
      return { orderId, intentId: authorisation!.providerRef! };
    }

    it('goes on by webhook', async () => {
      const { orderId, intentId } = await waiting();
      standIn.authenticate(intentId, 'succeed');
      await shop.deliverAll();
      expect((await orderOf(orderId)).status).to.equal('confirmed');
    });

    it('goes on by poll where no webhook comes', async () => {
      const { orderId, intentId } = await waiting();
      standIn.authenticate(intentId, 'succeed');
      await shop.checkout.resume(orderId);
      expect((await orderOf(orderId)).status).to.equal('confirmed');
      await shop.deliverAll();
      expect((await orderOf(orderId)).status).to.equal('confirmed');
    });

    it('rejects the order when they fail', async () => {
      const { orderId, intentId } = await waiting();
      standIn.authenticate(intentId, 'fail');
      await shop.deliverAll();
      expect((await orderOf(orderId)).status).to.equal('rejected');
      expect((await intentOf(orderId)).status).to.equal('canceled');
    });

    it('lets go when they do not act in time, and takes nothing from them after that', async () => {
      const { orderId, intentId } = await waiting();
      ahead += HOUR_MS;
      await shop.checkout.resume(orderId);
      expect((await orderOf(orderId)).status).to.equal('expired');
      expect((await intentOf(orderId)).status).to.equal('canceled');
      expect(() => standIn.authenticate(intentId, 'succeed')).to.throw();
    });
  });

  describe('told by webhook', () => {
    const position = async (orderId: string) =>
      (await shop.runner.load(payment, streamOf(siblingId('payment', orderId)))).position.commitNo;

    it('knows the same whatever the order of the news, and however often it comes', async () => {
      const { orderId } = await checkOut();
      await dispatch(orderId);
      const body = { amount: 500, reason: 'scratched' };
      await shop.call(`post /v1/payments/${siblingId('payment', orderId)}/refunds`, { caller: SUPPORT, body });
      const before = await position(orderId);
      const news = standIn.webhooks.queue.splice(0);
      expect(news.length).to.be.greaterThan(5);
      for (const delivery of [...news.toReversed(), ...news]) await shop.deliver(delivery);
      expect(await position(orderId)).to.equal(before);
      expect(made(/confirm$/)).to.equal(1);
      expect(shop.told).not.to.include('conflict');
    });

    it('knows the same when the news is faster than the answer to our own call', async () => {
      shop.hook.meanwhile = () => shop.deliverAll();
      const { status, orderId } = await checkOut();
      expect(status).to.equal(201);
      await dispatch(orderId);
      const body = { amount: 500, reason: 'scratched' };
      await shop.call(`post /v1/payments/${siblingId('payment', orderId)}/refunds`, { caller: SUPPORT, body });
      const { captures, refunds } = await shop.ledger(orderId);
      expect(captures).to.have.length(1);
      expect(captures[0]).to.include({ status: 'captured', amount: 3000 });
      expect(refunds.map((one) => one.status)).to.deep.equal(['refunded']);
      expect(new Set(shop.told)).to.deep.equal(new Set(['unknown_type', 'recorded']));
      expect([made(/confirm$/), made(/capture$/), made(/refunds$/)]).to.deep.equal([1, 1, 1]);
    });

    it('finishes what a lost answer has left in doubt, and charges once', async () => {
      standIn.inject(/confirm$/, 'reply lost', 'reply lost');
      const { status, orderId } = await checkOut();
      expect(status).to.equal(202);
      expect((await shop.ledger(orderId)).status).to.equal('unknown');
      await shop.deliverAll();
      expect((await orderOf(orderId)).status).to.equal('confirmed');
      expect((await shop.stripe.charges.list()).data).to.have.length(1);
    });

    it('records a refund that the bank has given back as failed', async () => {
      const { orderId } = await checkOut();
      await dispatch(orderId);
      const body = { amount: 500, reason: 'scratched' };
      await shop.call(`post /v1/payments/${siblingId('payment', orderId)}/refunds`, { caller: SUPPORT, body });
      const [refund] = (await shop.ledger(orderId)).refunds;
      standIn.settleRefund(refund!.providerRef!, 'failed');
      await shop.deliverAll();
      const after = await shop.ledger(orderId);
      expect(after.refunds[0]!.status).to.equal('failed');
      expect(refundedOf(after)).to.equal(0);
    });

    it('records disputes, also when their end is heard of first, and refunds nothing meanwhile', async () => {
      const { orderId } = await checkOut();
      await dispatch(orderId);
      standIn.webhooks.queue.splice(0);
      const { id } = standIn.dispute((await intentOf(orderId)).id);
      await shop.deliverAll();
      expect(paymentStatusOf(await shop.ledger(orderId))).to.equal('disputed');
      const refund = shop.call(`post /v1/payments/${siblingId('payment', orderId)}/refunds`, {
        caller: SUPPORT,
        body: { amount: 500, reason: 'scratched' },
      });
      await problemOf(refund, 'rule_violated');
      standIn.closeDispute(id, 'won');
      await shop.deliverAll();
      expect((await shop.ledger(orderId)).disputes).to.deep.equal([
        { disputeId: id, amount: 3000, reason: 'fraudulent', status: 'won' },
      ]);

      const other = await checkOut('pm_card_visa', { cup: 1 });
      await dispatch(other.orderId);
      standIn.webhooks.queue.splice(0);
      standIn.closeDispute(standIn.dispute((await intentOf(other.orderId)).id).id, 'lost');
      for (const delivery of standIn.webhooks.queue.splice(0).reverse()) await shop.deliver(delivery);
      expect((await shop.ledger(other.orderId)).disputes.map(({ status }) => status)).to.deep.equal(['lost']);
    });

    it('takes a question of the bank for no dispute until it takes the money', async () => {
      const { orderId } = await checkOut();
      await dispatch(orderId);
      const { id } = standIn.dispute((await intentOf(orderId)).id, 'warning_needs_response');
      await shop.deliverAll();
      expect(paymentStatusOf(await shop.ledger(orderId))).to.equal('captured');
      standIn.escalate(id);
      await shop.deliverAll();
      expect(paymentStatusOf(await shop.ledger(orderId))).to.equal('disputed');
    });

    it('believes nothing that Stripe has not signed, with this secret, lately', async () => {
      const { orderId } = await checkOut();
      const before = await position(orderId);
      const delivery = standIn.webhooks.queue[0]!;
      const { body, signature } = standIn.webhooks.signed(delivery);
      const secret = 'whsec_of_somebody_else';
      const forged = standIn.webhooks.signed({ ...delivery, endpoint: { ...delivery.endpoint, secret } });
      const empty = [null, {}, { data: null }].map((event) =>
        standIn.webhooks.signed({ ...delivery, event: event as never }),
      );
      ahead -= HOUR_MS;
      const old = standIn.webhooks.signed(delivery);
      ahead += HOUR_MS;
      for (const [text, by] of [
        [`${body} `, signature],
        [body, 't=1,v1=00'],
        [body, ''],
        [forged.body, forged.signature],
        [old.body, old.signature],
        ...empty.map(({ body, signature }) => [body, signature] as const),
      ] as const) {
        const signed = { body: Buffer.from(text), signature: by };
        await problemOf(shop.more('post /v1/webhooks/stripe', { signed }), 'invalid_request');
      }
      expect(await position(orderId)).to.equal(before);
      expect(shop.told).to.deep.equal([]);
    });

    it('acknowledges and counts what it does nothing with', async () => {
      await shop.stripe.customers.create({ name: 'Ada' });
      await shop.stripe.paymentIntents.create({
        ...{ amount: 500, currency: 'gbp', capture_method: 'manual', confirm: true },
        ...{ payment_method: 'pm_card_visa', allowed_payment_method_types: ['card'] },
      });
      const types = standIn.webhooks.queue.map(({ event }) => event.type);
      await shop.deliverAll();
      const expected = { 'payment_intent.amount_capturable_updated': 'not_ours' };
      expect(shop.told).to.deep.equal(
        types.map((type) => (expected as Record<string, string>)[type] ?? 'unknown_type'),
      );
    });

    it('acknowledges nothing while the log or Stripe is away, so that the news comes again', async () => {
      standIn.inject(/confirm$/, 'reply lost', 'reply lost');
      const { orderId } = await checkOut();
      const news = standIn.webhooks.queue.find(
        ({ event }) => event.type === 'payment_intent.amount_capturable_updated',
      )!;
      shop.outage.isOn = true;
      await problemOf(shop.deliver(news), 'unavailable');
      shop.outage.isOn = false;
      standIn.inject(/GET \/v1\/payment_intents/, 'error');
      await problemOf(shop.deliver(news), 'unavailable');
      await shop.deliver(news);
      expect((await orderOf(orderId)).status).to.equal('confirmed');
    });
  });

  it('asks what Stripe holds before it repeats what Stripe may have forgotten', async () => {
    const { orderId } = await checkOut();
    standIn.inject(/capture$/, 'reply lost', 'reply lost');
    await dispatch(orderId);
    expect(capturedOf(await shop.ledger(orderId))).to.equal(0);
    ahead += 25 * HOUR_MS;
    const asked = made(/capture$/);
    await shop.settlement.run(orderId);
    expect(capturedOf(await shop.ledger(orderId))).to.equal(3000);
    expect(made(/capture$/)).to.equal(asked);
    expect((await intentOf(orderId)).amount_received).to.equal(3000);
  });

  describe('keeps saved cards at Stripe', () => {
    const save = (paymentMethod: string, key?: string) =>
      shop.more('post /v1/me/payment-methods', { caller: ADA, body: { paymentMethod }, ...(key && { key }) });
    const saved = async (caller = ADA) => (await shop.more('get /v1/me/payment-methods', { caller })).body.data;

    it('shows, uses and forgets them, each to its own customer', async () => {
      expect(await saved()).to.deep.equal([]);
      const { body: card } = await save('pm_card_visa', 'once');
      expect(card).to.include({ brand: 'visa', last4: '4242' });
      expect((await save('pm_card_visa', 'once')).body).to.deep.equal(card);
      expect(await saved()).to.deep.equal([card]);
      expect(await saved(BOB)).to.deep.equal([]);
      const { orderId } = await checkOut(card.id);
      const { customer, payment_method } = await intentOf(orderId);
      expect(payment_method).to.equal(card.id);
      expect((await shop.stripe.customers.retrieve(customer as string)) as Stripe.Customer).to.have.deep.property(
        'metadata',
        {
          customerId: ADA.id,
        },
      );
      const path = `delete /v1/me/payment-methods/${card.id}`;
      await problemOf(shop.more(path, { caller: BOB }), 'not_found');
      await shop.more(path, { caller: ADA });
      expect(await saved()).to.deep.equal([]);
      await problemOf(shop.more(path, { caller: ADA }), 'not_found');
    });

    it('makes one customer there, whoever comes first', async () => {
      await Promise.all([save('pm_card_visa'), save('pm_card_amex')]);
      expect((await shop.stripe.customers.list()).data).to.have.length(1);
      expect(await saved()).to.have.length(2);
    });

    it('refuses a method that is not there, and says so while Stripe is away', async () => {
      await problemOf(save('pm_nobody_has_this'), 'not_found');
      standIn.inject(/attach$/, 'error');
      await problemOf(save('pm_card_visa'), 'unavailable');
    });

    it('renews with them what would lapse before it is sent, while nobody is there', async () => {
      const { body: card } = await save('pm_card_visa');
      const { orderId } = await checkOut(card.id);
      const { id: first } = await intentOf(orderId);
      ahead += 6.5 * DAY_MS;
      const paymentId = siblingId('payment', orderId);
      await shop.handlers.payment({ kind: 'payment', id: paymentId, paymentId, dueAt: clock() } as never);
      const renewed = await intentOf(orderId);
      expect(renewed).to.include({ status: 'requires_capture', amount: 3000 });
      expect(renewed.id).not.to.equal(first);
      expect((await shop.stripe.paymentIntents.retrieve(first)).status).to.equal('canceled');
      const confirm = standIn.requests.findLast(({ path }) => path.endsWith('/confirm'))!;
      expect(confirm.params).to.include({ off_session: 'true', payment_method: card.id });
    });
  });

  describe('reconciles', () => {
    const metaOf = (id: string): CommandMeta => {
      return { id, issuedAt: clock(), correlationId: 'c', actor: { type: 'staff', id: 'tests' } };
    };
    const told = ({ differences }: { differences: readonly Difference[] }) =>
      differences.map(({ kind, here, there, repaired }) => ({ kind, here, there, repaired }));

    it('what Stripe knows better: it is recorded', async () => {
      standIn.inject(/confirm$/, 'reply lost', 'reply lost');
      const { orderId } = await checkOut();
      ahead += 2 * 60_000;
      const difference = { kind: 'status', here: 'unknown', there: 'authorised' };
      expect(told(await shop.differences())).to.deep.equal([{ ...difference, repaired: false }]);
      expect((await shop.ledger(orderId)).status).to.equal('unknown');
      expect(told(await shop.differences(true))).to.deep.equal([{ ...difference, repaired: true }]);
      expect((await shop.ledger(orderId)).status).to.equal('authorised');
      ahead += 2 * 60_000;
      expect(told(await shop.differences())).to.deep.equal([]);
    });

    it('what somebody did at Stripe itself: a cancellation is recorded, captures and refunds are for people', async () => {
      const cancelled = await checkOut();
      await shop.stripe.paymentIntents.cancel((await intentOf(cancelled.orderId)).id);
      const captured = await checkOut('pm_card_visa', { cup: 1 });
      await shop.stripe.paymentIntents.capture((await intentOf(captured.orderId)).id);
      const refunded = await checkOut('pm_card_visa', { jug: 1 });
      await dispatch(refunded.orderId);
      await shop.stripe.refunds.create({ payment_intent: (await intentOf(refunded.orderId)).id, amount: 10 });
      ahead += 2 * 60_000;
      const expected = [
        { kind: 'refunded', here: 0, there: 10, repaired: false },
        { kind: 'captured', here: 0, there: 1000, repaired: false },
        { kind: 'status', here: 'authorised', there: 'let_go', repaired: false },
      ];
      expect(told(await shop.differences())).to.deep.equal(expected);
      const [first, second, third] = expected;
      expect(told(await shop.differences(true))).to.deep.equal([first, second, { ...third, repaired: true }]);
      expect((await shop.ledger(cancelled.orderId)).status).to.equal('lapsed');
    });

    it('disputes that no news told of, also of payments of long ago: they are recorded', async () => {
      const { orderId } = await checkOut();
      await dispatch(orderId);
      ahead += 8 * DAY_MS;
      const { id } = standIn.dispute((await intentOf(orderId)).id);
      ahead += 2 * 60_000;
      const opened = { kind: 'dispute', here: 'nothing', there: 'open 3000' };
      expect(told(await shop.differences())).to.deep.equal([{ ...opened, repaired: false }]);
      expect(told(await shop.differences(true))).to.deep.equal([{ ...opened, repaired: true }]);
      expect(paymentStatusOf(await shop.ledger(orderId))).to.equal('disputed');

      standIn.closeDispute(id, 'lost');
      ahead += 2 * 60_000;
      const lost = { kind: 'dispute', here: 'open 3000', there: 'lost 3000', repaired: true };
      expect(told(await shop.differences(true))).to.deep.equal([lost]);
      expect((await shop.ledger(orderId)).disputes).to.deep.equal([
        { disputeId: id, amount: 3000, reason: 'fraudulent', status: 'lost' },
      ]);
      ahead += 2 * 60_000;
      expect(told(await shop.differences())).to.deep.equal([]);
    });

    it('money that is held for a payment that has ended: it is let go', async () => {
      const { orderId } = await checkOut();
      const { authorisation } = await shop.ledger(orderId);
      const { operationId } = authorisation!;
      const stream = streamOf(siblingId('payment', orderId));
      await shop.runner.execute(payment, stream, { type: 'RecordLapsed', operationId }, metaOf('by hand'));
      ahead += 2 * 60_000;
      const difference = { kind: 'status', here: 'lapsed', there: 'authorised' };
      expect(told(await shop.differences(true))).to.deep.equal([{ ...difference, repaired: true }]);
      expect((await intentOf(orderId)).status).to.equal('canceled');
    });

    it('what one side does not know, and leaves alone what is under way or not ours', async () => {
      const intent = (metadata: Record<string, string>) =>
        shop.stripe.paymentIntents.create({
          ...{ amount: 500, currency: 'gbp', capture_method: 'manual', confirm: true, metadata },
          ...{ payment_method: 'pm_card_visa', allowed_payment_method_types: ['card'] },
        });
      await intent({});
      await intent({ paymentId: 'payment_of_nobody', operationId: 'checkout_of_nobody/authorise' });
      const { orderId } = await checkOut();
      await intent({ paymentId: orderId, operationId: 'of somebody else' });
      const missing = { kind: 'missing_here', here: 'nothing', there: 'authorised', repaired: false };
      const found = await shop.differences(true);
      expect(told(found)).to.deep.equal([missing]);
      expect(found).to.include({ compared: 1, notOurs: 2, underWay: 1 });

      const of = { paymentId: 'payment_lost', operationId: 'checkout_lost/authorise' };
      const ledger = (id: string, command: PaymentCommand) =>
        shop.runner.execute(payment, streamOf(of.paymentId), command, metaOf(id));
      const asked = { orderId: 'order_lost', amount: 500, currency: 'GBP', provider: 'test', method: 'pm_x' } as const;
      await ledger('asked', { type: 'RequestAuthorisation', ...of, ...asked });
      await ledger('told', { type: 'RecordAuthorised', ...of, amount: 500, providerRef: 'pi_lost' });
      ahead += 2 * 60_000;
      const lost = { kind: 'missing_there', here: 'authorised', there: 'nothing', repaired: false };
      expect(told(await shop.differences(true))).to.deep.equal([missing, lost]);
    });
  });
});
