// Refunds and disputes of captured payments.
import { invalidRequest } from './errors.js';
import { type Form, integer, mergedMetadata, text } from './form.js';
import type { Books, Charge, Dispute, Emit, Refund } from './objects.js';
import type { PaymentMethods } from './payment-methods.js';

export type Refunds = ReturnType<typeof createRefunds>;

export function createRefunds(books: Books, methods: PaymentMethods, emit: Emit) {
  function charged(form: Form): Charge {
    const intentId = text(form, 'payment_intent');
    const chargeId = text(form, 'charge');
    if (!intentId && !chargeId) {
      const message = 'One of the following params should be provided for this request: payment_intent or charge.';
      throw invalidRequest(message, { code: 'parameter_missing' });
    }
    const latest = intentId && books.get('payment_intent', intentId, 'payment_intent').latest_charge;
    const found = chargeId ?? latest;
    const charge = found ? books.get('charge', found, 'charge') : undefined;
    if (!charge?.captured) {
      throw invalidRequest(
        `This PaymentIntent (${intentId ?? charge?.payment_intent}) does not have a successful charge to refund.`,
      );
    }
    return charge;
  }

  function create(form: Form): Refund {
    const charge = charged(form);
    if (charge.disputed) {
      throw invalidRequest(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
        code: 'charge_disputed',
      });
    }
    const left = charge.amount_captured - charge.amount_refunded;
    if (left === 0) {
      throw invalidRequest(`Charge ${charge.id} has already been refunded.`, { code: 'charge_already_refunded' });
    }
    const amount = integer(form, 'amount') ?? left;
    if (amount < 1 || amount > left) {
      throw invalidRequest(`Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`, {
        param: 'amount',
      });
    }
    const card = methods.cardOf(books.get('payment_method', charge.payment_method));
    const refund = books.put<Refund>({
      ...books.common('refund', 're'),
      amount,
      balance_transaction: books.newId('txn'),
      charge: charge.id,
      currency: charge.currency,
      metadata: mergedMetadata({}, form),
      payment_intent: charge.payment_intent,
      reason: text(form, 'reason') ?? null,
      status: card.refund === 'pending' ? 'pending' : 'succeeded',
    });
    charge.amount_refunded += amount;
    charge.refunded = charge.amount_refunded === charge.amount_captured;
    emit('refund.created', refund);
    emit('charge.refunded', charge);
    return refund;
  }

  /** The bank's decision: a pending refund succeeds or fails. A succeeded refund can fail later, too. */
  function settle(id: string, status: 'succeeded' | 'failed'): Refund {
    const refund = books.get('refund', id);
    if (refund.status === 'failed' || refund.status === status) return refund;
    const previous = { status: refund.status };
    refund.status = status;
    if (status === 'failed') {
      refund.failure_reason = 'expired_or_canceled_card';
      const charge = books.get('charge', refund.charge);
      charge.amount_refunded -= refund.amount;
      charge.refunded = false;
    }
    emit('refund.updated', refund, previous);
    emit('charge.refund.updated', refund, previous);
    if (status === 'failed') emit('refund.failed', refund);
    return refund;
  }

  function dispute(paymentIntentId: string, status: Dispute['status'] = 'needs_response'): Dispute {
    const charge = charged({ payment_intent: paymentIntentId });
    const isInquiry = status.startsWith('warning_');
    charge.disputed = !isInquiry;
    const opened = books.put<Dispute>({
      ...books.common('dispute', 'du'),
      amount: charge.amount_captured - charge.amount_refunded,
      balance_transactions: [],
      charge: charge.id,
      currency: charge.currency,
      enhanced_eligibility_types: [],
      evidence: NO_EVIDENCE,
      evidence_details: NO_EVIDENCE_DETAILS,
      is_charge_refundable: isInquiry,
      livemode: false,
      metadata: {},
      payment_intent: paymentIntentId,
      reason: 'fraudulent',
      status,
    });
    emit('charge.dispute.created', opened);
    if (!isInquiry) emit('charge.dispute.funds_withdrawn', opened);
    return opened;
  }

  /** An inquiry of the bank becomes a dispute that takes the money. */
  function escalate(id: string): void {
    const escalated = books.get('dispute', id);
    const previous = { status: escalated.status };
    Object.assign(escalated, { status: 'needs_response', is_charge_refundable: false });
    books.get('charge', escalated.charge).disputed = true;
    emit('charge.dispute.updated', escalated, previous);
    emit('charge.dispute.funds_withdrawn', escalated);
  }

  /** A won dispute returns the money; a lost one does not. */
  function closeDispute(id: string, status: 'lost' | 'won'): Dispute {
    const closed = books.get('dispute', id);
    closed.status = status;
    if (status === 'won') {
      books.get('charge', closed.charge).disputed = false;
      emit('charge.dispute.funds_reinstated', closed);
    }
    emit('charge.dispute.closed', closed);
    return closed;
  }

  return { create, settle, dispute, escalate, closeDispute };
}

const NO_EVIDENCE_DETAILS = {
  due_by: null,
  enhanced_eligibility: {},
  has_evidence: false,
  past_due: false,
  submission_count: 0,
};
const NO_EVIDENCE = { enhanced_evidence: {} };
