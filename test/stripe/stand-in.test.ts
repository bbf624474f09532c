// Compares the stand-in with Stripe's documentation, through the `stripe` package itself.
import { expect } from 'chai';
import type Stripe from 'stripe';
import { connectStripe } from '../../infra/payments/stripe.js';
import { the } from '../the.js';
import { type StripeContract, stripeContract } from './openapi.js';
import { type StripeStandIn, startStripe } from './stand-in.js';

const DAY_MS = 24 * 3600 * 1000;
const NOON = Date.UTC(2026, 10, 23, 12);

describe('The Stripe stand-in', () => {
  let now = NOON;
  let standIn: StripeStandIn;
  let stripe: Stripe;

  beforeEach(async () => {
    now = NOON;
    standIn = await startStripe({ clock: () => now });
    stripe = connectStripe(standIn);
  });
  afterEach(() => standIn.stop());

  const order = (more: Partial<Stripe.PaymentIntentCreateParams> = {}): Stripe.PaymentIntentCreateParams => ({
    amount: 5000,
    currency: 'eur',
    capture_method: 'manual',
    payment_method: 'pm_card_visa',
    allowed_payment_method_types: ['card'],
    ...more,
  });
  const authorised = (more: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
    stripe.paymentIntents.create(order({ confirm: true, ...more }));
  const severalCaptures = { payment_method_options: { card: { request_multicapture: 'if_available' as const } } };
  const refusalOf = (asked: Promise<unknown>): Promise<Stripe.errors.StripeError> =>
    asked.then(
      () => expect.fail('it was not refused'),
      (error) => error,
    );
  const chargeOf = async (id: string) =>
    (await stripe.paymentIntents.retrieve(id, { expand: ['latest_charge'] })).latest_charge as Stripe.Charge;

  describe('payments', () => {
    it('are created unconfirmed, then confirmed, and captured in part, which releases the rest', async () => {
      const created = await stripe.paymentIntents.create(order({ metadata: { order: 'o1' } }));
      expect(created).to.include({ status: 'requires_confirmation', amount_capturable: 0, latest_charge: null });
      const held = await stripe.paymentIntents.confirm(created.id);
      expect(held).to.include({ status: 'requires_capture', amount_capturable: 5000 });
      const captured = await stripe.paymentIntents.capture(created.id, { amount_to_capture: 3000 });
      expect(captured).to.include({ status: 'succeeded', amount_received: 3000, amount_capturable: 0 });
      expect(captured.metadata).to.deep.equal({ order: 'o1' });
      expect(await chargeOf(created.id)).to.include({ captured: true, amount_captured: 3000, amount_refunded: 0 });
    });

    it('are captured several times if the card allows it', async () => {
      const { id } = await authorised(severalCaptures);
      expect((await chargeOf(id)).payment_method_details?.card?.multicapture?.status).to.equal('available');
      const first = await stripe.paymentIntents.capture(id, { amount_to_capture: 2000, final_capture: false });
      expect(first).to.include({ status: 'requires_capture', amount_received: 2000, amount_capturable: 3000 });
      const last = await stripe.paymentIntents.capture(id, { amount_to_capture: 1000 });
      expect(last).to.include({ status: 'succeeded', amount_received: 3000, amount_capturable: 0 });
      expect((await chargeOf(id)).amount_captured).to.equal(3000);
    });

    it('are captured once if the card does not allow more, or it was not requested', async () => {
      for (const more of [{}, { ...severalCaptures, payment_method: 'pm_card_jcb' }]) {
        const { id } = await authorised(more);
        expect((await chargeOf(id)).payment_method_details?.card?.multicapture?.status).to.equal('unavailable');
        const capture = stripe.paymentIntents.capture(id, { amount_to_capture: 2000, final_capture: false });
        expect(await refusalOf(capture)).to.include({ statusCode: 400, param: 'final_capture' });
      }
    });

    it('are never captured beyond what is held', async () => {
      const { id } = await authorised();
      const refusal = await refusalOf(stripe.paymentIntents.capture(id, { amount_to_capture: 5001 }));
      expect(refusal).to.include({ type: 'StripeInvalidRequestError', code: 'amount_too_large' });
    });

    it('are cancelled with their remaining hold, and then reject everything', async () => {
      const { id } = await authorised(severalCaptures);
      await stripe.paymentIntents.capture(id, { amount_to_capture: 2000, final_capture: false });
      const canceled = await stripe.paymentIntents.cancel(id, { cancellation_reason: 'requested_by_customer' });
      expect(canceled).to.include({ status: 'canceled', amount_capturable: 0, amount_received: 2000 });
      const refusal = await refusalOf(stripe.paymentIntents.capture(id));
      expect(refusal).to.include({ code: 'payment_intent_unexpected_state' });
      expect(refusal.payment_intent?.status).to.equal('canceled');
    });

    it('are declined with the code of the test card, and can be confirmed with another one', async () => {
      const { id } = await stripe.paymentIntents.create(
        order({ payment_method: 'pm_card_visa_chargeDeclinedLostCard' }),
      );
      const refusal = await refusalOf(stripe.paymentIntents.confirm(id));
      expect(refusal).to.include({
        type: 'StripeCardError',
        statusCode: 402,
        code: 'card_declined',
        decline_code: 'lost_card',
      });
      const declined = await stripe.paymentIntents.retrieve(id);
      expect(declined).to.include({ status: 'requires_payment_method', payment_method: null });
      expect(declined.last_payment_error?.decline_code).to.equal('lost_card');
      expect((await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' })).status).to.equal(
        'requires_capture',
      );
      expect((await stripe.charges.list({ payment_intent: id })).data.map(({ status }) => status)).to.deep.equal([
        'succeeded',
        'failed',
      ]);
    });

    it('expire when the time to capture them is over', async () => {
      const { id } = await authorised();
      expect((await chargeOf(id)).payment_method_details?.card?.capture_before).to.equal((NOON + 7 * DAY_MS) / 1000);
      now += 7 * DAY_MS - 1000;
      expect((await stripe.paymentIntents.retrieve(id)).status).to.equal('requires_capture');
      now += 1000;
      expect(await stripe.paymentIntents.retrieve(id)).to.include({
        status: 'canceled',
        cancellation_reason: 'expired',
      });
      const { data } = await stripe.events.list({ limit: 2 });
      expect(data.map(({ type }) => type)).to.deep.equal(['payment_intent.canceled', 'charge.expired']);
    });

    it('succeed with the captured part when that time is over', async () => {
      const { id } = await authorised(severalCaptures);
      await stripe.paymentIntents.capture(id, { amount_to_capture: 2000, final_capture: false });
      now += 7 * DAY_MS;
      expect(await stripe.paymentIntents.retrieve(id)).to.include({
        status: 'succeeded',
        amount_received: 2000,
        amount_capturable: 0,
      });
    });

    it('are rejected if the account has no multicapture and requests it, even "if available"', async () => {
      standIn.withdrawMulticapture();
      const { id } = await stripe.paymentIntents.create(order(severalCaptures));
      for (const asked of [stripe.paymentIntents.confirm(id), authorised(severalCaptures)]) {
        expect(await refusalOf(asked)).to.include({ statusCode: 400, code: 'payment_intent_invalid_parameter' });
      }
      expect((await authorised()).status).to.equal('requires_capture');
    });

    it('are listed by pages, newest first', async () => {
      const made: string[] = [];
      for (let i = 0; i < 5; i++) made.push((await stripe.paymentIntents.create(order())).id);
      const all: string[] = [];
      for await (const { id } of stripe.paymentIntents.list({ limit: 2 })) all.push(id);
      expect(all).to.deep.equal(made.reverse());
      const back = await stripe.paymentIntents.list({ limit: 2, ending_before: the(all[3]) });
      expect(back.data.map(({ id }) => id)).to.deep.equal(all.slice(1, 3));
    });
  });

  describe('3-D Secure', () => {
    const secured = () => authorised({ payment_method: 'pm_card_authenticationRequired' });

    it('waits for the customer, whose success authorises the payment', async () => {
      const waiting = await secured();
      expect(waiting).to.include({ status: 'requires_action', amount_capturable: 0 });
      expect(waiting.client_secret).to.match(new RegExp(`^${waiting.id}_secret_`));
      standIn.authenticate(waiting.id, 'succeed');
      expect(await stripe.paymentIntents.retrieve(waiting.id)).to.include({
        status: 'requires_capture',
        next_action: null,
      });
    });

    it('fails if the customer fails', async () => {
      const { id } = await secured();
      standIn.authenticate(id, 'fail');
      const failed = await stripe.paymentIntents.retrieve(id);
      expect(failed.status).to.equal('requires_payment_method');
      expect(failed.last_payment_error?.code).to.equal('payment_intent_authentication_failure');
    });

    it('can end in a decline', async () => {
      const { id } = await authorised({
        payment_method: 'pm_card_authenticationRequiredChargeDeclinedInsufficientFunds',
      });
      standIn.authenticate(id, 'succeed');
      const declined = await stripe.paymentIntents.retrieve(id);
      expect(declined.last_payment_error?.decline_code).to.equal('insufficient_funds');
    });

    it('is a decline if the customer is not present', async () => {
      const card = 'pm_card_authenticationRequired';
      expect(await refusalOf(authorised({ payment_method: card, off_session: true }))).to.include({
        statusCode: 402,
        code: 'authentication_required',
      });
    });
  });

  describe('saved cards', () => {
    it('are attached, listed, charged without the customer, and detached', async () => {
      const customer = await stripe.customers.create({ email: 'ada@example.com' });
      const card = await stripe.paymentMethods.attach('pm_card_mastercard', { customer: customer.id });
      expect((await stripe.paymentMethods.list({ customer: customer.id })).data.map(({ id }) => id)).to.deep.equal([
        card.id,
      ]);
      const charge = { customer: customer.id, payment_method: card.id, off_session: true };
      expect((await authorised(charge)).status).to.equal('requires_capture');
      await stripe.paymentMethods.detach(card.id);
      expect((await stripe.customers.listPaymentMethods(customer.id)).data).to.deep.equal([]);
      expect(await refusalOf(authorised(charge))).to.include({ param: 'payment_method' });
    });

    it('are saved by a payment, and need no authentication once it was given for later use', async () => {
      const { id: customer } = await stripe.customers.create();
      const first = await authorised({
        customer,
        payment_method: 'pm_card_authenticationRequiredOnSetup',
        setup_future_usage: 'off_session',
      });
      expect(first.status).to.equal('requires_action');
      standIn.authenticate(first.id, 'succeed');
      const [card] = (await stripe.paymentMethods.list({ customer })).data;
      const again = await authorised({ customer, payment_method: the(card).id, off_session: true });
      expect(again.status).to.equal('requires_capture');
    });

    it('pay only for their customer, and a card that was not saved pays once', async () => {
      const { id: customer } = await stripe.customers.create();
      const { id: saved } = await stripe.paymentMethods.attach('pm_card_visa', { customer });
      expect(await refusalOf(authorised({ payment_method: saved }))).to.include({ param: 'payment_method' });
      const { payment_method } = await authorised();
      expect(await refusalOf(authorised({ payment_method: String(payment_method) }))).to.include({
        param: 'payment_method',
      });
    });
  });

  describe('refunds', () => {
    const captured = async (more: Partial<Stripe.PaymentIntentCreateParams> = {}) => {
      const { id } = await authorised(more);
      await stripe.paymentIntents.capture(id);
      return id;
    };

    it('return a part, then the rest, and never more', async () => {
      const payment_intent = await captured();
      await stripe.refunds.create({ payment_intent, amount: 2000 });
      const over = await refusalOf(stripe.refunds.create({ payment_intent, amount: 3001 }));
      expect(over).to.include({ statusCode: 400, param: 'amount' });
      expect(await stripe.refunds.create({ payment_intent })).to.include({ amount: 3000, status: 'succeeded' });
      const twice = await refusalOf(stripe.refunds.create({ payment_intent }));
      expect(twice.code).to.equal('charge_already_refunded');
      expect(await chargeOf(payment_intent)).to.include({ amount_refunded: 5000, refunded: true });
      expect((await stripe.refunds.list({ payment_intent })).data.map(({ amount }) => amount)).to.deep.equal([
        3000, 2000,
      ]);
    });

    it('need captured money', async () => {
      const { id } = await authorised();
      expect((await refusalOf(stripe.refunds.create({ payment_intent: id }))).type).to.equal(
        'StripeInvalidRequestError',
      );
    });

    it('are pending until the bank has decided', async () => {
      const payment_intent = await captured({ payment_method: 'pm_card_pendingRefund' });
      const { id, status } = await stripe.refunds.create({ payment_intent });
      expect(status).to.equal('pending');
      standIn.settleRefund(id, 'succeeded');
      expect((await stripe.refunds.retrieve(id)).status).to.equal('succeeded');
      standIn.settleRefund(id, 'failed');
      expect(await stripe.refunds.retrieve(id)).to.include({ status: 'failed' });
      expect(await chargeOf(payment_intent)).to.include({ amount_refunded: 0, refunded: false });
    });

    it('wait for the end of a dispute, which the shop wins or loses', async () => {
      const payment_intent = await captured();
      const { id } = standIn.dispute(payment_intent);
      expect((await refusalOf(stripe.refunds.create({ payment_intent }))).code).to.equal('charge_disputed');
      expect((await stripe.disputes.list({ payment_intent })).data.map(({ status }) => status)).to.deep.equal([
        'needs_response',
      ]);
      standIn.closeDispute(id, 'won');
      expect((await stripe.disputes.retrieve(id)).status).to.equal('won');
      expect((await stripe.refunds.create({ payment_intent })).amount).to.equal(5000);
    });
  });

  describe('idempotency keys', () => {
    const key = { idempotencyKey: 'op-1' };

    it('answer a repeat with the status and body of the first', async () => {
      const first = await stripe.paymentIntents.create(order(), key);
      const again = await stripe.paymentIntents.create(order(), key);
      expect(again).to.deep.equal(first);
      expect(again.lastResponse.headers['idempotent-replayed']).to.equal('true');
      expect((await stripe.paymentIntents.list()).data).to.have.length(1);
      expect(standIn.requests.map(({ idempotencyKey, replayed }) => [idempotencyKey, replayed])).to.deep.equal([
        ['op-1', undefined],
        ['op-1', true],
        [undefined, undefined],
      ]);
    });

    it('repeat a decline, too', async () => {
      const decline = () => refusalOf(authorisedUnder('pm_card_visa_chargeDeclined'));
      const authorisedUnder = (payment_method: string) =>
        stripe.paymentIntents.create(order({ confirm: true, payment_method }), key);
      const [first, again] = [await decline(), await decline()];
      expect(again.raw).to.deep.include({ decline_code: 'generic_decline', charge: first.charge });
    });

    it('reject other parameters, and another path', async () => {
      const { id } = await stripe.paymentIntents.create(order(), key);
      const other = [
        stripe.paymentIntents.create(order({ amount: 1 }), key),
        stripe.paymentIntents.confirm(id, {}, key),
      ];
      for (const asked of other)
        expect(await refusalOf(asked)).to.include({ type: 'StripeIdempotencyError', statusCode: 400 });
    });

    it('are in use while the first request still runs', async () => {
      let finish = () => {};
      standIn.inject(/payment_intents/, new Promise<void>((resolve) => (finish = resolve)));
      const first = stripe.paymentIntents.create(order(), key);
      while (standIn.requests.length === 0) await new Promise(setImmediate);
      const second = await refusalOf(stripe.paymentIntents.create(order(), key));
      expect(second).to.include({ statusCode: 409, code: 'idempotency_key_in_use' });
      finish();
      const { id } = await first;
      expect((await stripe.paymentIntents.create(order(), key)).id).to.equal(id);
    });

    it('are forgotten after a day', async () => {
      const { id } = await stripe.paymentIntents.create(order(), key);
      now += DAY_MS - 1000;
      expect((await stripe.paymentIntents.create(order(), key)).id).to.equal(id);
      now += 1000;
      expect((await stripe.paymentIntents.create(order(), key)).id).not.to.equal(id);
    });
  });

  describe("Stripe's own document", () => {
    let document: StripeContract;
    before(function () {
      document = stripeContract() ?? this.skip();
    });

    it('finds wrong, missing and additional fields of an answer', async () => {
      const route = 'GET /v1/payment_intents/{intent}';
      const { lastResponse: _, ...intent } = await authorised();
      expect(document.faultOf(route, intent)).to.equal(undefined);
      for (const [wrong, named] of [
        [{ status: 'paid' }, 'status'],
        [{ amount: '5000' }, 'amount'],
        [{ id: undefined }, 'id'],
        [{ amount_captured: 5000 }, 'amount_captured'],
      ] as const) {
        expect(document.faultOf(route, { ...intent, ...wrong })).to.include(named);
      }
    });

    it('rejects unknown, missing and invalid parameters, and uses up no key', async () => {
      const key = { idempotencyKey: 'op-1' };
      const { amount: _amount, ...without } = order();
      const nested = { payment_method_options: { card: { colour: 'red' } } };
      for (const [params, refusal] of [
        [
          { ...order(), colour: 'red' },
          { code: 'parameter_unknown', param: 'colour' },
        ],
        [
          { ...order(), ...nested },
          { code: 'parameter_unknown', param: 'payment_method_options[card][colour]' },
        ],
        [without, { code: 'parameter_missing', param: 'amount' }],
        [{ ...order(), amount: 1.5 }, { param: 'amount' }],
        [{ ...order(), capture_method: 'by_pigeon' }, { param: 'capture_method' }],
      ] as [Stripe.PaymentIntentCreateParams, object][]) {
        expect(await refusalOf(stripe.paymentIntents.create(params, key))).to.include(refusal);
      }
      expect((await stripe.paymentIntents.create(order(), key)).amount).to.equal(5000);
    });
  });

  describe('events', () => {
    it('show a payment as it was then, and are listed newest first, from a given time', async () => {
      const { id } = await authorised({ metadata: { order: 'o1' } });
      now += 1000;
      await stripe.paymentIntents.capture(id);
      const { data: all } = await stripe.events.list();
      expect(all.map(({ type }) => type)).to.deep.equal([
        'payment_intent.succeeded',
        'charge.captured',
        'payment_intent.amount_capturable_updated',
        'charge.succeeded',
        'payment_intent.created',
      ]);
      const told = [the(all[0]), the(all[2])].map(({ data }) => data.object as Stripe.PaymentIntent);
      expect(told.map(({ status }) => status)).to.deep.equal(['succeeded', 'requires_capture']);
      expect(told.map(({ metadata }) => metadata)).to.deep.equal([{ order: 'o1' }, { order: 'o1' }]);
      expect(await stripe.events.retrieve(the(all[0]).id)).to.deep.include(all[0]);
      const since = { created: { gte: Math.floor(now / 1000) } };
      expect((await stripe.events.list(since)).data).to.deep.equal(all.slice(0, 2));
      expect((await stripe.events.list({ starting_after: the(all[3]).id })).data).to.deep.equal(all.slice(4));
    });

    it('name the request that caused them; the expiry of an authorisation has none', async () => {
      await stripe.paymentIntents.create(order({ confirm: true }), { idempotencyKey: 'op-1' });
      now += 7 * DAY_MS;
      standIn.tick();
      const keys = (await stripe.events.list()).data.map(({ type, request }) => [type, request?.idempotency_key]);
      expect(keys).to.deep.equal([
        ['payment_intent.canceled', null],
        ['charge.expired', null],
        ['payment_intent.amount_capturable_updated', 'op-1'],
        ['charge.succeeded', 'op-1'],
        ['payment_intent.created', 'op-1'],
      ]);
    });
  });

  describe('faults', () => {
    const key = { idempotencyKey: 'op-1' };
    const made = async () => (await stripe.paymentIntents.list()).data.length;

    it('cut the connection before the work', async () => {
      standIn.inject(/POST .*payment_intents$/, 'no connection', 'no connection');
      expect((await refusalOf(stripe.paymentIntents.create(order(), key))).type).to.equal('StripeConnectionError');
      expect(await made()).to.equal(0);
    });

    it('lose the answer after the work, which a retry under the same key finds', async () => {
      standIn.inject(/POST .*payment_intents$/, 'reply lost', 'reply lost');
      expect((await refusalOf(stripe.paymentIntents.create(order(), key))).type).to.equal('StripeConnectionError');
      const again = await stripe.paymentIntents.create(order(), key);
      expect(again.lastResponse.headers['idempotent-replayed']).to.equal('true');
      expect(await made()).to.equal(1);
    });

    it('limit the rate, which no key remembers', async () => {
      standIn.inject(/POST/, 'rate limited');
      expect(await refusalOf(stripe.paymentIntents.create(order(), key))).to.include({ type: 'StripeRateLimitError' });
      expect((await stripe.paymentIntents.create(order(), key)).status).to.equal('requires_confirmation');
    });

    it('answer with 500 always for the same key, whether or not the work was done', async () => {
      for (const [fault, found] of [
        ['error', 0],
        ['error after the work', 1],
      ] as const) {
        standIn.inject(/POST/, fault);
        for (let i = 0; i < 2; i++) {
          const refusal = await refusalOf(stripe.paymentIntents.create(order(), { idempotencyKey: fault }));
          expect(refusal).to.include({ type: 'StripeAPIError', statusCode: 500 });
        }
        expect(await made()).to.equal(found);
      }
    });
  });
});
