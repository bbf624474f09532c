// The Stripe adapter, operation by operation.
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type Stripe from 'stripe';
import type { AuthorisationRequest, PaymentProvider } from '../../commands/payment/provider.js';
import { createStripeProvider } from '../../infra/payments/stripe.js';
import { authorisationIn, createStripeBooks } from '../../infra/payments/stripe-books.js';
import { the } from '../the.js';
import { describeOnStripe, skip, standInOf, type World } from './worlds.js';

const DAY_MS = 24 * 3_600_000;

describeOnStripe('The Stripe adapter', (open) => {
  let world: World;
  let provider: PaymentProvider;
  let customers: Map<string, string>;

  beforeEach(async () => {
    world = await open();
    customers = new Map();
    provider = createStripeProvider({ stripe: world.stripe, customerRefOf });
  });
  afterEach(() => world.standIn?.stop());

  const customerRefOf = async (id: string) => customers.get(id);

  function asked(more: Partial<AuthorisationRequest> = {}): AuthorisationRequest {
    const id = randomUUID();
    return {
      key: `checkout_${id}/authorise`,
      paymentId: `payment_${id}`,
      orderId: `order_${id}`,
      amount: { amount: 5000, currency: 'GBP' },
      method: 'pm_card_visa',
      offSession: false,
      ...more,
    };
  }

  async function opened(more: Partial<AuthorisationRequest> = {}): Promise<AuthorisationRequest> {
    const request = asked(more);
    const answer = await provider.open!(request);
    if ('status' in answer) return expect.fail(`declined: ${answer.declineCode}`);
    return { ...request, ...answer };
  }

  async function authorised(more: Partial<AuthorisationRequest> = {}) {
    const request = await opened(more);
    const answer = await provider.authorise(request);
    if (answer.status !== 'authorised') return expect.fail(`it is ${answer.status}`);
    return { request, answer };
  }

  async function savedBy(customerId: string, card: string): Promise<string> {
    const customer = customers.get(customerId) ?? (await world.stripe.customers.create()).id;
    customers.set(customerId, customer);
    return (await world.stripe.paymentMethods.attach(card, { customer })).id;
  }

  const money = (amount: number) => ({ amount, currency: 'GBP' });
  const operation = (of: AuthorisationRequest, word: string) => ({
    key: `${of.paymentId}/${word}`,
    paymentId: of.paymentId,
    of,
  });
  const confirmations = () => the(world.standIn).requests.filter(({ path }) => path.endsWith('/confirm')).length;
  const held = (request: AuthorisationRequest) => provider.retrieve!(request);
  const unanswered = (call: Promise<unknown>): Promise<Stripe.errors.StripeError> =>
    call.then(
      (answer) => expect.fail(`it was answered: ${JSON.stringify(answer)}`),
      (error) => error,
    );

  describe('authorises', () => {
    it('an intent that it has opened; the held amount and its expiry can be read back', async () => {
      const request = await opened();
      expect((await held(request)).authorisation).to.deep.equal({ status: 'none' });
      const answer = await provider.authorise(request);
      expect(answer).to.include({ status: 'authorised', ...request.amount, providerRef: request.providerRef });
      if (answer.status !== 'authorised') return;
      const lapsesIn = Date.parse(the(answer.captureBefore)) - Date.now();
      expect(lapsesIn).to.be.within(DAY_MS, 31 * DAY_MS);
      expect(await held(request)).to.deep.equal({ authorisation: answer, captured: 0, capturable: 5000, refunds: [] });
    });

    it("and returns the card and Stripe's risk assessment", async () => {
      const { answer } = await authorised();
      expect(answer).to.deep.include({ card: { brand: 'visa' }, last4: '4242' });
      expect(answer.risk).to.include({ level: 'normal' });
    });

    it('also if Stripe returns unexpected card details, or none', () => {
      const intent = { id: 'pi_1', amount: 5000, currency: 'gbp', status: 'requires_capture' };
      const card = { brand: 'b'.repeat(51), last4: null, three_d_secure: { result: null } };
      const outcome = { risk_level: 'not_assessed', risk_score: 101 };
      for (const latest_charge of [null, 'ch_1', { payment_method_details: { card }, outcome }, { outcome: null }]) {
        const answer = authorisationIn({ ...intent, latest_charge } as unknown as Stripe.PaymentIntent);
        const terms = { amount: 5000, currency: 'GBP', providerRef: 'pi_1' };
        expect(answer).to.deep.equal({ status: 'authorised', ...terms });
      }
    });

    it('and stores payment, order and operation at Stripe, for webhooks and the reconciliation', async () => {
      const { request } = await authorised();
      const { paymentId, key: operationId, orderId, providerRef } = request;
      const entry = await createStripeBooks(world.stripe).find(the(providerRef));
      expect(entry).to.deep.include({
        of: { paymentId, operationId },
        refunded: 0,
        currency: 'GBP',
      });
      const { metadata } = await world.stripe.paymentIntents.retrieve(the(providerRef));
      expect(metadata).to.deep.equal({ paymentId, operationId, orderId });
    });

    for (const [method, declineCode] of [
      ['pm_card_visa_chargeDeclined', 'generic_decline'],
      ['pm_card_visa_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
      ['pm_card_chargeDeclinedExpiredCard', 'expired_card'],
    ] as const) {
      it(`nothing that the bank declines (${declineCode}), and gives the reason, also when it is read later`, async () => {
        const request = await opened({ method });
        const declined = { status: 'declined', declineCode };
        expect(await provider.authorise(request)).to.deep.equal(declined);
        expect(await provider.authorise(request)).to.deep.equal(declined);
        expect((await held(request)).authorisation).to.deep.equal(declined);
      });
    }

    it('nothing with an unknown method, or for an amount that cannot be charged', async () => {
      const declined = await provider.authorise(await opened({ method: 'pm_nobody_has_this' }));
      expect(declined).to.deep.equal({ status: 'declined', declineCode: 'resource_missing' });
      expect(await provider.open!(asked({ amount: money(0) }))).to.include({ status: 'declined' });
    });

    it('nothing in a currency for which Stripe uses other minor units', async () => {
      for (const currency of ['ISK', 'MGA', 'UGX', 'KWD']) {
        const answer = await provider.open!(asked({ amount: { amount: 500_000, currency } }));
        expect(answer, currency).to.deep.equal({ status: 'declined', declineCode: 'currency_not_supported' });
      }
    });

    it('nothing before the customer has passed 3-D Secure', async function () {
      const request = await opened({ method: 'pm_card_authenticationRequired' });
      const answer = await provider.authorise(request);
      expect(answer).to.include({ status: 'action_required', providerRef: request.providerRef });
      expect(answer)
        .to.have.property('clientSecret')
        .that.matches(/_secret_/);
      expect((await held(request)).authorisation).to.deep.equal(answer);
      const standIn = standInOf(world, this);
      standIn.authenticate(the(request.providerRef), 'succeed');
      expect((await held(request)).authorisation).to.deep.include({
        status: 'authorised',
        amount: 5000,
        card: { brand: 'visa', threeDSecure: 'authenticated' },
        last4: '3184',
      });
    });

    it("nothing before the customer has paid, and returns the method's kind if payment takes days", () => {
      for (const [type, kind] of [
        ['oxxo_display_details', 'voucher'],
        ['boleto_display_details', 'voucher'],
        ['konbini_display_details', 'voucher'],
        ['multibanco_display_details', 'voucher'],
        ['display_bank_transfer_instructions', 'bank_transfer'],
        ['use_stripe_sdk', undefined],
        ['redirect_to_url', undefined],
      ] as const) {
        const intent = { id: 'pi_1', status: 'requires_action', client_secret: 's', currency: 'mxn' };
        const answer = authorisationIn({ ...intent, next_action: { type } } as unknown as Stripe.PaymentIntent);
        const terms = { status: 'action_required', providerRef: 'pi_1', clientSecret: 's' };
        expect(answer, type).to.deep.equal(kind ? { ...terms, kind } : terms);
      }
    });

    it('nothing when the customer fails 3-D Secure', async function () {
      const standIn = standInOf(world, this);
      const request = await opened({ method: 'pm_card_authenticationRequired' });
      await provider.authorise(request);
      standIn.authenticate(the(request.providerRef), 'fail');
      const declined = { status: 'declined', declineCode: 'payment_intent_authentication_failure' };
      expect((await held(request)).authorisation).to.deep.equal(declined);
    });

    it('off session if no authentication is needed, and declines otherwise', async () => {
      const saved = { customerId: 'customer_ada', offSession: true };
      await authorised({ ...saved, method: await savedBy('customer_ada', 'pm_card_visa') });
      const method = await savedBy('customer_ada', 'pm_card_authenticationRequired');
      const declined = await provider.authorise(await opened({ ...saved, method }));
      expect(declined).to.deep.equal({ status: 'declined', declineCode: 'authentication_required' });
    });

    it('a saved card for its own customer, and for no other', async () => {
      const method = await savedBy('customer_ada', 'pm_card_visa');
      await authorised({ customerId: 'customer_ada', method });
      const other = await provider.authorise(await opened({ customerId: 'customer_bob', method }));
      expect(other).to.include({ status: 'declined' });
    });

    it('with another key once the customer is linked, so that no request changes under its key', async () => {
      const request = asked({ customerId: 'customer_ada' });
      const before = await provider.open!(request);
      customers.set('customer_ada', (await world.stripe.customers.create()).id);
      expect(await provider.open!(request))
        .to.have.property('providerRef')
        .that.does.not.equal(before);
    });
  });

  describe('captures', () => {
    it('in parts if the card allows it, and releases the rest with the last', async function () {
      const { request, answer } = await authorised();
      if (!answer.multicapture) skip(this, 'needs an account that captures several times');
      const part = { ...operation(request, 'c1'), amount: money(2000), final: false };
      const first = await provider.capture(part);
      expect(first).to.include({ status: 'captured' });
      expect(await provider.capture(part), 'asked again').to.deep.equal(first);
      expect((await held(request)).captured).to.equal(2000);
      const last = await provider.capture({ ...operation(request, 'c2'), amount: money(1000), final: true });
      expect(last, 'nobody can say which of them the fee is of').to.not.have.property('fee');
      const after = await held(request);
      expect(after.captured).to.equal(3000);
      expect(after.authorisation.status).to.equal('authorised');
      expect(after.capturable).to.equal(0);
    });

    it('once if the card does not allow several captures', async () => {
      const { request, answer } = await authorised({ method: 'pm_card_credit_disableEnterpriseCardFeatures' });
      expect(answer).not.to.have.property('multicapture');
      const capture = { ...operation(request, 'c1'), amount: money(3000), final: true };
      expect(await provider.capture(capture)).to.include({ status: 'captured' });
      expect((await held(request)).captured).to.equal(3000);
    });

    it("and returns the charge's reference and Stripe's fee, also when it is read back", async () => {
      const { request } = await authorised();
      const answer = await provider.capture({ ...operation(request, 'c1'), amount: money(5000), final: true });
      if (answer.status !== 'captured') return expect.fail(answer.reason);
      const { status, ...details } = answer;
      expect(details.providerRef).to.match(/^ch_/);
      expect((await held(request)).details).to.deep.include({ providerRef: details.providerRef });
      if (!world.standIn) return; // Stripe may settle the fee later, in the currency of the account
      expect(details.fee).to.deep.equal(money(95));
      expect((await held(request)).details).to.deep.equal(details);
    });

    it('once for an account without multicapture, which it requests only once', async function () {
      standInOf(world, this).withdrawMulticapture();
      expect(await provider.authorise(await opened({ method: 'pm_card_visa_chargeDeclined' }))).to.deep.equal({
        status: 'declined',
        declineCode: 'generic_decline',
      });
      for (const attempts of [2, 1]) {
        const before = confirmations();
        const { request, answer } = await authorised();
        expect(answer).not.to.have.property('multicapture');
        expect(confirmations() - before).to.equal(attempts);
        expect(await createStripeProvider({ stripe: world.stripe, customerRefOf }).authorise(request)).to.deep.equal(
          answer,
        );
        const capture = { ...operation(request, 'c1'), amount: money(3000), final: true };
        expect(await provider.capture(capture)).to.include({ status: 'captured' });
      }
    });

    it('no more than is held, and nothing that was released', async () => {
      const { request } = await authorised();
      const tooMuch = await provider.capture({ ...operation(request, 'c1'), amount: money(5001), final: true });
      expect(tooMuch).to.deep.equal({ status: 'failed', reason: 'amount_too_large' });
      await provider.void(operation(request, 'void'));
      const tooLate = await provider.capture({ ...operation(request, 'c2'), amount: money(5000), final: true });
      expect(tooLate).to.deep.equal({ status: 'failed', reason: 'payment_intent_unexpected_state' });
    });
  });

  describe('voids', () => {
    it('a hold, also repeatedly, and an authorisation that was never opened', async () => {
      const { request } = await authorised();
      await provider.void(operation(request, 'void'));
      await provider.void(operation(request, 'void'));
      await provider.void(operation(request, 'void again'));
      expect(await held(request)).to.deep.equal({
        authorisation: { status: 'released' },
        captured: 0,
        capturable: 0,
        refunds: [],
      });
      await provider.void(operation(asked(), 'void'));
    });

    it('an unconfirmed intent, which can never be confirmed after that', async () => {
      const request = await opened();
      await provider.void(operation(request, 'void'));
      expect(await provider.authorise(request)).to.deep.equal({ status: 'declined', declineCode: 'cancelled' });
    });

    it('nothing if everything is captured', async () => {
      const { request } = await authorised();
      await provider.capture({ ...operation(request, 'c1'), amount: money(5000), final: true });
      await provider.void(operation(request, 'void'));
      expect((await held(request)).captured).to.equal(5000);
    });
  });

  describe('refunds', () => {
    async function captured(method = 'pm_card_visa') {
      const { request } = await authorised({ method });
      await provider.capture({ ...operation(request, 'c1'), amount: money(5000), final: true });
      return request;
    }
    const refund = (request: AuthorisationRequest, word: string, amount: number) =>
      provider.refund({ ...operation(request, word), amount: money(amount) });

    it('in parts, each once even if repeated, and distinguishes them by operation', async () => {
      const request = await captured();
      const first = await refund(request, 'r1', 2000);
      expect(first).to.include({ status: 'refunded' });
      expect(await refund(request, 'r1', 2000)).to.deep.equal(first);
      await refund(request, 'r2', 1000);
      const { refunds } = await held(request);
      expect(refunds.map(({ operationId, amount, status }) => ({ operationId, amount, status }))).to.have.deep.members([
        { operationId: `${request.paymentId}/r1`, amount: 2000, status: 'refunded' },
        { operationId: `${request.paymentId}/r2`, amount: 1000, status: 'refunded' },
      ]);
    });

    it('no more than was captured', async () => {
      const request = await captured();
      await refund(request, 'r1', 4000);
      expect(await refund(request, 'r2', 1001)).to.include({ status: 'failed' });
      await refund(request, 'r3', 1000);
      expect(await refund(request, 'r4', 1)).to.deep.equal({ status: 'failed', reason: 'charge_already_refunded' });
    });

    it('a refund that the bank returns later, as failed', async function () {
      const standIn = standInOf(world, this);
      const request = await captured();
      const answer = await refund(request, 'r1', 2000);
      if (answer.status !== 'refunded') return expect.fail('it failed');
      standIn.settleRefund(the(answer.providerRef), 'failed');
      expect((await held(request)).refunds[0]).to.include({
        status: 'failed',
        operationId: `${request.paymentId}/r1`,
      });
    });
  });

  describe('leaves the outcome open, and repeats with the same key,', () => {
    const BROKEN: readonly string[] = ['no connection', 'reply lost'];
    const FAULTS = ['no connection', 'reply lost', 'rate limited', 'error after the work'] as const;
    for (const fault of FAULTS) {
      it(`after the fault: ${fault}; each operation is then done once`, async function () {
        const standIn = standInOf(world, this);
        const request = asked();

        async function twice<T>(path: RegExp, call: () => Promise<T>, done: () => Promise<unknown>): Promise<void> {
          // The package itself repeats a request at once if a kept-alive connection breaks.
          standIn.inject(path, fault, ...(BROKEN.includes(fault) ? [fault] : []));
          await unanswered(call());
          // Stripe keeps such an error under the key. Only a read shows whether the work was done.
          if (fault === 'error after the work') await done();
          else await call();
        }

        await twice(
          /POST \/v1\/payment_intents$/,
          () => provider.open!(request),
          async () => undefined,
        );
        const again = fault === 'error after the work' ? { ...request, key: `${request.key} 2` } : request;
        const of = { ...again, ...((await provider.open!(again)) as { providerRef: string }) };
        const now = () => held(of);
        await twice(/confirm$/, () => provider.authorise(of), now);
        expect((await now()).authorisation.status).to.equal('authorised');
        const part = { ...operation(of, 'c1'), amount: money(3000), final: true };
        await twice(/capture$/, () => provider.capture(part), now);
        expect((await now()).captured).to.equal(3000);
        const back = { ...operation(of, 'r1'), amount: money(1000), reason: 'r' };
        await twice(/POST \/v1\/refunds$/, () => provider.refund(back), now);
        expect((await now()).refunds).to.have.length(1);
        const { request: other } = await authorised();
        await twice(
          /cancel$/,
          () => provider.void(operation(other, 'void')),
          () => held(other),
        );
        expect((await held(other)).authorisation).to.deep.equal({ status: 'released' });
      });
    }

    it('no authorisation for the day that Stripe keeps its own failure: it is declined if nothing was done', async function () {
      const standIn = standInOf(world, this);
      const declined = { status: 'declined', declineCode: 'provider_error' };
      const request = asked();
      standIn.inject(/payment_intents$/, 'error');
      await unanswered(provider.open!(request));
      expect(await provider.open!(request)).to.deep.equal(declined);
      const failed = await opened();
      standIn.inject(/confirm$/, 'error');
      await unanswered(provider.authorise(failed));
      expect(await provider.authorise(failed)).to.deep.equal(declined);
      const done = await opened();
      standIn.inject(/confirm$/, 'error after the work');
      await unanswered(provider.authorise(done));
      expect(await provider.authorise(done)).to.include({ status: 'authorised' });
    });

    it('a request that another worker is sending with the same key', async function () {
      const standIn = standInOf(world, this);
      const request = await opened();
      let finish = () => {};
      standIn.inject(/confirm$/, new Promise<void>((resolve) => (finish = resolve)));
      const first = provider.authorise(request);
      while (!standIn.requests.some(({ path }) => path.endsWith('/confirm'))) await new Promise(setImmediate);
      const second = await unanswered(provider.authorise(request));
      expect(second.code).to.equal('idempotency_key_in_use');
      finish();
      expect(await first).to.include({ status: 'authorised' });
      expect(await provider.authorise(request)).to.deep.equal(await first);
    });

    it('a different request with the same key, which only a bug can cause', async () => {
      const request = await opened();
      const error = await unanswered(provider.open!({ ...request, amount: money(4999) }));
      expect(error.type).to.equal('StripeIdempotencyError');
    });
  });

  it('reads all intents of a period, page by page', async function () {
    const standIn = standInOf(world, this);
    const from = Date.now() - DAY_MS;
    const requests = await Promise.all(Array.from({ length: 101 }, () => opened()));
    const found = new Set<string>();
    const books = createStripeBooks(world.stripe);
    for await (const { of } of books.opened({ from, upTo: Date.now() + DAY_MS })) found.add(the(of).operationId);
    expect(found).to.deep.equal(new Set(requests.map(({ key }) => key)));
    expect(standIn.requests.filter(({ method }) => method === 'GET')).to.have.length(2);
    for await (const { of } of books.opened({ from: from - DAY_MS, upTo: from })) expect.fail(the(of).operationId);
  });

  it('sends only keys that derive from our operations', async function () {
    const standIn = standInOf(world, this);
    const { request } = await authorised();
    await provider.capture({ ...operation(request, 'c1'), amount: money(5000), final: true });
    await provider.refund({ ...operation(request, 'r1'), amount: money(1) });
    await provider.void(operation(request, 'void'));
    const keys = standIn.requests.filter(({ method }) => method === 'POST').map((sent) => sent.idempotencyKey);
    expect(keys).to.deep.equal([
      `${request.key}/create`,
      `${request.key}/confirm`,
      `${request.paymentId}/c1`,
      `${request.paymentId}/r1`,
      `${request.paymentId}/void`,
    ]);
  });
});
