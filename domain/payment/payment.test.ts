import { expect } from 'chai';
import fc from 'fast-check';
import { isRejection } from '../kernel/errors.js';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../testing/given-when-then.js';
import type { PaymentEvent } from './events.js';
import { dueCall, type Payment, type PaymentCommand, payment, paymentStatusOf } from './payment.js';

const ids = { paymentId: 'payment_1', orderId: 'order_1' };
const terms = { amount: 1000, currency: 'GBP', provider: 'test', method: 'pm_card_visa' } as const;
const auth = { ...ids, operationId: 'auth' };

const requested: PaymentEvent = { type: 'AuthorisationRequested', data: { ...auth, ...terms } };
const authorised: PaymentEvent = { type: 'PaymentAuthorised', data: { ...auth, amount: 1000, providerRef: 'ref' } };
const declined: PaymentEvent = { type: 'AuthorisationDeclined', data: { ...auth, declineCode: 'generic_decline' } };
const unknown: PaymentEvent = { type: 'AuthorisationUnknown', data: auth };
const captureRequested: PaymentEvent = { type: 'CaptureRequested', data: { ...ids, operationId: 'c1', amount: 400 } };
const captured: PaymentEvent = { type: 'PaymentCaptured', data: { ...ids, operationId: 'c1', amount: 400 } };
const voidRequested: PaymentEvent = { type: 'VoidRequested', data: { ...ids, operationId: 'void' } };
const voided: PaymentEvent = { type: 'PaymentVoided', data: { ...ids, operationId: 'void' } };

const request = { type: 'RequestAuthorisation', ...auth, ...terms } as const;
const recordAuthorised = { type: 'RecordAuthorised', operationId: 'auth', amount: 1000, providerRef: 'ref' } as const;
const recordDeclined = { type: 'RecordDeclined', operationId: 'auth', declineCode: 'generic_decline' } as const;
const recordUnknown = { type: 'RecordUnknown', operationId: 'auth' } as const;
const capture = { type: 'RequestCapture', operationId: 'c1', amount: 400 } as const;
const recordCaptured = { type: 'RecordCaptured', operationId: 'c1' } as const;
const requestVoid = { type: 'RequestVoid', ...ids, operationId: 'void' } as const;
const recordVoided = { type: 'RecordVoided', operationId: 'void' } as const;

describe('A payment', () => {
  const { given } = decider(payment);

  it('asks before it is answered', () => {
    given([]).when(request).then([requested]);
    given([requested]).when(recordAuthorised).then([authorised]);
    given([requested]).when(recordDeclined).then([declined]);
    given([]).when(recordAuthorised).thenRejected('not_found');
    for (const answer of [recordAuthorised, recordDeclined, recordUnknown]) {
      given([requested])
        .when({ ...answer, operationId: 'other' })
        .thenRejected('not_found');
    }
  });

  it('stays open while the provider does not say', () => {
    given([requested]).when(recordUnknown).then([unknown]);
    given([requested, unknown]).when(recordAuthorised).then([authorised]);
    given([requested, unknown]).when(recordDeclined).then([declined]);
    given([requested, authorised]).when(recordUnknown).then([]);
    given([requested, declined]).when(recordUnknown).then([]);
  });

  it('keeps the first answer', () => {
    given([requested, declined]).when(recordAuthorised).thenRejected('conflict');
    given([requested, authorised]).when(recordDeclined).thenRejected('conflict');
  });

  it('holds exactly what was asked for', () => {
    given([requested])
      .when({ ...recordAuthorised, amount: 999 })
      .thenRejected('conflict');
  });

  it('has one authorisation', () => {
    for (const history of [[requested], [requested, declined], [requested, authorised]]) {
      given(history)
        .when({ ...request, operationId: 'again' })
        .thenRejected('conflict');
    }
  });

  it('captures no more than is authorised', () => {
    given([requested, authorised]).when(capture).then([captureRequested]);
    given([requested, authorised])
      .when({ ...capture, amount: 1001 })
      .thenRejected('rule_violated');
    given([requested, authorised, captureRequested])
      .when({ ...capture, operationId: 'c2', amount: 601 })
      .thenRejected('rule_violated');
    given([requested, authorised, captureRequested])
      .when({ ...capture, operationId: 'c2', amount: 600 })
      .then([{ type: 'CaptureRequested', data: { ...ids, operationId: 'c2', amount: 600 } }]);
    given([requested, authorised, captureRequested])
      .when({ ...capture, amount: 401 })
      .thenRejected('conflict');
    for (const history of [
      [requested],
      [requested, unknown],
      [requested, declined],
      [requested, authorised, voidRequested],
    ]) {
      given(history).when(capture).thenRejected('rule_violated');
    }
  });

  it('is captured by the capture that was asked for', () => {
    given([requested, authorised, captureRequested]).when(recordCaptured).then([captured]);
    given([requested, authorised, captureRequested])
      .when({ ...recordCaptured, operationId: 'c2' })
      .thenRejected('not_found');
  });

  it('is voided while nothing is captured', () => {
    for (const history of [[requested], [requested, unknown], [requested, authorised]]) {
      given(history).when(requestVoid).then([voidRequested]);
      given([...history, voidRequested])
        .when(recordVoided)
        .then([voided]);
    }
    given([requested, declined]).when(requestVoid).then([]);
    given([requested, authorised, captureRequested]).when(requestVoid).thenRejected('rule_violated');
    given([requested, authorised]).when(recordVoided).thenRejected('not_found');
    given([requested, authorised, voidRequested])
      .when({ ...recordVoided, operationId: 'v' })
      .thenRejected('not_found');
    given([requested, authorised, voidRequested])
      .when({ ...requestVoid, operationId: 'v' })
      .then([]);
  });

  it('that was voided before it was asked for refuses a late authorisation', () => {
    given([]).when(requestVoid).then([voided]);
    given([voided]).when(request).thenRejected('conflict');
    given([voided]).when(recordAuthorised).thenRejected('not_found');
  });

  it('takes no notice of answers once it is being voided', () => {
    for (const answer of [recordAuthorised, recordDeclined, recordUnknown]) {
      given([requested, voidRequested]).when(answer).then([]);
      given([requested, voidRequested, voided]).when(answer).then([]);
    }
  });

  it('says what the provider still has to be asked, and under which key', () => {
    const due = (...history: PaymentEvent[]) => dueCall(given(history).state);
    expect(due()).to.equal(undefined);
    expect(due(requested)).to.deep.equal({ ...auth, ...terms, call: 'authorise', again: false });
    expect(due(requested, unknown)).to.deep.equal({ ...auth, ...terms, call: 'authorise', again: true });
    expect(due(requested, authorised)).to.equal(undefined);
    expect(due(requested, declined)).to.equal(undefined);
    const settling = { ...ids, ...terms, of: 'auth' };
    expect(due(requested, authorised, captureRequested)).to.deep.equal({
      ...settling,
      call: 'capture',
      operationId: 'c1',
      amount: 400,
      providerRef: 'ref',
    });
    expect(due(requested, authorised, captureRequested, captured)).to.equal(undefined);
    expect(due(requested, voidRequested)).to.deep.equal({ ...settling, call: 'void', operationId: 'void' });
    expect(due(requested, authorised, voidRequested)).to.deep.include({ call: 'void', providerRef: 'ref' });
    expect(due(requested, voidRequested, voided)).to.equal(undefined);
    expect(due(voided)).to.equal(undefined);
  });

  it('has a status that follows from its ledger', () => {
    const status = (...history: PaymentEvent[]) => paymentStatusOf(given(history).state);
    const rest = { ...ids, operationId: 'c2', amount: 600 };
    const all: PaymentEvent[] = [
      { type: 'CaptureRequested', data: rest },
      { type: 'PaymentCaptured', data: rest },
    ];
    expect(status()).to.equal('not_paid');
    expect(status(requested)).to.equal('pending');
    expect(status(requested, unknown)).to.equal('pending');
    expect(status(requested, declined)).to.equal('declined');
    expect(status(requested, authorised)).to.equal('authorised');
    expect(status(requested, authorised, captureRequested)).to.equal('authorised');
    expect(status(requested, authorised, captureRequested, captured)).to.equal('partially_captured');
    expect(status(requested, authorised, captureRequested, captured, ...all)).to.equal('captured');
    expect(status(requested, authorised, captureRequested, all[0]!, captured)).to.equal('partially_captured');
    expect(status(requested, voidRequested)).to.equal('pending');
    expect(status(requested, voidRequested, voided)).to.equal('voided');
  });

  it('of nothing is captured only once that is said', () => {
    const free: PaymentEvent[] = [
      { type: 'AuthorisationRequested', data: { ...auth, ...terms, amount: 0 } },
      { type: 'PaymentAuthorised', data: { ...auth, amount: 0, providerRef: 'ref' } },
    ];
    expect(paymentStatusOf(given(free).state)).to.equal('authorised');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(payment, {
      RequestAuthorisation: { given: [], when: request },
      RecordAuthorised: { given: [requested], when: recordAuthorised },
      RecordDeclined: { given: [requested], when: recordDeclined },
      RecordUnknown: { given: [requested], when: recordUnknown },
      RequestCapture: { given: [requested, authorised], when: capture },
      RecordCaptured: { given: [requested, authorised, captureRequested], when: recordCaptured },
      RequestVoid: { given: [], when: requestVoid },
      RecordVoided: { given: [requested, voidRequested], when: recordVoided },
    });
    given([requested, voidRequested]).when(requestVoid).then([]);
  });

  it('never captures more than it was authorised for, nor anything once voided, under any sequence of commands', () => {
    const amounts = fc.integer({ min: 1, max: 700 });
    const commands: fc.Arbitrary<PaymentCommand> = fc.oneof(
      fc.constantFrom(request, recordAuthorised, recordDeclined, recordUnknown, requestVoid, recordVoided),
      fc
        .tuple(fc.constantFrom('c1', 'c2', 'c3'), amounts)
        .map(([operationId, amount]) => ({ ...capture, operationId, amount })),
      fc.constantFrom('c1', 'c2', 'c3').map((operationId) => ({ ...recordCaptured, operationId })),
    );
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 40, size: 'max' }), (sequence) => {
        let state: Payment | null = null;
        const ledger: PaymentEvent[] = [];
        for (const command of sequence) {
          const decision = payment.decide(command, state, TEST_NOW);
          if (isRejection(decision)) continue;
          state = fold(payment, state as Payment | null, decision, TEST_NOW);
          ledger.push(...decision);
          const types = ledger.map(({ type }) => type);
          const total = (wanted: string) =>
            ledger.reduce((all, { type, data }) => all + (type === wanted && 'amount' in data ? data.amount : 0), 0);
          expect(total('CaptureRequested')).to.be.at.most(total('PaymentAuthorised'));
          expect(total('PaymentCaptured')).to.be.at.most(total('CaptureRequested'));
          expect(types.filter((type) => type === 'PaymentAuthorised').length).to.be.at.most(1);
          if (types.includes('PaymentVoided')) {
            expect(types.at(-1), 'nothing comes after a void').to.equal('PaymentVoided');
            expect(total('CaptureRequested')).to.equal(0);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
