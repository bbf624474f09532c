import { expect } from 'chai';
import Stripe from 'stripe';
import { Problem } from '../../domain/kernel/errors.js';
import { readStripeEvent, STRIPE_SIGNATURE } from './stripe-webhook.js';

const SECRET = 'whsec_of_this_test';
const stripe = new Stripe('sk_test_of_this_test');
const read = readStripeEvent(stripe, SECRET);

describe("A webhook in Stripe's name", () => {
  const payload = JSON.stringify({ id: 'evt_1', type: 'customer.created', data: { object: { id: 'cus_1' } } });
  const send = (signing: { secret: string; timestamp?: number }, body = payload) =>
    read(Buffer.from(body), stripe.webhooks.generateTestHeaderString({ payload: body, ...signing }));

  function faultOf(attempt: () => unknown): unknown {
    try {
      attempt();
    } catch (error) {
      return error instanceof Problem ? [error.code, error.facts] : error;
    }
    return 'taken';
  }

  it("is accepted if Stripe has signed it, and rejected with the header's name if it is forged or stale", () => {
    expect(send({ secret: SECRET })).to.deep.equal({ id: 'evt_1', type: 'customer.created' });
    for (const signing of [{ secret: 'whsec_of_another' }, { secret: SECRET, timestamp: 1 }]) {
      const detail = `does not match this shop's webhook secret, or is too old`;
      const refused = ['invalid_request', { errors: [{ pointer: STRIPE_SIGNATURE, detail }] }];
      expect(faultOf(() => send(signing))).to.deep.equal(refused);
    }
  });

  it('is accepted with either secret while Stripe signs with both, as it does when a secret is rolled', () => {
    const timestamp = Math.floor(Date.now() / 1000);
    const signed = (secret: string) => stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
    const [old, rolled] = [signed(SECRET), signed('whsec_rolled')];
    const both = `${old},${rolled.slice(rolled.indexOf('v1='))}`;
    for (const secret of [SECRET, 'whsec_rolled'])
      expect(readStripeEvent(stripe, secret)(Buffer.from(payload), both)).to.have.property('id', 'evt_1');
  });

  it('counts the money of a dispute as withdrawn until the bank has decided, also during an appeal', () => {
    const dispute = { id: 'du_1', payment_intent: 'pi_1', amount: 500, reason: 'fraudulent' };
    const toldOf = (status: string) => {
      const object = { ...dispute, status };
      const event = { id: 'evt_1', type: 'charge.dispute.updated', data: { object } };
      const told = send({ secret: SECRET }, JSON.stringify(event)).about?.dispute;
      return told && ('outcome' in told ? told.outcome : 'open');
    };
    for (const [meaning, statuses] of [
      ['open', ['needs_response', 'under_review', 'appeal_needs_response', 'appeal_under_review']],
      ['won', ['won', 'prevented']],
      ['lost', ['lost']],
      [undefined, ['warning_needs_response', 'warning_under_review', 'warning_closed']],
    ] as const) {
      for (const status of statuses) expect(toldOf(status), status).to.equal(meaning);
    }
  });
});
