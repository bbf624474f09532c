import { expect } from 'chai';
import fc from 'fast-check';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import { isRejection } from '../kernel/rejection.js';
import type { PaymentEvent } from './events.js';
import {
  authorisationsOf,
  capturedOf,
  givenFor,
  heldOf,
  isPaidAhead,
  lapsedOf,
  type Payment,
  paidFor,
  paymentStatusOf,
  publicDeclineCode,
  refundableOf,
  refundedOf,
  refundId,
} from './ledger.js';
import { PARKED_AFTER_MS, parkedOperations } from './parked.js';
import { isRenewalDue, type PaymentCommand, payment, RENEW_WITHIN_MS } from './payment.js';

const ids = { paymentId: 'payment_1', orderId: 'order_1' };
const terms = { amount: 1000, currency: 'GBP', provider: 'test', method: 'pm_card_visa' } as const;
const auth = { ...ids, operationId: 'auth' };
const renewal = { ...ids, operationId: 'auth2' };
const held = { amount: 1000, providerRef: 'ref' };
const multicapture = true;
const LAPSES_AT = TEST_NOW + RENEW_WITHIN_MS + 1000;
const captureBefore = new Date(LAPSES_AT).toISOString();

const requested: PaymentEvent = { type: 'AuthorisationRequested', data: { ...auth, ...terms } };
const opened: PaymentEvent = { type: 'PaymentIntentOpened', data: { ...auth, providerRef: 'ref' } };
const actionRequired: PaymentEvent = {
  type: 'PaymentActionRequired',
  data: { ...auth, providerRef: 'ref', clientSecret: 'secret' },
};
const authorised: PaymentEvent = { type: 'PaymentAuthorised', data: { ...auth, ...held, multicapture } };
const authorisedOnce: PaymentEvent = { type: 'PaymentAuthorised', data: { ...auth, ...held } };
const authorisedForAWhile: PaymentEvent = {
  type: 'PaymentAuthorised',
  data: { ...auth, ...held, captureBefore, multicapture },
};
const declined: PaymentEvent = { type: 'AuthorisationDeclined', data: { ...auth, declineCode: 'generic_decline' } };
const unknown: PaymentEvent = { type: 'AuthorisationUnknown', data: auth };
const lapsed: PaymentEvent = { type: 'AuthorisationLapsed', data: auth };
const captureRequested: PaymentEvent = { type: 'CaptureRequested', data: { ...ids, operationId: 'c1', amount: 400 } };
const captured: PaymentEvent = { type: 'PaymentCaptured', data: { ...ids, operationId: 'c1', amount: 400 } };
const captureFailed: PaymentEvent = { type: 'CaptureFailed', data: { ...ids, operationId: 'c1', reason: 'expired' } };
const voidRequested: PaymentEvent = { type: 'VoidRequested', data: { ...ids, operationId: 'void' } };
const voided: PaymentEvent = { type: 'PaymentVoided', data: { ...ids, operationId: 'void' } };
const LATE = TEST_NOW + PARKED_AFTER_MS;
const stateDone = (operationId: string) =>
  ({ type: 'ResolveOperation', operationId, outcome: 'done', reason: 'seen in the dashboard' }) as const;
const stateFailed = (operationId: string) =>
  ({ type: 'ResolveOperation', operationId, outcome: 'failed', reason: 'seen in the dashboard' }) as const;
const refundRequested: PaymentEvent = {
  type: 'RefundRequested',
  data: { ...ids, operationId: 'r1', amount: 300, reason: 'damaged' },
};
const refunded: PaymentEvent = {
  type: 'PaymentRefunded',
  data: { ...ids, operationId: 'r1', amount: 300, providerRef: 're' },
};
const refundFailed: PaymentEvent = { type: 'RefundFailed', data: { ...ids, operationId: 'r1', reason: 'lost_card' } };
const dispute = { ...ids, disputeId: 'dp', amount: 150, reason: 'fraudulent' };
const disputeOpened: PaymentEvent = { type: 'DisputeOpened', data: dispute };
const disputeClosed = (outcome: 'won' | 'lost'): PaymentEvent => ({
  type: 'DisputeClosed',
  data: { ...ids, disputeId: 'dp', outcome },
});
const renewalRequested: PaymentEvent = { type: 'AuthorisationRequested', data: { ...renewal, ...terms } };
const renewed: PaymentEvent = {
  type: 'PaymentAuthorised',
  data: { ...renewal, amount: 1000, providerRef: 'ref2', multicapture },
};

const isCaptured = [requested, authorised, captureRequested, captured];

const request = { type: 'RequestAuthorisation', ...auth, ...terms } as const;
const renew = { type: 'RenewAuthorisation', operationId: 'auth2', method: 'pm_card_visa' } as const;
const recordOpened = { type: 'RecordIntentOpened', operationId: 'auth', providerRef: 'ref' } as const;
const recordActionRequired = {
  type: 'RecordActionRequired',
  operationId: 'auth',
  providerRef: 'ref',
  clientSecret: 'secret',
} as const;
const recordAuthorised = { type: 'RecordAuthorised', operationId: 'auth', ...held, multicapture } as const;
const recordDeclined = { type: 'RecordDeclined', operationId: 'auth', declineCode: 'generic_decline' } as const;
const recordUnknown = { type: 'RecordUnknown', operationId: 'auth' } as const;
const recordLapsed = { type: 'RecordLapsed', operationId: 'auth' } as const;
const capture = { type: 'RequestCapture', operationId: 'c1', amount: 400 } as const;
const recordCaptured = { type: 'RecordCaptured', operationId: 'c1' } as const;
const recordCaptureFailed = { type: 'RecordCaptureFailed', operationId: 'c1', reason: 'expired' } as const;
const requestVoid = { type: 'RequestVoid', ...ids, operationId: 'void' } as const;
const recordVoided = { type: 'RecordVoided', operationId: 'void' } as const;
const refund = { type: 'RequestRefund', operationId: 'r1', amount: 300, reason: 'damaged' } as const;
const recordRefunded = { type: 'RecordRefunded', operationId: 'r1', providerRef: 're' } as const;
const recordRefundFailed = { type: 'RecordRefundFailed', operationId: 'r1', reason: 'lost_card' } as const;
const disputeTerms = { disputeId: 'dp', amount: 150, reason: 'fraudulent' };
const recordDisputeOpened = { type: 'RecordDisputeOpened', ...disputeTerms } as const;
const recordDisputeLost = { type: 'RecordDisputeClosed', ...disputeTerms, outcome: 'lost' } as const;

const { given } = decider(payment);

describe('A payment', () => {
  it('records the request before the answer', () => {
    given([]).when(request).then([requested]);
    given([requested]).when(recordAuthorised).then([authorised]);
    given([requested]).when(recordDeclined).then([declined]);
    given([]).when(recordAuthorised).thenRejected('not_found');
    for (const answer of [recordOpened, recordActionRequired, recordAuthorised, recordDeclined, recordUnknown]) {
      given([requested])
        .when({ ...answer, operationId: 'other' })
        .thenRejected('not_found');
    }
  });

  it('stays open while the outcome is unknown', () => {
    given([requested]).when(recordUnknown).then([unknown]);
    given([requested, unknown]).when(recordAuthorised).then([authorised]);
    given([requested, unknown]).when(recordDeclined).then([declined]);
    given([requested, unknown]).when(recordActionRequired).then([actionRequired]);
    for (const answered of [authorised, declined, actionRequired]) {
      given([requested, answered]).when(recordUnknown).then([]);
    }
  });

  it('has a name at the provider before money is requested', () => {
    given([requested]).when(recordOpened).then([opened]);
    given([requested, voidRequested]).when(recordOpened).then([opened]);
    given([requested, voidRequested, voided]).when(recordOpened).then([]);
    for (const answer of [recordOpened, recordActionRequired, recordAuthorised]) {
      given([requested, opened])
        .when({ ...answer, providerRef: 'another' })
        .thenRejected('conflict');
    }
  });

  it('waits for the customer if that is required', () => {
    given([requested]).when(recordActionRequired).then([actionRequired]);
    given([requested, actionRequired]).when(recordAuthorised).then([authorised]);
    given([requested, actionRequired]).when(recordDeclined).then([declined]);
    for (const answered of [authorised, declined]) {
      given([requested, opened, answered]).when(recordActionRequired).then([]);
    }
    given([{ ...requested, data: { ...requested.data, customerId: 'customer_1' } } as PaymentEvent])
      .when(recordActionRequired)
      .then([{ ...actionRequired, data: { ...actionRequired.data, customerId: 'customer_1' } } as PaymentEvent]);
  });

  it('is authorised after a decline only by an intent that the customer pays', () => {
    given([requested, opened, declined]).when(recordAuthorised).then([authorised]);
    given([requested, declined]).when(recordAuthorised).thenRejected('conflict');
    given([requested, authorised]).when(recordDeclined).then([]);
    given([requested, lapsed]).when(recordDeclined).then([]);
  });

  it('holds exactly the requested amount and currency', () => {
    for (const other of [{ amount: 999 }, { currency: 'EUR' }]) {
      given([requested])
        .when({ ...recordAuthorised, ...other })
        .thenRejected('conflict');
    }
    given([requested])
      .when({ ...recordAuthorised, currency: 'GBP' })
      .then([authorised]);
  });

  it('stores when its authorisation lapses', () => {
    given([requested])
      .when({ ...recordAuthorised, captureBefore })
      .then([authorisedForAWhile]);
  });

  it('stores the provider’s details of card and risk, with the digits sealed for its customer', () => {
    const told = { card: { brand: 'visa', threeDSecure: 'authenticated' }, risk: { level: 'normal', score: 7 } };
    const answer = { type: 'RecordAuthorised', operationId: 'auth', ...held, ...told } as const;
    given([requested])
      .when(answer)
      .then([{ type: 'PaymentAuthorised', data: { ...auth, ...held, ...told } }]);
    const customerId = 'customer_ada';
    const withDigits: PaymentEvent = {
      type: 'PaymentAuthorised',
      data: { ...auth, customerId, ...held, ...told, last4: '4242' },
    };
    given([{ type: 'AuthorisationRequested', data: { ...auth, ...terms, customerId } }])
      .when({ ...answer, last4: '4242' })
      .then([withDigits]);
    expect(given([requested, withDigits]).state.authorisation).to.deep.include({ ...told, last4: '4242' });
  });

  it('stores the provider’s name for a capture, and its fee', () => {
    const details = { providerRef: 'ch_1', fee: { amount: 26, currency: 'GBP' } };
    const done: PaymentEvent = {
      type: 'PaymentCaptured',
      data: { ...ids, operationId: 'c1', amount: 400, ...details },
    };
    given([requested, authorised, captureRequested])
      .when({ type: 'RecordCaptured', operationId: 'c1', ...details })
      .then([done]);
    expect(given([requested, authorised, captureRequested, done]).state.captures[0]).to.deep.include(details);
  });

  it('has one authorisation at a time', () => {
    for (const history of [[requested], [requested, declined], [requested, authorised]]) {
      given(history)
        .when({ ...request, operationId: 'again' })
        .thenRejected('conflict');
      given(history).when(request).then([]);
    }
  });

  /** The capture must fail, so the provider is not called. */
  const inVain = (operationId: string, amount: number, reason: string): PaymentEvent[] => [
    { type: 'CaptureRequested', data: { ...ids, operationId, amount } },
    { type: 'CaptureFailed', data: { ...ids, operationId, reason } },
  ];

  it('captures no more than was authorised', () => {
    given([requested, authorised]).when(capture).then([captureRequested]);
    given([requested, authorised])
      .when({ ...capture, amount: 1001 })
      .then(inVain('c1', 1001, 'only 1000 is held'));
    given([requested, authorised, captureRequested])
      .when({ ...capture, operationId: 'c2', amount: 601 })
      .then(inVain('c2', 601, 'only 600 is held'));
    given([requested, authorised, captureRequested])
      .when({ ...capture, operationId: 'c2', amount: 600 })
      .then([{ type: 'CaptureRequested', data: { ...ids, operationId: 'c2', amount: 600, final: true } }]);
    given([requested, authorised, captureRequested, captureFailed])
      .when({ ...capture, operationId: 'c2', amount: 1000 })
      .then([{ type: 'CaptureRequested', data: { ...ids, operationId: 'c2', amount: 1000, final: true } }]);
    given([requested, authorised, captureRequested])
      .when({ ...capture, amount: 401 })
      .thenRejected('conflict');
  });

  it('captures nothing while the authorisation is unknown, and fails to once nothing is authorised', () => {
    for (const history of [[requested], [requested, unknown], [requested, actionRequired]]) {
      given(history).when(capture).thenRejected('rule_violated');
    }
    for (const [history, status] of [
      [[requested, declined], 'declined'],
      [[requested, authorised, lapsed], 'lapsed'],
      [[requested, authorised, voidRequested], 'void_requested'],
      [[requested, authorised, captureRequested, captured, lapsed], 'lapsed'],
    ] as const) {
      const again = { ...capture, operationId: 'c2' };
      const failed = inVain('c2', 400, `the payment is ${status}`);
      given(history).when(again).then(failed);
      given([...history, ...failed])
        .when(again)
        .then([]);
    }
  });

  it('releases the rest with the last capture', () => {
    const last: PaymentEvent = {
      type: 'CaptureRequested',
      data: { ...ids, operationId: 'c1', amount: 400, final: true },
    };
    given([requested, authorised])
      .when({ ...capture, final: true })
      .then([last]);
    given([requested, authorised, last])
      .when({ ...capture, operationId: 'c2' })
      .then(inVain('c2', 400, 'only 0 is held'));
    given([requested, authorised, last]).when(requestVoid).then([]);
  });

  it('that can be captured once is captured in full with the first part, and later parts do nothing', () => {
    const first = { ...capture, rest: 500 };
    const whole: PaymentEvent = {
      type: 'CaptureRequested',
      data: { ...ids, operationId: 'c1', amount: 900, final: true },
    };
    given([requested, authorisedOnce]).when(first).then([whole]);
    given([requested, authorised]).when(first).then([captureRequested]);
    given([requested, authorisedOnce, whole]).when(first).then([]);
    for (const history of [
      [requested, authorisedOnce, whole],
      [requested, authorisedOnce, whole, lapsed],
    ]) {
      given(history)
        .when({ ...capture, operationId: 'c2' })
        .then([]);
    }
    given([requested, authorisedOnce, whole, captureFailed])
      .when({ ...first, operationId: 'c2' })
      .then([{ ...whole, data: { ...whole.data, operationId: 'c2' } } as PaymentEvent]);
  });

  it('that is captured in parts recognises each by its own amount, not by the rest', () => {
    given([requested, authorised, captureRequested])
      .when({ ...capture, rest: 500 })
      .then([]);
    given([requested, authorised, captureRequested])
      .when({ ...capture, amount: 300, rest: 50 })
      .thenRejected('conflict');
  });

  it('is captured only by a capture that was requested', () => {
    given([requested, authorised, captureRequested]).when(recordCaptured).then([captured]);
    given([requested, authorised, captureRequested])
      .when({ ...recordCaptured, amount: 400 })
      .then([captured]);
    given([requested, authorised, captureRequested])
      .when({ ...recordCaptured, amount: 399 })
      .thenRejected('conflict');
    for (const answer of [recordCaptured, recordCaptureFailed]) {
      given([requested, authorised, captureRequested])
        .when({ ...answer, operationId: 'c2' })
        .thenRejected('not_found');
    }
    given([requested, authorised, captureRequested]).when(recordCaptureFailed).then([captureFailed]);
    given(isCaptured).when(recordCaptureFailed).then([]);
    given([requested, authorised, captureRequested, captureFailed]).when(recordCaptured).thenRejected('conflict');
  });

  it('is voided while money is or may be authorised', () => {
    for (const history of [
      [requested],
      [requested, unknown],
      [requested, actionRequired],
      [requested, authorised],
      [requested, opened, declined],
      isCaptured,
    ]) {
      given(history).when(requestVoid).then([voidRequested]);
      given([...history, voidRequested])
        .when(recordVoided)
        .then([voided]);
    }
    given([requested, declined]).when(requestVoid).then([]);
    given([requested, authorised, lapsed]).when(requestVoid).then([]);
    given([requested, authorised, lapsed, renewalRequested, renewed]).when(requestVoid).then([voidRequested]);
    given([requested, authorised]).when(recordVoided).thenRejected('not_found');
    given([requested, authorised, voidRequested])
      .when({ ...recordVoided, operationId: 'v' })
      .thenRejected('not_found');
    given([requested, authorised, voidRequested])
      .when({ ...requestVoid, operationId: 'v' })
      .then([]);
  });

  it('that was voided before it was requested refuses a late authorisation', () => {
    given([]).when(requestVoid).then([voided]);
    given([voided]).when(request).thenRejected('conflict');
    given([voided]).when(recordAuthorised).thenRejected('not_found');
    given([voided]).when({ type: 'RequestCapture', operationId: 'capture', amount: 500 }).thenRejected('rule_violated');
    expect(given([voided]).state?.void).to.deep.equal({ operationId: 'void', requestedAt: TEST_NOW });
  });

  it('distinguishes, once it is voided, released authorisations from lapsed ones', () => {
    const became = (...history: PaymentEvent[]) =>
      authorisationsOf(the(given(history).state)).map(({ operationId, status }) => [operationId, status]);
    expect(became(requested, authorised, lapsed, renewalRequested, renewed, voidRequested, voided)).to.deep.equal([
      ['auth', 'lapsed'],
      ['auth2', 'voided'],
    ]);
    expect(became(requested, authorised, renewalRequested, voidRequested, voided)).to.deep.equal([
      ['auth', 'voided'],
      ['auth2', 'voided'],
    ]);
    expect(became(voided)).to.deep.equal([]);
  });

  it('ignores answers once a void is requested', () => {
    for (const answer of [recordAuthorised, recordDeclined, recordUnknown, recordActionRequired, recordLapsed]) {
      given([requested, voidRequested]).when(answer).then([]);
      given([requested, voidRequested, voided]).when(answer).then([]);
    }
  });

  it('of zero skips the provider', () => {
    const free = { ...request, amount: 0 };
    const asked: PaymentEvent[] = [
      { type: 'AuthorisationRequested', data: { ...auth, ...terms, amount: 0 } },
      { type: 'PaymentAuthorised', data: { ...auth, amount: 0, providerRef: 'nothing_to_pay' } },
    ];
    const taken: PaymentEvent[] = [
      { type: 'CaptureRequested', data: { ...ids, operationId: 'c1', amount: 0 } },
      { type: 'PaymentCaptured', data: { ...ids, operationId: 'c1', amount: 0 } },
    ];
    given([]).when(free).then(asked);
    given(asked)
      .when({ ...capture, amount: 0 })
      .then(taken);
    given(asked).when(requestVoid).then([voided]);
    given([...asked, ...taken])
      .when(requestVoid)
      .then([]);
    expect(paymentStatusOf(given(asked).state)).to.equal('authorised');
    expect(paymentStatusOf(given([...asked, ...taken]).state)).to.equal('captured');
  });

  it('refunds no more than is captured and not refunded', () => {
    given(isCaptured).when(refund).then([refundRequested]);
    given(isCaptured)
      .when({ ...refund, amount: 401 })
      .thenRejected('rule_violated', { refundable: 400 });
    given([...isCaptured, refundRequested])
      .when({ ...refund, operationId: 'r2', amount: 101 })
      .thenRejected('rule_violated', { refundable: 100 });
    given([...isCaptured, refundRequested, refundFailed])
      .when({ ...refund, operationId: 'r2' })
      .then([{ ...refundRequested, data: { ...refundRequested.data, operationId: 'r2' } } as PaymentEvent]);
    given([...isCaptured, refundRequested])
      .when({ ...refund, amount: 299 })
      .thenRejected('conflict');
    given([requested, authorised, captureRequested]).when(refund).thenRejected('rule_violated', { refundable: 0 });
  });

  it('says for an excessive refund how much is left, or that nothing is captured yet', () => {
    const refusalOf = (events: PaymentEvent[]) =>
      payment.decide({ ...refund, amount: 401 }, given(events).state, TEST_NOW);
    expect(refusalOf(isCaptured))
      .to.have.property('detail')
      .that.includes('has 400 left to refund')
      .and.includes('GBP');
    expect(refusalOf([requested, authorised]))
      .to.have.property('detail')
      .that.includes('is captured yet');
  });

  it('hides a theft from its customer behind a general decline, and shows other reasons', () => {
    for (const code of ['fraudulent', 'lost_card', 'stolen_card', 'pickup_card', 'merchant_blacklist']) {
      expect(publicDeclineCode(code), code).to.equal('generic_decline');
    }
    expect(publicDeclineCode('insufficient_funds')).to.equal('insufficient_funds');
  });

  it('refunds in its own currency', () => {
    const { currency } = requested.data;
    given(isCaptured)
      .when({ ...refund, currency })
      .then([refundRequested]);
    given(isCaptured)
      .when({ ...refund, currency: 'JPY' })
      .thenRejected('rule_violated');
    given([voided])
      .when({ ...refund, currency })
      .thenRejected('rule_violated', { refundable: 0 });
  });

  it('is refunded only by a refund that was requested, unless that one fails later', () => {
    const asked = [...isCaptured, refundRequested];
    given(asked).when(recordRefunded).then([refunded]);
    given(asked)
      .when({ type: 'RecordRefunded', operationId: 'r1' })
      .then([{ type: 'PaymentRefunded', data: { ...ids, operationId: 'r1', amount: 300 } }]);
    given(asked)
      .when({ ...recordRefunded, amount: 299 })
      .thenRejected('conflict');
    for (const answer of [recordRefunded, recordRefundFailed]) {
      given(isCaptured).when(answer).thenRejected('not_found');
    }
    given([...asked, refunded])
      .when(recordRefundFailed)
      .then([refundFailed]);
    given([...asked, refundFailed])
      .when(recordRefunded)
      .then([]);
  });

  it('is not refunded while a bank decides, nor a second time afterwards', () => {
    given(isCaptured).when(recordDisputeOpened).then([disputeOpened]);
    given([...isCaptured, disputeOpened])
      .when(refund)
      .thenRejected('rule_violated');
    given([...isCaptured, disputeOpened])
      .when(recordDisputeLost)
      .then([disputeClosed('lost')]);
    given([...isCaptured, disputeOpened, disputeClosed('lost')])
      .when(refund)
      .thenRejected('rule_violated', { refundable: 250 });
    given([...isCaptured, disputeOpened, disputeClosed('won')])
      .when(refund)
      .then([refundRequested]);
  });

  it('keeps its disputes separate', () => {
    const another = { ...disputeTerms, disputeId: 'dp2', amount: 50 };
    const anotherOpened: PaymentEvent = { type: 'DisputeOpened', data: { ...ids, ...another } };
    given([...isCaptured, disputeOpened])
      .when({ ...another, type: 'RecordDisputeOpened' })
      .then([anotherOpened]);
    given([...isCaptured, disputeOpened, anotherOpened, disputeClosed('won')])
      .when(refund)
      .thenRejected('rule_violated');
  });

  it('accepts the end of a dispute before its beginning', () => {
    given(isCaptured)
      .when(recordDisputeLost)
      .then([disputeOpened, disputeClosed('lost')]);
    given([...isCaptured, disputeOpened, disputeClosed('lost')])
      .when(recordDisputeOpened)
      .then([]);
    given([...isCaptured, disputeOpened, disputeClosed('lost')])
      .when({ ...recordDisputeLost, outcome: 'won' })
      .thenRejected('conflict');
    given([...isCaptured, disputeOpened])
      .when({ ...recordDisputeOpened, amount: 151 })
      .thenRejected('conflict');
  });

  it('is renewed for its uncaptured amount, once it has lapsed or soon will', () => {
    const rest: PaymentEvent = { type: 'AuthorisationRequested', data: { ...renewal, ...terms, amount: 600 } };
    given([...isCaptured, lapsed])
      .when(renew)
      .then([rest]);
    given([requested, authorised, lapsed]).when(renew).then([renewalRequested]);
    given([requested, authorised, lapsed])
      .when({ ...renew, amount: 600 })
      .then([rest]);
    given([requested, authorised, lapsed])
      .when({ ...renew, amount: 1001 })
      .then([renewalRequested]);
    given([requested, authorised, lapsed])
      .when({ ...renew, amount: 0 })
      .thenRejected('rule_violated');
    given([requested, authorisedForAWhile]).when(renew).thenRejected('rule_violated');
    given([requested, authorisedForAWhile])
      .when(renew, LAPSES_AT - RENEW_WITHIN_MS)
      .then([renewalRequested]);
    given([requested, authorisedForAWhile])
      .when(renew, LAPSES_AT - RENEW_WITHIN_MS - 1)
      .thenRejected('rule_violated');
    given([requested, authorised, lapsed, renewalRequested]).when(renew).then([]);
    given([requested, authorisedForAWhile, voidRequested])
      .when(renew, LAPSES_AT - RENEW_WITHIN_MS)
      .thenRejected('rule_violated');
    for (const history of [
      [requested],
      [requested, declined],
      [requested, authorised],
      [requested, authorised, voidRequested],
      [requested, authorised, lapsed, renewalRequested],
      [requested, authorised, lapsed, renewalRequested, renewed, voidRequested],
      [voided],
    ]) {
      given(history)
        .when({ ...renew, operationId: 'auth3' })
        .thenRejected('rule_violated');
    }
    given([
      requested,
      authorised,
      { ...captureRequested, data: { ...captureRequested.data, amount: 1000 } },
      lapsed,
    ] as PaymentEvent[])
      .when(renew)
      .thenRejected('rule_violated');
  });

  it('is renewed for the same customer', () => {
    const by = <E extends PaymentEvent>(event: E): E => ({
      ...event,
      data: { ...event.data, customerId: 'customer_1' },
    });
    given([by(requested), authorised, lapsed])
      .when(renew)
      .then([by(renewalRequested)]);
  });

  it('is due for renewal a day before its authorisation lapses, while money is authorised', () => {
    expect(RENEW_WITHIN_MS).to.equal(86_400_000);
    const isDue = (now: number, ...history: PaymentEvent[]) => isRenewalDue(the(given(history).state), now);
    const soon = LAPSES_AT - RENEW_WITHIN_MS;
    const whole = { ...ids, operationId: 'c1', amount: 1000 };
    expect(isDue(soon, requested, authorisedForAWhile)).to.equal(true);
    expect(isDue(soon - 1, requested, authorisedForAWhile)).to.equal(false);
    expect(isDue(soon, requested, authorised)).to.equal(false, 'it does not lapse');
    expect(isDue(soon, requested, authorisedForAWhile, { type: 'CaptureRequested', data: whole })).to.equal(false);
    for (const history of [[requested], [requested, authorisedForAWhile, voidRequested]]) {
      expect(isDue(soon, ...history)).to.equal(false);
    }
  });

  it('shows its lapsed authorisation, unless another one replaces it or it is voided', () => {
    const lapsedBy = (...history: PaymentEvent[]) => lapsedOf(the(given(history).state))?.operationId;
    const renewalLapsed: PaymentEvent = { type: 'AuthorisationLapsed', data: renewal };
    expect(lapsedBy(requested, authorised)).to.equal(undefined);
    expect(lapsedBy(requested, unknown)).to.equal(undefined);
    expect(lapsedBy(requested, authorised, lapsed)).to.equal('auth');
    expect(lapsedBy(requested, authorised, lapsed, renewalRequested)).to.equal('auth');
    expect(lapsedBy(requested, authorised, lapsed, renewalRequested, renewed)).to.equal(undefined);
    expect(lapsedBy(requested, authorised, lapsed, renewalRequested, renewed, renewalLapsed)).to.equal('auth2');
    expect(lapsedBy(requested, authorised, lapsed, renewalRequested, voidRequested)).to.equal(undefined);
  });

  it('whose renewal is declined may be renewed again, and keeps what is still authorised', () => {
    const renewalDeclined: PaymentEvent = {
      type: 'AuthorisationDeclined',
      data: { ...renewal, declineCode: 'expired_card' },
    };
    const history = [requested, authorisedForAWhile, renewalRequested, renewalDeclined];
    given(history)
      .when({ ...renew, operationId: 'auth3' })
      .then([{ type: 'AuthorisationRequested', data: { ...ids, ...terms, operationId: 'auth3' } }]);
    given(history)
      .when(capture)
      .then([{ type: 'CaptureRequested', data: { ...ids, operationId: 'c1', authorisationId: 'auth', amount: 400 } }]);
    expect(paymentStatusOf(given(history).state)).to.equal('authorised');
  });

  it('is captured from its renewal once that is authorised, and refunded from the latest first', () => {
    const history: PaymentEvent[] = [...isCaptured, lapsed];
    const rest: PaymentEvent[] = [
      { type: 'AuthorisationRequested', data: { ...renewal, ...terms, amount: 600 } },
      { type: 'PaymentAuthorised', data: { ...renewal, amount: 600, providerRef: 'ref2' } },
    ];
    const second: PaymentEvent = {
      type: 'CaptureRequested',
      data: { ...ids, operationId: 'c2', authorisationId: 'auth2', amount: 600, final: true },
    };
    given([...history, ...rest])
      .when({ ...capture, operationId: 'c2', amount: 600 })
      .then([second]);
    const refundOf = (operationId: string, authorisationId: string, amount: number): PaymentEvent => ({
      type: 'RefundRequested',
      data: { ...ids, operationId, authorisationId, amount, reason: 'damaged' },
    });
    const both = [refundOf('r1', 'auth2', 600), refundOf('r1#2', 'auth', 100)];
    const asked = [...history, ...rest, second];
    const taken: PaymentEvent[] = [
      ...asked,
      { type: 'PaymentCaptured', data: { ...ids, operationId: 'c2', amount: 600 } },
    ];
    given(taken)
      .when({ ...refund, amount: 700 })
      .then(both);
    given([...taken, ...both])
      .when({ ...refund, amount: 700 })
      .then([]);
    // Each part has its own taxes. Together they are the taxes of the whole.
    const [latest, earliest] = both.map(({ data }) => data) as [object, object];
    const rate = (net: number, tax: number) => [{ country: 'GB', basisPoints: 2_000, net, tax }];
    given(taken)
      .when({ ...refund, amount: 700, taxes: rate(291, 59), location: 'leeds' })
      .then([
        { type: 'RefundRequested', data: { ...latest, taxes: rate(249, 51), location: 'leeds' } as never },
        { type: 'RefundRequested', data: { ...earliest, taxes: rate(42, 8), location: 'leeds' } as never },
      ]);
    given([...taken, ...both])
      .when({ ...refund, operationId: 'r2' })
      .then([refundOf('r2', 'auth', 300)]);
    given(asked)
      .when(refund)
      .then([refundOf('r1', 'auth', 300)]);
  });

  it('is paid ahead once an authorisation that can be captured only once is captured, or about to be', () => {
    const isAhead = (...history: PaymentEvent[]) => isPaidAhead(the(given(history).state));
    const renewedOnce: PaymentEvent = { type: 'PaymentAuthorised', data: { ...renewal, ...held, providerRef: 'ref2' } };
    expect(isAhead(requested, authorisedOnce)).to.equal(false);
    expect(isAhead(requested, authorisedOnce, captureRequested)).to.equal(true);
    expect(isAhead(requested, authorisedOnce, captureRequested, captured)).to.equal(true);
    expect(isAhead(requested, authorisedOnce, captureRequested, captureFailed)).to.equal(false);
    expect(isAhead(...isCaptured)).to.equal(false);
    expect(isAhead(...isCaptured, lapsed, renewalRequested, renewedOnce)).to.equal(false);
  });

  it('counts for an order the captured amount, less the refunds for its operations', () => {
    const paid = (...history: PaymentEvent[]) => paidFor(the(given(history).state), ['shipment_1', 'return_1']);
    const id = { ...ids, operationId: refundId('return_1') };
    const givenBack: PaymentEvent = { type: 'RefundRequested', data: { ...id, amount: 100, reason: 'return' } };
    const cameBack: PaymentEvent = { type: 'RefundFailed', data: { ...id, reason: 'lost_card' } };
    expect(paid(requested, authorised)).to.equal(0);
    expect(paid(requested, authorised, captureRequested)).to.equal(400);
    expect(paid(requested, authorised, captureRequested, captureFailed)).to.equal(0);
    expect(paid(...isCaptured, refundRequested)).to.equal(400, 'a refund for another reason is beside it');
    expect(paid(...isCaptured, refundRequested, givenBack)).to.equal(300);
    expect(paid(...isCaptured, givenBack, cameBack)).to.equal(400);
    const back = (...history: PaymentEvent[]) => givenFor(the(given(history).state), 'return_1');
    expect(back(...isCaptured, refundRequested)).to.equal(undefined);
    expect(back(...isCaptured, givenBack)).to.equal(100);
    expect(back(...isCaptured, givenBack, cameBack)).to.equal(0);
  });

  it('derives its status from its ledger', () => {
    const status = (...history: PaymentEvent[]) => paymentStatusOf(given(history).state);
    const rest = { ...ids, operationId: 'c2', amount: 600 };
    const all: PaymentEvent[] = [
      { type: 'CaptureRequested', data: rest },
      { type: 'PaymentCaptured', data: rest },
    ];
    const whole = { ...ids, operationId: 'r2', amount: 100 };
    expect(status()).to.equal('not_paid');
    expect(status(requested)).to.equal('pending');
    expect(status(requested, unknown)).to.equal('pending');
    expect(status(requested, actionRequired)).to.equal('requires_action');
    expect(status(requested, declined)).to.equal('declined');
    expect(status(requested, authorised)).to.equal('authorised');
    expect(status(requested, authorised, lapsed)).to.equal('not_paid');
    expect(status(requested, authorised, captureRequested)).to.equal('authorised');
    expect(status(...isCaptured)).to.equal('partially_captured');
    expect(status(...isCaptured, ...all)).to.equal('captured');
    expect(status(requested, authorisedOnce, captureRequested, captureFailed, ...all)).to.equal('partially_captured');
    expect(status(requested, authorised, captureRequested, captureFailed, ...all, lapsed)).to.equal('captured');
    expect(status(requested, authorised, captureRequested, the(all[0]), captured)).to.equal('partially_captured');
    expect(status(...isCaptured, voidRequested)).to.equal('partially_captured');
    expect(status(...isCaptured, voidRequested, voided)).to.equal('captured');
    expect(status(...isCaptured, lapsed)).to.equal('captured');
    expect(status(...isCaptured, refundRequested)).to.equal('partially_captured');
    expect(status(...isCaptured, refundRequested, refunded)).to.equal('partially_refunded');
    expect(
      status(
        ...isCaptured,
        refundRequested,
        refunded,
        { type: 'RefundRequested', data: { ...whole, reason: 'damaged' } },
        { type: 'PaymentRefunded', data: whole },
      ),
    ).to.equal('refunded');
    expect(status(...isCaptured, disputeOpened)).to.equal('disputed');
    expect(status(...isCaptured, disputeOpened, disputeClosed('lost'))).to.equal('disputed');
    expect(status(...isCaptured, disputeOpened, disputeClosed('won'))).to.equal('partially_captured');
    expect(status(requested, voidRequested)).to.equal('pending');
    expect(status(requested, authorised, voidRequested, voided)).to.equal('voided');
    expect(status(requested, authorised, lapsed, renewalRequested, voidRequested, voided)).to.equal('voided');
  });

  it('lets staff state an outcome that the provider does not report, after some minutes', () => {
    const later = (history: readonly PaymentEvent[], command: PaymentCommand) => given(history).when(command, LATE);
    const resolved = (operationId: string, outcome: 'done' | 'failed'): PaymentEvent => {
      const data = { ...ids, operationId, outcome, reason: 'seen in the dashboard' };
      return { type: 'PaymentOperationResolved', data };
    };
    given([requested, unknown])
      .when(stateFailed('auth'), LATE - 1)
      .thenRejected('rule_violated');
    later([requested, unknown], stateFailed('auth')).then([resolved('auth', 'failed'), declined]);
    later([requested, unknown], { ...stateDone('auth'), providerRef: 'ref' }).then([
      resolved('auth', 'done'),
      authorisedOnce,
    ]);
    later([requested, opened, unknown], stateDone('auth')).then([resolved('auth', 'done'), authorisedOnce]);
    later([requested, unknown], stateDone('auth')).thenRejected('rule_violated');
    later([requested, authorised, captureRequested], stateDone('c1')).then([resolved('c1', 'done'), captured]);
    later([requested, authorised, captureRequested], stateFailed('c1')).then([
      resolved('c1', 'failed'),
      { type: 'CaptureFailed', data: { ...ids, operationId: 'c1', reason: 'stated by staff' } },
    ]);
    later([...isCaptured, refundRequested], { ...stateDone('r1'), providerRef: 're' }).then([
      resolved('r1', 'done'),
      refunded,
    ]);
    later([...isCaptured, refundRequested], stateFailed('r1')).then([
      resolved('r1', 'failed'),
      { type: 'RefundFailed', data: { ...ids, operationId: 'r1', reason: 'stated by staff' } },
    ]);
    later([requested, voidRequested], stateDone('void')).then([resolved('void', 'done'), voided]);
    later([requested, voidRequested], stateFailed('void')).thenRejected('rule_violated');
  });

  it('lets staff state nothing that is recorded otherwise, that the customer decides, or that nobody asked for', () => {
    given([requested, authorised]).when(stateFailed('auth'), LATE).thenRejected('conflict');
    given([requested, authorised]).when(stateDone('auth'), LATE).then([]);
    given([requested, actionRequired]).when(stateFailed('auth'), LATE).thenRejected('not_found');
    given([requested, unknown, voidRequested]).when(stateFailed('auth'), LATE).thenRejected('not_found');
    given([requested]).when(stateFailed('other'), LATE).thenRejected('not_found');
    given([...isCaptured, refundRequested, disputeOpened])
      .when(stateDone('r1'), LATE)
      .thenRejected('not_found');
    given([voided]).when(stateDone('void'), LATE).thenRejected('not_found');
    given([]).when(stateDone('void'), LATE).thenRejected('not_found');
  });

  it('is parked while an outcome is awaited for some minutes', () => {
    const parked = (now: number, ...history: PaymentEvent[]) =>
      parkedOperations(given(history).state as Payment, now).map(({ kind, operationId }) => `${kind} ${operationId}`);
    expect(parked(LATE - 1, requested)).to.deep.equal([]);
    expect(parked(LATE, requested)).to.deep.equal(['authorisation auth']);
    expect(parked(LATE, requested, unknown)).to.deep.equal(['authorisation auth']);
    expect(parked(LATE, ...isCaptured, refundRequested)).to.deep.equal(['refund r1']);
    expect(parked(LATE, requested, voidRequested)).to.deep.equal(['void void']);
    expect(parked(LATE, requested, authorised, captureRequested)).to.deep.equal(['capture c1']);
    expect(parked(LATE, ...isCaptured)).to.deep.equal([]);
  });

  it('is not called voided if money was never authorised', () => {
    const status = (...history: PaymentEvent[]) => paymentStatusOf(given(history).state);
    expect(status(voided)).to.equal('not_paid');
    expect(status(requested, voidRequested, voided)).to.equal('not_paid');
    expect(status(requested, actionRequired, voidRequested, voided)).to.equal('not_paid');
    expect(status(requested, actionRequired, declined, voidRequested, voided)).to.equal('declined');
    expect(status(requested, actionRequired, declined, authorised, voidRequested, voided)).to.equal('voided');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(payment, {
      RequestAuthorisation: { given: [], when: request },
      RenewAuthorisation: { given: [requested, authorised, lapsed], when: renew },
      RecordIntentOpened: { given: [requested], when: recordOpened },
      RecordActionRequired: { given: [requested], when: recordActionRequired },
      RecordAuthorised: { given: [requested], when: recordAuthorised },
      RecordDeclined: { given: [requested], when: recordDeclined },
      RecordUnknown: { given: [requested], when: recordUnknown },
      RecordLapsed: { given: [requested, authorised], when: recordLapsed },
      RequestCapture: { given: [requested, authorised], when: capture },
      RecordCaptured: { given: [requested, authorised, captureRequested], when: recordCaptured },
      RecordCaptureFailed: { given: [requested, authorised, captureRequested], when: recordCaptureFailed },
      RequestVoid: { given: [], when: requestVoid },
      RecordVoided: { given: [requested, voidRequested], when: recordVoided },
      RequestRefund: { given: isCaptured, when: refund },
      RecordRefunded: { given: [...isCaptured, refundRequested], when: recordRefunded },
      RecordRefundFailed: { given: [...isCaptured, refundRequested], when: recordRefundFailed },
      RecordDisputeOpened: { given: isCaptured, when: recordDisputeOpened },
      RecordDisputeClosed: { given: isCaptured, when: recordDisputeLost },
      ResolveOperation: { given: [requested], when: stateFailed('auth'), now: LATE },
    });
    given([requested, voidRequested]).when(requestVoid).then([]);
  });
});

describe('The ledger of a payment, under any sequence of commands', () => {
  const authorisations = fc.constantFrom('auth', 'auth2', 'auth3');
  const operations = fc.constantFrom('1', '2', '3');
  const amount = fc.integer({ min: 0, max: 700 });
  const commands: fc.Arbitrary<PaymentCommand> = fc.oneof(
    fc.constantFrom(request, recordAuthorised, requestVoid, recordVoided, recordDisputeOpened, recordDisputeLost),
    authorisations.map((operationId): PaymentCommand => ({ ...renew, operationId })),
    fc.tuple(authorisations, fc.integer({ min: 1, max: 10 }), fc.boolean()).map(
      ([operationId, hundreds, several]): PaymentCommand => ({
        type: 'RecordAuthorised',
        operationId,
        amount: hundreds * 100,
        providerRef: `ref ${operationId}`,
        ...(several && { multicapture }),
      }),
    ),
    fc
      .tuple(authorisations, fc.constantFrom(recordDeclined, recordUnknown, recordLapsed, recordActionRequired))
      .map(([operationId, command]): PaymentCommand => ({ ...command, operationId })),
    fc
      .tuple(operations, amount, amount, fc.boolean())
      .map(
        ([n, part, rest, final]): PaymentCommand => ({ ...capture, operationId: `c${n}`, amount: part, rest, final }),
      ),
    fc
      .tuple(operations, fc.constantFrom(recordCaptured, recordCaptured, recordCaptureFailed))
      .map(([n, command]): PaymentCommand => ({ ...command, operationId: `c${n}` })),
    fc
      .tuple(operations, amount)
      .map(([n, part]): PaymentCommand => ({ ...refund, operationId: `r${n}`, amount: part + 1 })),
    fc
      .tuple(operations, fc.constantFrom(recordRefunded, recordRefunded, recordRefundFailed))
      .map(([n, command]): PaymentCommand => ({ ...command, operationId: `r${n}` })),
  );

  it('captures no more than was authorised, refunds no more than was captured and not disputed, and holds nothing once voided', () => {
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 60, size: 'max' }), (sequence) => {
        let before: Payment | null = null;
        for (const command of [request, ...sequence]) {
          const decision = payment.decide(command, before, TEST_NOW);
          if (isRejection(decision)) continue;
          const state: Payment = the(fold(payment, before as Payment | null, decision, TEST_NOW));
          const asked = (all: readonly { status: string; amount: number }[]) =>
            all.reduce((total, { status, amount }) => total + (status === 'failed' ? 0 : amount), 0);
          expect(asked(state.captures)).to.be.at.most(1000);
          for (const one of [...state.earlier, the(state.authorisation)]) {
            const own = state.captures.filter(({ authorisationId }) => authorisationId === one.operationId);
            expect(asked(own)).to.be.at.most(one.amount);
          }
          if (decision.some(({ type }) => type === 'RefundRequested')) {
            expect(asked(state.refunds)).to.be.at.most(capturedOf(state));
            expect(refundableOf(the(before))).to.be.at.least(asked(state.refunds) - asked(the(before).refunds));
          }
          expect(refundedOf(state)).to.be.at.most(capturedOf(state));
          if (state.void) {
            expect(heldOf(state)).to.equal(0);
            expect(asked(state.captures)).to.be.at.most(asked(before?.captures ?? []), 'nothing more is captured');
          }
          before = state;
        }
      }),
      { numRuns: 500 },
    );
  });
});
