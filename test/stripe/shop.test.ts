// A whole shop that is paid through Stripe: checkouts, webhooks, saved cards and the reconciliation.
import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type Stripe from 'stripe';
import { createAgendaHandlers } from '../../commands/agenda/handlers.js';
import { paymentWebhook, type WebhookOutcome } from '../../commands/checkout/payment-webhooks.js';
import { paymentMethodEndpoints } from '../../commands/payment/payment-methods.js';
import { createProviderCustomers } from '../../commands/payment/provider-customers.js';
import { type Difference, reconcile } from '../../commands/payment/reconcile.js';
import { eventTypes } from '../../domain/events.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { orThrow, Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { order } from '../../domain/order/order.js';
import { capturedOf, heldOf, type Payment, paymentStatusOf, refundedOf } from '../../domain/payment/ledger.js';
import { type PaymentCommand, payment } from '../../domain/payment/payment.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { createStripeProvider } from '../../infra/payments/stripe.js';
import { createStripeBooks } from '../../infra/payments/stripe-books.js';
import { createStripeMethods } from '../../infra/payments/stripe-methods.js';
import { readStripeEvent, STRIPE_SIGNATURE } from '../../infra/payments/stripe-webhook.js';
import { paymentMethodQuery } from '../../read-api/queries/payment-methods.js';
import { plainViews } from '../../read-api/views.js';
import { callerOf, problemOf } from '../call-endpoint.js';
import { ADA, BOB, createShop, fill, SUPPORT, sell } from '../shop.js';
import { the } from '../the.js';
import { createWebhookEvents, signed } from './webhook-events.js';
import { describeOnStripe, skip, standInOf, type World } from './worlds.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Stripe's clock may be behind ours. */
const CLOCKS_APART_MS = 5_000;

describeOnStripe('A shop that is paid through Stripe', (open) => {
  let ahead = 0;
  let mark: string;
  let world: World;
  let shop: ReturnType<typeof openShop>;
  const clock = () => Date.now() + ahead;

  beforeEach(async () => {
    ahead = 0;
    mark = randomBytes(6).toString('hex');
    world = await open(clock);
    shop = openShop();
  });
  afterEach(() => world.standIn?.stop());

  /** Stripe keeps payments, customers and keys of earlier tests, so all ids and keys of this test contain its mark. */
  const marked = (caller: Caller): Caller =>
    caller.customerId === undefined
      ? caller
      : { ...caller, id: `${caller.id}_${mark}`, customerId: `${caller.customerId}_${mark}` };

  function openShop() {
    const { stripe } = world;
    const from = Date.now() - CLOCKS_APART_MS;
    const secret = `whsec_${randomUUID()}`;
    const listEvents = createWebhookEvents(world, { mark, from });
    const made: string[] = [];
    stripe.on('request', ({ method, path }: Stripe.RequestEvent) => made.push(`${method} ${path}`));
    const log = createMemoryLog();
    const memory = createMemoryEventStore({ codec: createCommitCodec(eventTypes), log, clock, watermarkLagMs: 0 });
    const outage = { isOn: false };
    const append: EventStore['append'] = (...args) => {
      if (outage.isOn) throw new Unavailable('the log', 'is away');
      return memory.append(...args);
    };
    const store: EventStore = { ...memory, append };
    const adapter = createStripeProvider({ stripe, customerRefOf: (id) => customers.refOf(id) });
    /** Runs between Stripe's work and the return of our own call. */
    const hook = { meanwhile: async (_news: Stripe.Event['type']) => {} };
    const late =
      <A extends unknown[], R>(call: (...asked: A) => Promise<R>, told: Stripe.Event['type']) =>
      async (...asked: A): Promise<R> => {
        const answer = await call(...asked);
        await hook.meanwhile(told);
        return answer;
      };
    const provider = {
      ...adapter,
      authorise: late(adapter.authorise, 'payment_intent.amount_capturable_updated'),
      capture: late(adapter.capture, 'payment_intent.succeeded'),
      refund: late(adapter.refund, 'charge.refunded'),
    };
    const { call, runner, processes } = createShop({ log, store, clock, provider });
    const customers = createProviderCustomers({ runner, provider: 'stripe' });
    const { payments, checkout, settlement } = processes;
    const books = createStripeBooks(stripe);
    const methods = createStripeMethods({ stripe, customers });
    const { paymentMethod: view } = plainViews;
    const told: WebhookOutcome[] = [];
    const webhook = paymentWebhook({
      provider: 'stripe',
      signedBy: STRIPE_SIGNATURE,
      read: readStripeEvent(stripe, secret),
      books,
      runner,
      payments,
      checkout,
      settlement,
      onEvent: (_, outcome) => told.push(outcome),
    });
    const more = callerOf(
      [webhook, ...paymentMethodEndpoints({ methods, view }), paymentMethodQuery({ savedMethods: methods, view })],
      clock,
    );
    const handlers = createAgendaHandlers({
      runner,
      checkout,
      settlement,
      payments,
      shortfalls: processes.shortfalls,
      forgetting: processes.forgetting,
      clock,
      savedMethodOf: async (customerId, paidWith) =>
        (await methods.of(customerId)).find(({ id }) => id === paidWith)?.id,
    });

    let calls = 0;
    const withMark =
      (ask: typeof call): typeof call =>
      (target, { key = String(calls++), caller, ...asked } = {}) =>
        ask(target, { ...asked, key: `${mark}-${key}`, ...(caller && { caller: marked(caller) }) });
    const receive = ({ body, signature }: { body: string; signature: string }) =>
      more('post /v1/webhooks/stripe', { signed: { body: Buffer.from(body), signature } });
    const deliver = (event: Stripe.Event) => receive(signed(stripe, secret, event));
    async function deliverAll(...types: Stripe.Event['type'][]) {
      for (const event of await listEvents(...types)) await deliver(event);
    }
    async function ledger(orderId: string): Promise<Payment> {
      return the((await runner.load(payment, streamOf(siblingId('payment', orderId)))).state);
    }
    /** The account may have payments of other tests. */
    async function reconciled(options: { repair?: boolean; from?: number } = {}) {
      const deps = { provider: 'test' as const, books, store, runner, payments, settlement, clock };
      const { differences, ...counts } = await reconcile(deps, { from, repair: false, ...options });
      return { ...counts, differences: differences.filter(({ paymentId }) => paymentId.includes(mark)) };
    }
    return {
      stripe,
      secret,
      listEvents,
      made: (path: RegExp) => made.filter((one) => path.test(one)).length,
      call: withMark(call),
      more: withMark(more),
      log,
      runner,
      ...processes,
      outage,
      hook,
      told,
      handlers,
      methods,
      receive,
      deliver,
      deliverAll,
      ledger,
      reconciled,
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

  const orderOf = async (orderId: string) => the((await shop.runner.load(order, streamOf(orderId))).state);

  async function dispatch(orderId: string, lines?: { lineId: string; quantity: number }[]): Promise<void> {
    const body = lines ? { lines } : {};
    const { body: planned } = await shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body });
    await shop.call(`post /v1/shipments/${planned.id}/dispatch`, { caller: SUPPORT });
  }

  async function sendBack(orderId: string): Promise<void> {
    const body = { lines: [{ lineId: '1', quantity: 1, reason: 'too small' }] };
    const { body: asked } = await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body });
    await shop.call(`post /v1/returns/${asked.id}/approve`, { caller: SUPPORT });
    await shop.call(`post /v1/returns/${asked.id}/receive`, { caller: SUPPORT, body: {} });
  }

  const intentOf = async (orderId: string) => {
    const { authorisation } = await shop.ledger(orderId);
    return shop.stripe.paymentIntents.retrieve(the(authorisation?.providerRef), { expand: ['latest_charge'] });
  };

  it('holds at the checkout, captures each shipment, refunds, and agrees with Stripe at the end', async function () {
    const { status, orderId, order } = await checkOut();
    expect(status).to.equal(201);
    const { authorisation } = await shop.ledger(orderId);
    if (!authorisation?.multicapture) skip(this, 'needs an account that captures several times');
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
    const { compared, differences } = await shop.reconciled();
    expect(compared).to.be.at.least(1);
    expect(differences).to.deep.equal([]);
  });

  it('voids cancelled orders, and rejects declined ones', async () => {
    const { orderId } = await checkOut();
    await shop.call(`post /v1/orders/${orderId}/cancel`, { caller: ADA, body: { reason: 'changed my mind' } });
    expect((await intentOf(orderId)).status).to.equal('canceled');
    await problemOf(checkOut('pm_card_visa_chargeDeclined', { cup: 1 }), 'payment_declined');
    await shop.deliverAll('payment_intent.canceled', 'payment_intent.payment_failed');
    ahead += 2 * 60_000;
    expect((await shop.reconciled()).differences).to.deep.equal([]);
  });

  describe('when the customer must pass 3-D Secure', () => {
    async function waiting() {
      const { status, orderId, order } = await checkOut('pm_card_authenticationRequired');
      expect(status).to.equal(202);
      expect(order.nextAction).to.include({ type: 'authenticate' });
      const { authorisation } = await shop.ledger(orderId);
      await shop.listEvents('payment_intent.requires_action');
      return { orderId, intentId: the(authorisation?.providerRef) };
    }

    it('continues by webhook', async function () {
      const standIn = standInOf(world, this);
      const { orderId, intentId } = await waiting();
      standIn.authenticate(intentId, 'succeed');
      await shop.deliverAll();
      expect((await orderOf(orderId)).status).to.equal('confirmed');
    });

    it('continues by polling if no webhook comes', async function () {
      const standIn = standInOf(world, this);
      const { orderId, intentId } = await waiting();
      standIn.authenticate(intentId, 'succeed');
      await shop.checkout.resume(orderId);
      expect((await orderOf(orderId)).status).to.equal('confirmed');
      await shop.deliverAll();
      expect((await orderOf(orderId)).status).to.equal('confirmed');
    });

    it('rejects the order if they fail', async function () {
      const standIn = standInOf(world, this);
      const { orderId, intentId } = await waiting();
      standIn.authenticate(intentId, 'fail');
      await shop.deliverAll();
      expect((await orderOf(orderId)).status).to.equal('rejected');
      expect((await intentOf(orderId)).status).to.equal('canceled');
    });

    it('voids the payment if they do not act in time, and charges nothing after that', async () => {
      const { orderId, intentId } = await waiting();
      ahead += HOUR_MS;
      await shop.checkout.resume(orderId);
      expect((await orderOf(orderId)).status).to.equal('expired');
      expect((await intentOf(orderId)).status).to.equal('canceled');
      const tooLate = await shop.stripe.paymentIntents.confirm(intentId).catch((error) => error);
      expect(tooLate).to.include({ code: 'payment_intent_unexpected_state' });
    });
  });

  describe('with webhooks', () => {
    const position = async (orderId: string) =>
      (await shop.runner.load(payment, streamOf(siblingId('payment', orderId)))).position.commitNo;

    it('has the same result for any order and number of webhooks', async () => {
      const { orderId } = await checkOut();
      await dispatch(orderId);
      const body = { amount: 500, reason: 'scratched' };
      await shop.call(`post /v1/payments/${siblingId('payment', orderId)}/refunds`, { caller: SUPPORT, body });
      const before = await position(orderId);
      const events = await shop.listEvents(
        'payment_intent.amount_capturable_updated',
        'payment_intent.succeeded',
        'charge.refunded',
      );
      for (const event of [...events.toReversed(), ...events]) await shop.deliver(event);
      expect(await position(orderId)).to.equal(before);
      expect(shop.made(/confirm$/)).to.equal(1);
      expect(shop.told).not.to.include('conflict');
    });

    it('has the same result if a webhook is faster than the answer to our own call', async () => {
      shop.hook.meanwhile = (events) => shop.deliverAll(events);
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
      expect([/confirm$/, /capture$/, /POST .*refunds$/].map(shop.made)).to.deep.equal([1, 1, 1]);
    });

    it('completes a payment whose answer was lost, and charges once', async function () {
      const standIn = standInOf(world, this);
      standIn.inject(/confirm$/, 'reply lost', 'reply lost');
      const { status, orderId } = await checkOut();
      expect(status).to.equal(202);
      expect((await shop.ledger(orderId)).status).to.equal('unknown');
      await shop.deliverAll();
      expect((await orderOf(orderId)).status).to.equal('confirmed');
      expect((await shop.stripe.charges.list()).data).to.have.length(1);
    });

    it('records a refund that the bank has returned as failed', async () => {
      const { orderId } = await checkOut('pm_card_refundFail');
      await dispatch(orderId);
      const body = { amount: 500, reason: 'scratched' };
      await shop.call(`post /v1/payments/${siblingId('payment', orderId)}/refunds`, { caller: SUPPORT, body });
      const [refund] = (await shop.ledger(orderId)).refunds;
      // Stripe itself lets the refunds of this card fail.
      world.standIn?.settleRefund(the(refund?.providerRef), 'failed');
      await shop.deliverAll('refund.failed');
      const after = await shop.ledger(orderId);
      expect(the(after.refunds[0]).status).to.equal('failed');
      expect(refundedOf(after)).to.equal(0);
    });

    it('records disputes, even if their end arrives first, and refunds nothing meanwhile', async function () {
      const standIn = standInOf(world, this);
      const { orderId } = await checkOut();
      await dispatch(orderId);
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
      standIn.closeDispute(standIn.dispute((await intentOf(other.orderId)).id).id, 'lost');
      for (const event of (await shop.listEvents()).reverse()) await shop.deliver(event);
      expect((await shop.ledger(other.orderId)).disputes.map(({ status }) => status)).to.deep.equal(['lost']);
    });

    it('refunds returns made during a dispute once the dispute is won, by webhook or by reconciliation', async function () {
      const standIn = standInOf(world, this);
      for (const hears of [shop.deliverAll, () => shop.reconciled({ repair: true })]) {
        const { orderId } = await checkOut('pm_card_visa', { bowl: 1 });
        await dispatch(orderId);
        const { id } = standIn.dispute((await intentOf(orderId)).id);
        await shop.deliverAll('charge.dispute.created');
        await sendBack(orderId);
        ahead += 2 * 60_000;
        await shop.reconciled({ repair: true });
        expect((await shop.ledger(orderId)).refunds).to.deep.equal([]);
        standIn.closeDispute(id, 'won');
        await hears();
        expect((await shop.ledger(orderId)).refunds).to.have.nested.property('[0].status', 'refunded');
      }
    });

    it('does not count an inquiry of the bank as a dispute until the bank takes the money', async function () {
      const standIn = standInOf(world, this);
      const { orderId } = await checkOut();
      await dispatch(orderId);
      const { id } = standIn.dispute((await intentOf(orderId)).id, 'warning_needs_response');
      await shop.deliverAll();
      expect(paymentStatusOf(await shop.ledger(orderId))).to.equal('captured');
      standIn.escalate(id);
      await shop.deliverAll();
      expect(paymentStatusOf(await shop.ledger(orderId))).to.equal('disputed');
    });

    it('accepts only webhooks that Stripe has signed recently with this secret', async () => {
      const { orderId } = await checkOut();
      const before = await position(orderId);
      const [event] = await shop.listEvents('payment_intent.created');
      const { body, signature } = signed(shop.stripe, shop.secret, event);
      const forged = signed(shop.stripe, 'whsec_of_somebody_else', event);
      const old = signed(shop.stripe, shop.secret, event, Math.floor((Date.now() - HOUR_MS) / 1000));
      const empty = [null, {}, { data: null }].map((event) => signed(shop.stripe, shop.secret, event));
      for (const unbelievable of [
        { body: `${body} `, signature },
        { body, signature: 't=1,v1=00' },
        { body, signature: '' },
        forged,
        old,
        ...empty,
      ]) {
        await problemOf(shop.receive(unbelievable), 'invalid_request');
      }
      expect(await position(orderId)).to.equal(before);
      expect(shop.told).to.deep.equal([]);
    });

    it('rejects events whose object lacks required fields, and names them', async () => {
      const dispute = { id: 'dp_1', payment_intent: 'pi_1', amount: 500, reason: 'fraudulent', status: 'lost' };
      const broken = [
        ['payment_intent.succeeded', {}, '/data/object/id'],
        ['charge.refunded', {}, '/data/object/payment_intent'],
        ['refund.updated', 'a string', '/data/object'],
        ['charge.dispute.created', { ...dispute, status: undefined }, '/data/object/status'],
        ['charge.dispute.closed', { ...dispute, amount: '5' }, '/data/object/amount'],
      ] as const;
      for (const [type, object, pointer] of broken) {
        const event = signed(shop.stripe, shop.secret, { id: 'evt_1', type, data: { object } });
        const { facts } = await problemOf(shop.receive(event), 'invalid_request');
        expect(facts.errors, type).to.have.nested.property('[0].pointer', pointer);
      }
      expect(shop.told).to.deep.equal([]);
    });

    it('acknowledges and counts events that it ignores', async () => {
      await shop.stripe.customers.create({ metadata: { mark } });
      await shop.stripe.paymentIntents.create({
        amount: 500,
        currency: 'gbp',
        capture_method: 'manual',
        confirm: true,
        metadata: { mark },
        payment_method: 'pm_card_visa',
        allowed_payment_method_types: ['card'],
      });
      const expected = {
        'customer.created': 'unknown_type',
        'payment_intent.created': 'unknown_type',
        'payment_intent.amount_capturable_updated': 'not_ours',
      } as const;
      const events = await shop.listEvents(...(Object.keys(expected) as (keyof typeof expected)[]));
      for (const event of events) await shop.deliver(event);
      expect(Object.fromEntries(events.map(({ type }, at) => [type, shop.told[at]]))).to.include(expected);
    });

    it('acknowledges no event while the log or Stripe does not answer, so that Stripe sends it again', async function () {
      const standIn = standInOf(world, this);
      standIn.inject(/confirm$/, 'reply lost', 'reply lost');
      const { orderId } = await checkOut();
      const held = 'payment_intent.amount_capturable_updated';
      const events = the((await shop.listEvents(held)).find(({ type }) => type === held));
      shop.outage.isOn = true;
      await problemOf(shop.deliver(events), 'unavailable');
      shop.outage.isOn = false;
      standIn.inject(/GET \/v1\/payment_intents/, 'error');
      await problemOf(shop.deliver(events), 'unavailable');
      await shop.deliver(events);
      expect((await orderOf(orderId)).status).to.equal('confirmed');
    });
  });

  it("reads Stripe's state before it repeats a request whose key Stripe may have forgotten", async function () {
    const standIn = standInOf(world, this);
    const { orderId } = await checkOut();
    standIn.inject(/capture$/, 'reply lost', 'reply lost');
    await dispatch(orderId);
    expect(capturedOf(await shop.ledger(orderId))).to.equal(0);
    ahead += 25 * HOUR_MS;
    const asked = shop.made(/capture$/);
    await shop.settlement.run(orderId);
    expect(capturedOf(await shop.ledger(orderId))).to.equal(3000);
    expect(shop.made(/capture$/)).to.equal(asked);
    expect((await intentOf(orderId)).amount_received).to.equal(3000);
  });

  describe('keeps saved cards at Stripe', () => {
    const save = (paymentMethod: string, key?: string) =>
      shop.more('post /v1/me/payment-methods', { caller: ADA, body: { paymentMethod }, ...defined({ key }) });
    const saved = async (caller = ADA) => (await shop.more('get /v1/me/payment-methods', { caller })).body.data;

    it('lists, uses and removes them for their own customer', async () => {
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
        { customerId: marked(ADA).id },
      );
      const path = `delete /v1/me/payment-methods/${card.id}`;
      await problemOf(shop.more(path, { caller: BOB }), 'not_found');
      await shop.more(path, { caller: ADA });
      expect(await saved()).to.deep.equal([]);
      await problemOf(shop.more(path, { caller: ADA }), 'not_found');
    });

    it('forgets the customer there, with their cards, and pays out what they are still owed', async () => {
      const { body: card } = await save('pm_card_visa');
      const { orderId } = await checkOut(card.id);
      const { customer } = await intentOf(orderId);
      for (let n = 0; n < 2; n++) await shop.methods.forget(marked(ADA).id);
      const { data: there } = await shop.stripe.customers.list({ limit: 100 });
      expect(there.map(({ id }) => id)).to.not.include(customer);
      expect(await saved()).to.deep.equal([]);
      await shop.methods.forget(marked(BOB).id);
      await shop.call(`post /v1/orders/${orderId}/cancel`, { caller: SUPPORT, body: {} });
      expect(heldOf(await shop.ledger(orderId))).to.equal(0);
    });

    it('creates one customer there for concurrent requests', async () => {
      const cards = ['pm_card_visa', 'pm_card_amex'];
      const saveAll = () => Promise.allSettled(cards.map((card) => save(card, card)));
      await saveAll();
      // A request that was rejected because Stripe was busy with the other one is repeated.
      const statuses = (await saveAll()).map(({ status }) => status);
      expect(statuses).to.deep.equal(['fulfilled', 'fulfilled']);
      const { data } = await shop.stripe.customers.list({ limit: 100 });
      expect(data.filter(({ metadata }) => metadata.customerId === marked(ADA).id)).to.have.length(1);
      expect(await saved()).to.have.length(2);
    });

    it('rejects an unknown method', async () => {
      await problemOf(save('pm_nobody_has_this'), 'not_found');
    });

    it('rejects a card that the bank declines, and does not keep it', async () => {
      await problemOf(save('pm_card_visa_chargeDeclined'), 'payment_declined');
      expect(await saved()).to.deep.equal([]);
    });

    it('answers 503 while Stripe does not answer', async function () {
      standInOf(world, this).inject(/attach$/, 'error');
      await problemOf(save('pm_card_visa'), 'unavailable');
    });

    it('renews expiring authorisations with them, off session', async () => {
      const { body: card } = await save('pm_card_visa');
      const { orderId } = await checkOut(card.id);
      const { id: first } = await intentOf(orderId);
      const { authorisation } = await shop.ledger(orderId);
      ahead = Date.parse(the(authorisation?.captureBefore)) - HOUR_MS - Date.now();
      const paymentId = siblingId('payment', orderId);
      await shop.handlers.payment({ kind: 'payment', id: paymentId, paymentId, dueAt: clock() } as never);
      const renewed = await intentOf(orderId);
      expect(renewed).to.include({ status: 'requires_capture', amount: 3000, payment_method: card.id });
      expect(renewed.id).not.to.equal(first);
      expect((await shop.stripe.paymentIntents.retrieve(first)).status).to.equal('canceled');
      // Stripe does not return the parameters of the request afterwards.
      const confirm = world.standIn?.requests.findLast(({ path }) => path.endsWith('/confirm'));
      if (confirm) expect(confirm.params).to.include({ off_session: 'true' });
    });
  });

  describe('reconciles', () => {
    const metaOf = (id: string): CommandMeta => {
      return { id, issuedAt: clock(), correlationId: 'c', actor: { type: 'staff', id: 'tests' } };
    };
    const told = ({ differences }: { differences: readonly Difference[] }) =>
      differences.map(({ kind, here, there, repaired }) => ({ kind, here, there, repaired }));

    it('outcomes that only Stripe knows: they are recorded', async function () {
      standInOf(world, this).inject(/confirm$/, 'reply lost', 'reply lost');
      const { orderId } = await checkOut();
      ahead += 2 * 60_000;
      const difference = { kind: 'status', here: 'unknown', there: 'authorised' };
      expect(told(await shop.reconciled())).to.deep.equal([{ ...difference, repaired: false }]);
      expect((await shop.ledger(orderId)).status).to.equal('unknown');
      expect(told(await shop.reconciled({ repair: true }))).to.deep.equal([{ ...difference, repaired: true }]);
      expect((await shop.ledger(orderId)).status).to.equal('authorised');
      ahead += 2 * 60_000;
      expect(told(await shop.reconciled())).to.deep.equal([]);
    });

    it('changes made at Stripe itself: a cancellation is recorded, captures and refunds are reported for people', async () => {
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
        { kind: 'status', here: 'authorised', there: 'released', repaired: false },
      ];
      expect(told(await shop.reconciled())).to.have.deep.members(expected);
      const [first, second, third] = expected;
      expect(told(await shop.reconciled({ repair: true }))).to.have.deep.members([
        first,
        second,
        { ...third, repaired: true },
      ]);
      expect((await shop.ledger(cancelled.orderId)).status).to.equal('lapsed');
    });

    it('authorisations that expired after a partial capture: they are recorded, and the order is held', async function () {
      standInOf(world, this);
      const { orderId, order: placed } = await checkOut();
      await dispatch(orderId, [{ lineId: placed.lines[0].id, quantity: 1 }]);
      const { authorisation } = await shop.ledger(orderId);
      ahead = Date.parse(the(authorisation?.captureBefore)) + HOUR_MS - Date.now();
      const difference = { kind: 'status', here: 'authorised', there: 'released' };
      expect(told(await shop.reconciled())).to.deep.equal([{ ...difference, repaired: false }]);
      expect(told(await shop.reconciled({ repair: true }))).to.deep.equal([{ ...difference, repaired: true }]);
      expect((await shop.ledger(orderId)).status).to.equal('lapsed');
      expect((await orderOf(orderId)).holds).to.have.length(1);
      expect(told(await shop.reconciled())).to.deep.equal([]);
    });

    it('disputes without a webhook, even of old payments: they are recorded', async function () {
      const standIn = standInOf(world, this);
      const ofThisWeek = (repair = false) => shop.reconciled({ repair, from: clock() - 7 * DAY_MS });
      const { orderId } = await checkOut();
      await dispatch(orderId);
      ahead += 8 * DAY_MS;
      const { id } = standIn.dispute((await intentOf(orderId)).id);
      ahead += 2 * 60_000;
      const opened = { kind: 'dispute', here: 'nothing', there: 'open 3000' };
      expect(told(await ofThisWeek())).to.deep.equal([{ ...opened, repaired: false }]);
      expect(told(await ofThisWeek(true))).to.deep.equal([{ ...opened, repaired: true }]);
      expect(paymentStatusOf(await shop.ledger(orderId))).to.equal('disputed');

      standIn.closeDispute(id, 'lost');
      ahead += 2 * 60_000;
      const lost = { kind: 'dispute', here: 'open 3000', there: 'lost 3000', repaired: true };
      expect(told(await ofThisWeek(true))).to.deep.equal([lost]);
      expect((await shop.ledger(orderId)).disputes).to.deep.equal([
        { disputeId: id, amount: 3000, reason: 'fraudulent', status: 'lost' },
      ]);
      ahead += 2 * 60_000;
      expect(told(await ofThisWeek())).to.deep.equal([]);
    });

    it('holds of payments that have ended: they are voided', async () => {
      const { orderId } = await checkOut();
      const { authorisation } = await shop.ledger(orderId);
      const { operationId } = the(authorisation);
      const stream = streamOf(siblingId('payment', orderId));
      orThrow(await shop.runner.execute(payment, stream, { type: 'RecordLapsed', operationId }, metaOf('by hand')));
      ahead += 2 * 60_000;
      const difference = { kind: 'status', here: 'lapsed', there: 'authorised' };
      expect(told(await shop.reconciled({ repair: true }))).to.deep.equal([{ ...difference, repaired: true }]);
      expect((await intentOf(orderId)).status).to.equal('canceled');
    });

    it('payments that one side does not know, but not those in progress or of other shops', async () => {
      const intent = (metadata: Record<string, string>) =>
        shop.stripe.paymentIntents.create({
          amount: 500,
          currency: 'gbp',
          capture_method: 'manual',
          confirm: true,
          metadata,
          payment_method: 'pm_card_visa',
          allowed_payment_method_types: ['card'],
        });
      await intent({});
      await intent({ paymentId: `payment_${mark}_nobody`, operationId: 'checkout_of_nobody/authorise' });
      const { orderId } = await checkOut();
      await intent({ paymentId: orderId, operationId: 'of somebody else' });
      const missing = { kind: 'missing_here', here: 'nothing', there: 'authorised', repaired: false };
      const found = await shop.reconciled({ repair: true });
      expect(told(found)).to.deep.equal([missing]);
      expect(found.compared).to.be.at.least(1);
      expect(found.notOurs).to.be.at.least(2);
      expect(found.underWay).to.be.at.least(1);

      const of = { paymentId: `payment_${mark}_lost`, operationId: 'checkout_lost/authorise' };
      const ledger = (id: string, command: PaymentCommand) =>
        shop.runner.execute(payment, streamOf(of.paymentId), command, metaOf(id)).then(orThrow);
      const asked = { orderId: 'order_lost', amount: 500, currency: 'GBP', provider: 'test', method: 'pm_x' } as const;
      await ledger('asked', { type: 'RequestAuthorisation', ...of, ...asked });
      await ledger('told', { type: 'RecordAuthorised', ...of, amount: 500, providerRef: 'pi_lost' });
      ahead += 2 * 60_000;
      const lost = { kind: 'missing_there', here: 'authorised', there: 'nothing', repaired: false };
      expect(told(await shop.reconciled({ repair: true }))).to.deep.equal([missing, lost]);
    });
  });
});
