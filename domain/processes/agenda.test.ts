import { expect } from 'chai';
import { decider, TEST_NOW } from '../../test/domain/given-when-then.js';
import type { PaymentEvent } from '../payment/events.js';
import { payment, RENEW_WITHIN_MS } from '../payment/payment.js';
import { paymentDueAt, RECOVER_AFTER_MS } from './agenda.js';

const ids = { paymentId: 'payment_1', orderId: 'order_1' };
const auth = { ...ids, operationId: 'auth' };
const terms = { amount: 1000, currency: 'GBP', provider: 'test', method: 'pm_card_visa' } as const;

const requested: PaymentEvent = { type: 'AuthorisationRequested', data: { ...auth, ...terms } };
const unknown: PaymentEvent = { type: 'AuthorisationUnknown', data: auth };
const declined: PaymentEvent = { type: 'AuthorisationDeclined', data: { ...auth, declineCode: 'generic_decline' } };
const authorised: PaymentEvent = {
  type: 'PaymentAuthorised',
  data: { ...auth, amount: 1000, providerRef: 'ref', multicapture: true },
};
const LAPSES_AT = TEST_NOW + RENEW_WITHIN_MS + 60_000;
const authorisedForAWhile: PaymentEvent = {
  type: 'PaymentAuthorised',
  data: {
    ...auth,
    amount: 1000,
    providerRef: 'ref',
    multicapture: true,
    captureBefore: new Date(LAPSES_AT).toISOString(),
  },
};
const capture = { ...ids, operationId: 'c1', amount: 400 };
const captureRequested: PaymentEvent = { type: 'CaptureRequested', data: capture };
const captured: PaymentEvent = { type: 'PaymentCaptured', data: capture };
const refundRequested: PaymentEvent = {
  type: 'RefundRequested',
  data: { ...ids, operationId: 'r1', amount: 300, reason: 'damaged' },
};
const refunded: PaymentEvent = {
  type: 'PaymentRefunded',
  data: { ...ids, operationId: 'r1', amount: 300, providerRef: 're' },
};
const voidRequested: PaymentEvent = { type: 'VoidRequested', data: { ...ids, operationId: 'void' } };
const voided: PaymentEvent = { type: 'PaymentVoided', data: { ...ids, operationId: 'void' } };
const disputed: PaymentEvent = {
  type: 'DisputeOpened',
  data: { ...ids, disputeId: 'dp', amount: 150, reason: 'fraudulent' },
};

describe('A payment is due', () => {
  const dueAfter = (...history: [PaymentEvent, ...PaymentEvent[]]) =>
    paymentDueAt(decider(payment).given(history).state);
  const SOON = TEST_NOW + RECOVER_AFTER_MS;

  it('when the provider has not answered in time', () => {
    expect(dueAfter(requested)).to.equal(SOON);
    expect(dueAfter(requested, unknown)).to.equal(SOON);
    expect(dueAfter(requested, authorised, captureRequested)).to.equal(SOON);
    expect(dueAfter(requested, authorised, captureRequested, captured, refundRequested)).to.equal(SOON);
    expect(dueAfter(requested, authorised, voidRequested)).to.equal(SOON);
  });

  it('never, once everything is answered', () => {
    expect(dueAfter(requested, declined)).to.equal(undefined);
    expect(dueAfter(requested, authorised)).to.equal(undefined);
    expect(dueAfter(requested, authorised, captureRequested, captured)).to.equal(undefined);
    expect(dueAfter(requested, authorised, captureRequested, captured, refundRequested, refunded)).to.equal(undefined);
    expect(dueAfter(requested, authorised, voidRequested, voided)).to.equal(undefined);
  });

  it('before an authorisation lapses, unless something is due earlier', () => {
    expect(dueAfter(requested, authorisedForAWhile)).to.equal(LAPSES_AT - RENEW_WITHIN_MS);
    expect(dueAfter(requested, authorisedForAWhile, captureRequested)).to.equal(SOON);
  });

  it('for a capture during a dispute, but not for a refund', () => {
    const paid = [requested, authorised, captureRequested, captured] as const;
    const second: PaymentEvent = { type: 'CaptureRequested', data: { ...capture, operationId: 'c2', amount: 100 } };
    expect(dueAfter(...paid, refundRequested, disputed)).to.equal(undefined);
    expect(dueAfter(...paid, disputed, second)).to.equal(SOON);
  });
});
