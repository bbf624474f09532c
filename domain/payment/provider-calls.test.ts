import { expect } from 'chai';
import fc from 'fast-check';
import { decider, fold, TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import { isRejection } from '../kernel/rejection.js';
import type { PaymentEvent } from './events.js';
import { capturedOf, type Payment, refundedOf } from './ledger.js';
import { type PaymentCommand, payment } from './payment.js';
import { dueCall, factsIn, type Held, KEY_LIFETIME_MS } from './provider-calls.js';

const ids = { paymentId: 'payment_1', orderId: 'order_1' };
const terms = { amount: 1000, currency: 'GBP', provider: 'test', method: 'pm_card_visa' } as const;
const auth = { ...ids, operationId: 'auth' };

const requested: PaymentEvent = { type: 'AuthorisationRequested', data: { ...auth, ...terms } };
const opened: PaymentEvent = { type: 'PaymentIntentOpened', data: { ...auth, providerRef: 'ref' } };
const unknown: PaymentEvent = { type: 'AuthorisationUnknown', data: auth };
const declined: PaymentEvent = { type: 'AuthorisationDeclined', data: { ...auth, declineCode: 'lost_card' } };
const lapsed: PaymentEvent = { type: 'AuthorisationLapsed', data: auth };
const actionRequired: PaymentEvent = {
  type: 'PaymentActionRequired',
  data: { ...auth, providerRef: 'ref', clientSecret: 'secret' },
};
const authorised: PaymentEvent = {
  type: 'PaymentAuthorised',
  data: { ...auth, amount: 1000, providerRef: 'ref', multicapture: true },
};
const renewalRequested: PaymentEvent = {
  type: 'AuthorisationRequested',
  data: { ...ids, operationId: 'auth2', ...terms },
};
const renewed: PaymentEvent = {
  type: 'PaymentAuthorised',
  data: { ...ids, operationId: 'auth2', amount: 1000, providerRef: 'ref2' },
};
const captureRequested = (operationId: string, amount: number): PaymentEvent => ({
  type: 'CaptureRequested',
  data: { ...ids, operationId, amount },
});
const captured = (operationId: string, amount: number): PaymentEvent => ({
  type: 'PaymentCaptured',
  data: { ...ids, operationId, amount },
});
const refundRequested = (operationId: string, amount: number): PaymentEvent => ({
  type: 'RefundRequested',
  data: { ...ids, operationId, amount, reason: 'damaged' },
});
const voidRequested: PaymentEvent = { type: 'VoidRequested', data: { ...ids, operationId: 'void' } };
const voided: PaymentEvent = { type: 'PaymentVoided', data: { ...ids, operationId: 'void' } };
const dispute = { ...ids, disputeId: 'dp', amount: 100, reason: 'fraudulent' };
const disputeOpened: PaymentEvent = { type: 'DisputeOpened', data: dispute };
const disputeWon: PaymentEvent = { type: 'DisputeClosed', data: { ...ids, disputeId: 'dp', outcome: 'won' } };

const { given } = decider(payment);
const dueAt = (now: number, ...history: PaymentEvent[]) => dueCall(given(history).state, now);
const due = (...history: PaymentEvent[]) => dueAt(TEST_NOW, ...history);

describe('The next call to the provider', () => {
  it('is the authorisation until it is answered', () => {
    expect(due()).to.equal(undefined);
    const first = { ...auth, call: 'authorise', renewal: false };
    expect(due(requested)).to.deep.include({ ...first, again: false, retrieve: false });
    expect(due(requested, unknown)).to.deep.include({ ...first, again: true, retrieve: false });
    for (const answer of [authorised, declined, actionRequired, lapsed]) {
      expect(due(requested, answer)).to.equal(undefined);
    }
  });

  it('is a read of the state, if an intent is in doubt or the key may be forgotten', () => {
    expect(KEY_LIFETIME_MS).to.equal(82_800_000, 'an hour before the provider forgets it');
    const late = TEST_NOW + KEY_LIFETIME_MS;
    expect(due(requested, opened)).to.deep.include({ retrieve: false });
    expect(due(requested, opened, unknown)).to.deep.include({ retrieve: true });
    expect(dueAt(late, requested)).to.deep.include({ retrieve: false });
    expect(dueAt(late + 1, requested)).to.deep.include({ retrieve: true });
    const asked = [requested, authorised, captureRequested('c1', 400)];
    expect(dueAt(late + 1, ...asked)).to.deep.include({ call: 'capture', retrieve: true });
  });

  it('is one capture after the other, in the order of the requests, before a void', () => {
    const asked = [requested, authorised, captureRequested('c1', 400), captureRequested('c2', 500)];
    const failed: PaymentEvent = { type: 'CaptureFailed', data: { ...ids, operationId: 'c1', reason: 'expired' } };
    expect(due(...asked)).to.deep.include({ call: 'capture', operationId: 'c1', amount: 400, final: false });
    expect(due(...asked, captured('c2', 500))).to.deep.include({ operationId: 'c1' });
    expect(due(...asked, captured('c1', 400))).to.deep.include({ operationId: 'c2', amount: 500 });
    expect(due(...asked, failed)).to.deep.include({ operationId: 'c2' });
    expect(due(...asked, voidRequested)).to.deep.include({ call: 'capture', operationId: 'c1' });
    const both = [...asked, voidRequested, captured('c1', 400), captured('c2', 500)];
    expect(due(...both)).to.deep.include({ call: 'void', operationId: 'void' });
    expect(due(...both, voided)).to.equal(undefined);
  });

  it('is a void of every authorisation that may hold money', () => {
    const all = (...history: PaymentEvent[]) => {
      const call = due(...history);
      return call?.call === 'void' ? call.authorisations.map(({ operationId }) => operationId) : call;
    };
    expect(all(requested, voidRequested)).to.deep.equal(['auth']);
    expect(all(requested, unknown, voidRequested)).to.deep.equal(['auth']);
    expect(all(requested, authorised, renewalRequested, voidRequested)).to.deep.equal(['auth', 'auth2']);
    expect(all(requested, authorised, lapsed, renewalRequested, voidRequested)).to.deep.equal(['auth2']);
    expect(due(voided)).to.equal(undefined);
  });

  it('is the release of an old authorisation once its renewal is authorised', () => {
    expect(due(requested, authorised, renewalRequested)).to.deep.include({ call: 'authorise', renewal: true });
    const release = due(requested, authorised, renewalRequested, renewed);
    expect(release).to.deep.include({ call: 'release', operationId: 'auth/release' });
    expect(release?.authorisation.operationId).to.equal('auth');
    expect(due(requested, authorised, renewalRequested, renewed, lapsed)).to.equal(undefined);
    const renewalDeclined: PaymentEvent = {
      type: 'AuthorisationDeclined',
      data: { ...ids, operationId: 'auth2', declineCode: 'lost_card' },
    };
    expect(due(requested, authorised, renewalRequested, renewalDeclined)).to.equal(undefined);
    const spent = captureRequested('c1', 1000);
    expect(due(requested, authorised, spent, captured('c1', 1000), renewalRequested, renewed)).to.equal(undefined);
  });

  it('is a refund, in order, unless a bank is deciding about the payment', () => {
    const taken = [requested, authorised, captureRequested('c1', 1000), captured('c1', 1000)];
    const asked = [...taken, refundRequested('r1', 300), refundRequested('r2', 200)];
    const refunded: PaymentEvent = { type: 'PaymentRefunded', data: { ...ids, operationId: 'r1', amount: 300 } };
    expect(due(...asked)).to.deep.include({ call: 'refund', operationId: 'r1', amount: 300 });
    expect(due(...asked, refunded)).to.deep.include({ operationId: 'r2' });
    expect(due(...asked, disputeOpened)).to.equal(undefined);
    expect(due(...asked, disputeOpened, disputeWon)).to.deep.include({ operationId: 'r1', isForbidden: false });
  });

  it('is not a refund that the bank has already made, unless it was refunded before', () => {
    const taken = [requested, authorised, captureRequested('c1', 1000), captured('c1', 1000)];
    const lost = (amount: number): PaymentEvent[] => [
      { type: 'DisputeOpened', data: { ...dispute, amount } },
      { type: 'DisputeClosed', data: { ...ids, disputeId: 'dp', outcome: 'lost' } },
    ];
    const refundOf = (...history: PaymentEvent[]) => {
      const call = due(...taken, ...history);
      return call?.call === 'refund' ? [call.operationId, call.isForbidden, call.retrieve] : undefined;
    };
    const asked = [refundRequested('r1', 300), refundRequested('r2', 200)];
    const failed: PaymentEvent = { type: 'RefundFailed', data: { ...ids, operationId: 'r1', reason: 'x' } };
    expect(refundOf(...asked, ...lost(700))).to.deep.equal(['r1', false, false]);
    expect(refundOf(...asked, ...lost(701))).to.deep.equal(['r1', true, true]);
    expect(refundOf(...asked, ...lost(701), failed)).to.deep.equal(['r2', false, false]);
    const refunded: PaymentEvent = { type: 'PaymentRefunded', data: { ...ids, operationId: 'r1', amount: 300 } };
    expect(refundOf(...asked, refunded, ...lost(500))).to.deep.equal(['r2', false, false]);
    expect(refundOf(...asked, refunded, ...lost(501))).to.deep.equal(['r2', true, true]);
  });

  it('names the authorisation that is captured or refunded', () => {
    const capturedOf = (authorisationId: string, operationId: string) => [
      { type: 'CaptureRequested', data: { ...ids, operationId, authorisationId, amount: 400 } } as PaymentEvent,
      captured(operationId, 400),
    ];
    const renewal = [lapsed, renewalRequested, renewed];
    const taken = [requested, authorised, ...capturedOf('auth', 'c1'), ...renewal, ...capturedOf('auth2', 'c2')];
    const refundOf = (authorisationId: string): PaymentEvent => ({
      type: 'RefundRequested',
      data: { ...ids, operationId: 'r1', authorisationId, amount: 300, reason: 'damaged' },
    });
    expect(due(...taken.slice(0, -1))?.authorisation.operationId).to.equal('auth2');
    for (const id of ['auth', 'auth2']) expect(due(...taken, refundOf(id))?.authorisation.operationId).to.equal(id);
  });
});

describe('The state of a payment at the provider', () => {
  const nothing: Held = { authorisation: { status: 'none' }, captured: 0, capturable: 0, refunds: [] };
  const holds = {
    status: 'authorised',
    amount: 1000,
    currency: 'GBP',
    providerRef: 'ref',
    multicapture: true,
  } as const;
  const facts = (history: PaymentEvent[], held: Partial<Held>) =>
    factsIn(the(given(history).state), 'auth', { ...nothing, ...held });

  it('is the answer to the authorisation', () => {
    expect(facts([requested], {})).to.deep.equal([]);
    const { status, ...answer } = holds;
    expect(facts([requested], { authorisation: holds })).to.deep.equal([
      { type: 'RecordAuthorised', operationId: 'auth', ...answer },
    ]);
    const action = { providerRef: 'ref', clientSecret: 'secret' };
    expect(facts([requested], { authorisation: { status: 'action_required', ...action } })).to.deep.equal([
      { type: 'RecordActionRequired', operationId: 'auth', ...action },
    ]);
    expect(facts([requested], { authorisation: { status: 'declined', declineCode: 'lost_card' } })).to.deep.equal([
      { type: 'RecordDeclined', operationId: 'auth', declineCode: 'lost_card' },
    ]);
    expect(facts([requested], { authorisation: { status: 'pending' } })).to.deep.equal([
      { type: 'RecordUnknown', operationId: 'auth' },
    ]);
    expect(factsIn(given([requested]).state, 'other', { ...nothing, authorisation: holds })).to.deep.equal([]);
  });

  it('without an authorisation means voided, lapsed or declined, depending on the ledger', () => {
    const authorisation = { status: 'released' } as const;
    expect(facts([requested, authorised, voidRequested], { authorisation })).to.deep.equal([
      { type: 'RecordVoided', operationId: 'void' },
    ]);
    expect(facts([requested, authorised], { authorisation })).to.deep.equal([
      { type: 'RecordLapsed', operationId: 'auth' },
    ]);
    expect(facts([requested, actionRequired], { authorisation })).to.deep.equal([
      { type: 'RecordDeclined', operationId: 'auth', declineCode: 'cancelled' },
    ]);
    const several = [requested, authorised, renewalRequested, voidRequested];
    expect(facts(several, { authorisation })).to.deep.equal([], 'the other one may still hold something');
  });

  it('after a partial capture means lapsed, if the rest is gone and nobody has captured or released it', () => {
    const part = [requested, authorised, captureRequested('c1', 400), captured('c1', 400)];
    const told = (history: PaymentEvent[], sum: number, capturable = 0) =>
      facts(history, { authorisation: holds, captured: sum, capturable }).map(({ type }) => type);
    expect(told(part, 400)).to.deep.equal(['RecordLapsed']);
    expect(told(part, 400, 600)).to.deep.equal(['RecordAuthorised']);
    expect(told(part, 1000)).to.deep.equal(['RecordAuthorised'], 'somebody else has taken it');
    expect(told([...part, captureRequested('c2', 600)], 400)).to.deep.equal(
      ['RecordAuthorised'],
      'we may be taking it',
    );
    expect(told([...part, voidRequested], 400)).to.deep.equal(['RecordAuthorised'], 'we may be letting go of it');
    expect(told([requested, authorised], 0)).to.deep.equal(['RecordAuthorised'], 'of nothing captured it says so');
    expect(told([...part, lapsed], 400)).to.deep.equal(['RecordAuthorised'], 'it is known');
    const whole = [requested, authorised, captureRequested('c1', 1000), captured('c1', 1000)];
    expect(told(whole, 1000)).to.deep.equal(['RecordAuthorised'], 'nothing was left');
    const another = [...part, captureRequested('c2', 300)];
    expect(told(another, 700)).to.deep.equal(['RecordAuthorised', 'RecordCaptured'], 'first what was captured is told');
    const failed: PaymentEvent = { type: 'CaptureFailed', data: { ...ids, operationId: 'c2', reason: 'expired' } };
    expect(told([...another, failed], 400)).to.deep.equal(['RecordLapsed'], 'what failed took nothing');
    const ofRenewal: PaymentEvent = {
      type: 'CaptureRequested',
      data: { ...ids, operationId: 'c2', authorisationId: 'auth2', amount: 300 },
    };
    expect(told([...part, renewalRequested, renewed, ofRenewal], 400)).to.deep.equal(['RecordLapsed'], 'its own count');
  });

  it('tells by its sum which captures were made', () => {
    const history = [requested, authorised, captureRequested('c1', 400), captureRequested('c2', 500)];
    const made = (sum: number) =>
      facts(history, { captured: sum }).map((fact) => ('operationId' in fact ? fact.operationId : fact));
    expect([made(0), made(399), made(400), made(899), made(900)]).to.deep.equal([[], [], ['c1'], ['c1'], ['c1', 'c2']]);
  });

  it('leaves failed captures and those of other authorisations out of that sum, and repeats none', () => {
    const second = { type: 'RecordCaptured', operationId: 'c2', amount: 500 };
    const asked = [requested, authorised, captureRequested('c1', 400), captureRequested('c2', 500)];
    const failed: PaymentEvent = { type: 'CaptureFailed', data: { ...ids, operationId: 'c1', reason: 'expired' } };
    expect(facts([...asked, failed], { captured: 500 })).to.deep.equal([second]);
    expect(facts([...asked, captured('c1', 400)], { captured: 900 })).to.deep.equal([second]);
    const ofRenewal: PaymentEvent = {
      type: 'CaptureRequested',
      data: { ...ids, operationId: 'c2', authorisationId: 'auth2', amount: 500 },
    };
    const renewedAfter = [lapsed, renewalRequested, renewed, ofRenewal];
    const { state } = given([requested, authorised, captureRequested('c1', 400), ...renewedAfter]);
    expect(factsIn(state, 'auth2', { ...nothing, captured: 500 })).to.deep.equal([second]);
  });

  it('contains the provider’s name for a capture, and its fee if it is the only one', () => {
    const details = { providerRef: 'ch_1', fee: { amount: 26, currency: 'GBP' } };
    const history = [requested, authorised, captureRequested('c1', 400)];
    const first = { type: 'RecordCaptured', operationId: 'c1', amount: 400 };
    expect(facts(history, { captured: 400, details })).to.deep.equal([{ ...first, ...details }]);
    const several = facts([...history, captureRequested('c2', 500)], { captured: 900, details });
    expect(several.map((fact) => 'providerRef' in fact && fact.providerRef)).to.deep.equal(['ch_1', 'ch_1']);
    expect(several.filter((fact) => 'fee' in fact)).to.deep.equal([]);
  });

  it('contains our refunds by their key, and ignores others', () => {
    const history = [
      requested,
      authorised,
      captureRequested('c1', 900),
      captured('c1', 900),
      refundRequested('r1', 300),
    ];
    const told = { amount: 300, providerRef: 're' };
    expect(facts(history, { refunds: [{ ...told, operationId: 'r1', status: 'refunded' }] })).to.deep.equal([
      { type: 'RecordRefunded', operationId: 'r1', ...told },
    ]);
    expect(facts(history, { refunds: [{ ...told, operationId: 'r1', status: 'failed' }] })).to.deep.equal([
      { type: 'RecordRefundFailed', operationId: 'r1', reason: 'failed at the provider' },
    ]);
    expect(facts(history, { refunds: [{ ...told, operationId: 're_x', status: 'refunded' }] })).to.deep.equal([]);
    const refunds = [{ ...told, operationId: 'r1', status: 'refunded' } as const];
    expect(facts([...history, refundRequested('r2', 100)], { refunds })).to.have.length(1);
  });
});

describe('Reply, webhook and poll', () => {
  /** A provider's messages about one payment, in their true order. Each may arrive again, late or early. */
  const history: PaymentCommand[] = [
    { type: 'RecordUnknown', operationId: 'auth' },
    { type: 'RecordActionRequired', operationId: 'auth', providerRef: 'ref', clientSecret: 'secret' },
    { type: 'RecordDeclined', operationId: 'auth', declineCode: 'authentication' },
    { type: 'RecordAuthorised', operationId: 'auth', amount: 1000, providerRef: 'ref', multicapture: true },
  ];
  const settled: PaymentCommand[] = [
    { type: 'RecordCaptured', operationId: 'c1', amount: 400 },
    { type: 'RecordCaptured', operationId: 'c2', amount: 600 },
    { type: 'RecordRefunded', operationId: 'r1', amount: 100, providerRef: 're' },
    { type: 'RecordRefunded', operationId: 'r2', amount: 200, providerRef: 're2' },
    { type: 'RecordRefundFailed', operationId: 'r2', reason: 'lost_card' },
    { type: 'RecordDisputeOpened', disputeId: 'dp', amount: 100, reason: 'fraudulent' },
    { type: 'RecordDisputeClosed', disputeId: 'dp', amount: 100, reason: 'fraudulent', outcome: 'lost' },
  ];
  const shuffled = (facts: PaymentCommand[]) =>
    fc
      .array(fc.constantFrom(...facts), { maxLength: 8 })
      .chain((again) => fc.shuffledSubarray([...facts, ...again], { minLength: facts.length + again.length }));

  const tell = (events: PaymentEvent[], facts: readonly PaymentCommand[]) => {
    let state: Payment | null = given(events).state;
    const ledger: PaymentEvent[] = [];
    for (const fact of facts) {
      const decision = payment.decide(fact, state, TEST_NOW);
      if (isRejection(decision)) throw new Error(`${fact.type}: ${decision.detail}`);
      ledger.push(...decision);
      state = fold(payment, state, decision, TEST_NOW);
    }
    return { state: the(state), ledger };
  };

  it('of an authorisation have the same result in any order', () => {
    fc.assert(
      fc.property(shuffled(history), (facts) => {
        const { state, ledger } = tell([requested, opened], facts);
        expect(state.status).to.equal('authorised');
        expect(state.authorisation).to.deep.include({ amount: 1000, providerRef: 'ref', multicapture: true });
        expect(ledger.filter(({ type }) => type === 'PaymentAuthorised').length).to.equal(1);
      }),
    );
  });

  it('of captures, refunds and disputes have the same result in any order, once each', () => {
    const taken = [requested, authorised, captureRequested('c1', 400), captureRequested('c2', 600)];
    const asked = [...taken, refundRequested('r1', 100), refundRequested('r2', 200)];
    const inOrder = tell(asked, settled).state;
    fc.assert(
      fc.property(shuffled(settled), (facts) => {
        const { state, ledger } = tell(asked, facts);
        const outcome = (one: Payment) => ({
          captures: one.captures,
          refunds: one.refunds.map(({ operationId, amount, status }) => ({ operationId, amount, status })),
          disputes: one.disputes,
          captured: capturedOf(one),
          refunded: refundedOf(one),
        });
        expect(outcome(state)).to.deep.equal(outcome(inOrder));
        for (const type of ['PaymentCaptured', 'PaymentRefunded'] as const) {
          const keys = ledger.flatMap((event) => (event.type === type ? [event.data.operationId] : []));
          expect(new Set(keys).size).to.equal(keys.length, `${type} is recorded once`);
        }
        expect(dueCall(state, TEST_NOW)).to.equal(undefined);
      }),
    );
  });

  it('change nothing once the payment is voided', () => {
    fc.assert(
      fc.property(shuffled(history), (facts) => {
        const { ledger } = tell([requested, opened, voidRequested, voided], facts);
        expect(ledger).to.deep.equal([]);
      }),
    );
  });
});
