// The state of a payment's ledger, and the sums derived from it. An authorisation may be renewed by another; each capture and
// refund belongs to one authorisation. Amounts are in minor units, times in ms of the log's clock.
import { type Money, sum } from '../kernel/money.js';
import type { Personal } from '../kernel/personal.js';
import type { TaxAmount } from '../order/events.js';
import type { AuthorisationDetails, PaymentEvent, PaymentProviderName } from './events.js';
import type { MethodKind } from './method-kinds.js';

export interface PaymentKey {
  paymentId: string;
  orderId: string;
}

export interface AuthorisationTerms {
  amount: number;
  currency: string;
  provider: PaymentProviderName;
  method: string;
  customerId?: string | undefined;
}

interface LedgerOperation {
  operationId: string;
  requestedAt: number;
}

export interface Authorisation extends LedgerOperation, AuthorisationTerms {
  status: 'requested' | 'unknown' | 'action_required' | 'declined' | 'authorised' | 'lapsed' | 'voided';
  /** Money was authorised at some time, whatever happened later. */
  hasHeld?: true;
  providerRef?: string;
  /** The kind of payment, if the customer has to act. Absent: a card. */
  kind?: MethodKind | undefined;
  /** Lets the customer's browser carry out the required action. */
  clientSecret?: Personal<string>;
  declineCode?: string;
  /** RFC 3339. */
  captureBefore?: string | undefined;
  multicapture?: true | undefined;
  card?: AuthorisationDetails['card'] | undefined;
  last4?: Personal<string> | undefined;
  risk?: AuthorisationDetails['risk'] | undefined;
}

export interface Capture extends LedgerOperation {
  /** The operation id of its authorisation. */
  authorisationId: string;
  amount: number;
  /** Nothing stays authorised after this capture. */
  final: boolean;
  status: 'requested' | 'captured' | 'failed';
  /** The provider's name for the capture, and its fee. */
  providerRef?: string | undefined;
  fee?: Money | undefined;
  reason?: string;
}

export interface Refund extends LedgerOperation {
  /** The operation id of the authorisation that was captured. */
  authorisationId: string;
  amount: number;
  reason: Personal<string>;
  /** The taxes in the amount, by rate. */
  taxes?: readonly TaxAmount[] | undefined;
  /** Where the returned goods arrived. */
  location?: string | undefined;
  status: 'requested' | 'refunded' | 'failed';
  providerRef?: string | undefined;
  /** Why it failed. */
  failure?: string;
}

interface Dispute {
  disputeId: string;
  amount: number;
  reason: string;
  status: 'open' | 'won' | 'lost';
}

export interface Payment extends PaymentKey {
  /** The status of the latest authorisation, until a void is requested. */
  status: Authorisation['status'] | 'void_requested';
  /** The latest authorisation. Absent if the payment was voided before any was requested. */
  authorisation?: Authorisation;
  /** The authorisations that it renews, oldest first. */
  earlier: readonly Authorisation[];
  captures: readonly Capture[];
  refunds: readonly Refund[];
  disputes: readonly Dispute[];
  void?: LedgerOperation;
}

export function evolve(state: Payment | null, event: PaymentEvent, at: number): Payment {
  const { paymentId, orderId } = event.data;
  const known: Payment = state ?? {
    paymentId,
    orderId,
    status: 'requested',
    earlier: [],
    captures: [],
    refunds: [],
    disputes: [],
  };
  switch (event.type) {
    case 'AuthorisationRequested': {
      const { paymentId, orderId, ...terms } = event.data;
      const earlier = known.authorisation ? [...known.earlier, known.authorisation] : known.earlier;
      return withLatest({ ...known, earlier }, { ...terms, requestedAt: at, status: 'requested' });
    }
    case 'PaymentIntentOpened':
      return authorisationWith(known, event.data.operationId, { providerRef: event.data.providerRef });
    case 'PaymentActionRequired': {
      const { operationId, providerRef, clientSecret, kind } = event.data;
      return authorisationWith(known, operationId, { status: 'action_required', providerRef, clientSecret, kind });
    }
    case 'PaymentAuthorised': {
      const { operationId, providerRef, captureBefore, multicapture, card, last4, risk } = event.data;
      const terms = { providerRef, captureBefore, multicapture, card, last4, risk };
      return authorisationWith(known, operationId, { status: 'authorised', hasHeld: true, ...terms });
    }
    case 'AuthorisationDeclined': {
      const { operationId, declineCode } = event.data;
      return authorisationWith(known, operationId, { status: 'declined', declineCode });
    }
    case 'AuthorisationUnknown':
      return authorisationWith(known, event.data.operationId, { status: 'unknown' });
    case 'AuthorisationLapsed':
      return authorisationWith(known, event.data.operationId, { status: 'lapsed' });
    case 'CaptureRequested': {
      const { operationId, amount, final = false, authorisationId = firstOf(known).operationId } = event.data;
      const capture: Capture = { operationId, authorisationId, amount, final, requestedAt: at, status: 'requested' };
      return { ...known, captures: [...known.captures, capture] };
    }
    case 'PaymentCaptured': {
      const { operationId, providerRef, fee } = event.data;
      return { ...known, captures: changed(known.captures, operationId, { status: 'captured', providerRef, fee }) };
    }
    case 'CaptureFailed': {
      const { operationId, reason } = event.data;
      return { ...known, captures: changed(known.captures, operationId, { status: 'failed', reason }) };
    }
    case 'VoidRequested':
      return { ...known, status: 'void_requested', void: { operationId: event.data.operationId, requestedAt: at } };
    case 'PaymentVoided': {
      const { operationId } = event.data;
      const voided = (one: Authorisation): Authorisation =>
        one.status === 'lapsed' ? one : { ...one, status: 'voided' };
      const authorisation = known.authorisation && { authorisation: voided(known.authorisation) };
      return {
        ...known,
        ...authorisation,
        earlier: known.earlier.map(voided),
        status: 'voided',
        void: known.void ?? { operationId, requestedAt: at },
      };
    }
    case 'RefundRequested': {
      const { paymentId, orderId, authorisationId = firstOf(known).operationId, ...asked } = event.data;
      const refund: Refund = { ...asked, authorisationId, requestedAt: at, status: 'requested' };
      return { ...known, refunds: [...known.refunds, refund] };
    }
    case 'PaymentRefunded': {
      const { operationId, providerRef } = event.data;
      return { ...known, refunds: changed(known.refunds, operationId, { status: 'refunded', providerRef }) };
    }
    case 'RefundFailed': {
      const { operationId, reason } = event.data;
      return { ...known, refunds: changed(known.refunds, operationId, { status: 'failed', failure: reason }) };
    }
    case 'DisputeOpened': {
      const { disputeId, amount, reason } = event.data;
      return { ...known, disputes: [...known.disputes, { disputeId, amount, reason, status: 'open' }] };
    }
    case 'PaymentOperationResolved':
      return known;
    case 'DisputeClosed': {
      const { disputeId, outcome } = event.data;
      const close = (one: Dispute): Dispute => (one.disputeId === disputeId ? { ...one, status: outcome } : one);
      return { ...known, disputes: known.disputes.map(close) };
    }
  }
}

function authorisationWith(state: Payment, operationId: string, change: Partial<Authorisation>): Payment {
  const changedBy = changing(operationId, change);
  return withLatest({ ...state, earlier: state.earlier.map(changedBy) }, changedBy(latestOf(state)));
}

function withLatest(state: Payment, authorisation: Authorisation): Payment {
  return { ...state, authorisation, status: state.void ? state.status : authorisation.status };
}

function changed<T extends LedgerOperation>(all: readonly T[], operationId: string, change: Partial<T>): readonly T[] {
  return all.map(changing(operationId, change));
}

function changing<T extends LedgerOperation>(operationId: string, change: Partial<T>) {
  return (one: T): T => (one.operationId === operationId ? { ...one, ...change } : one);
}

/** Oldest first. */
export function authorisationsOf({ earlier, authorisation }: Payment): readonly Authorisation[] {
  return authorisation ? [...earlier, authorisation] : earlier;
}

function firstOf(state: Payment): Authorisation {
  return state.earlier[0] ?? latestOf(state);
}

/** The latest authorisation. Throws if none was requested, as when the payment was voided before. */
export function latestOf({ paymentId, authorisation }: Payment): Authorisation {
  if (!authorisation) throw new Error(`No authorisation was requested for ${paymentId}.`);
  return authorisation;
}

/** The authorisation to capture from. Undefined if no money is authorised. A renewal counts once it is authorised. */
export function holderOf(state: Payment): Authorisation | undefined {
  return state.void ? undefined : authorisationsOf(state).findLast(({ status }) => status === 'authorised');
}

/** A lapsed authorisation, if no other one replaces it. */
export function lapsedOf(state: Payment): Authorisation | undefined {
  if (state.void || holderOf(state)) return undefined;
  return authorisationsOf(state).findLast(({ status }) => status === 'lapsed');
}

/** The amount for which no capture was requested yet, whether or not it is authorised. */
export function notCapturedOf(state: Payment): number {
  return firstOf(state).amount - sum(amountsOf(state.captures.filter(stands)));
}

/** The captures of one authorisation, requested or made. */
export function capturesBy({ captures }: Payment, { operationId }: Authorisation): readonly Capture[] {
  return captures.filter((capture) => capture.authorisationId === operationId && stands(capture));
}

/** The authorised amount of one authorisation for which no capture was requested. */
export function heldBy(state: Payment, authorisation: Authorisation): number {
  const { amount } = authorisation;
  const own = capturesBy(state, authorisation);
  return own.some(({ final }) => final) ? 0 : amount - sum(amountsOf(own));
}

/** The amount that is authorised and can still be captured. */
export function heldOf(state: Payment): number {
  const holder = holderOf(state);
  return holder ? Math.min(heldBy(state, holder), notCapturedOf(state)) : 0;
}

/** The amount that the customer has paid, before refunds. */
export function capturedOf({ captures }: Payment): number {
  return sum(amountsOf(captures.filter(({ status }) => status === 'captured')));
}

/** The amount that was refunded to the customer. */
export function refundedOf({ refunds }: Payment): number {
  return sum(amountsOf(refunds.filter(({ status }) => status === 'refunded')));
}

/** The refundable amount: captured, less refunds made or requested, less amounts that a bank has taken back or may take. */
export function refundableOf(state: Payment): number {
  const disputed = sum(amountsOf(state.disputes.filter(({ status }) => status !== 'won')));
  return Math.max(0, capturedOf(state) - sum(amountsOf(state.refunds.filter(stands))) - disputed);
}

/** The amount that banks have returned to the customer for good. */
export function lostOf({ disputes }: Payment): number {
  return sum(amountsOf(disputes.filter(({ status }) => status === 'lost')));
}

/** The captured amount of one authorisation for which no refund was requested. */
export function refundableBy(state: Payment, authorisation: Authorisation): number {
  const captured = capturesBy(state, authorisation).filter(({ status }) => status === 'captured');
  const { operationId } = authorisation;
  const refunded = state.refunds.filter((refund) => refund.authorisationId === operationId && stands(refund));
  return sum(amountsOf(captured)) - sum(amountsOf(refunded));
}

/** True if the open units are paid too. A payment that can be captured only once is captured in full with the first shipment. */
export function isPaidAhead(state: Payment): boolean {
  const once = authorisationsOf(state).filter(({ multicapture }) => !multicapture);
  return once.some((authorisation) => capturesBy(state, authorisation).length > 0);
}

/**
 * The captured amount, less the refunds for these operations. Money moved by `pending` operations is not counted, nor is a refund
 * for any other reason.
 */
export function paidFor(state: Payment, operationIds: readonly string[], pending: readonly string[] = []): number {
  const given = operationIds.filter((operationId) => !pending.includes(operationId));
  const others = pending.map(captureId);
  const taken = state.captures.filter((capture) => stands(capture) && !others.includes(capture.operationId));
  return sum(amountsOf(taken)) - sum(given.map((operationId) => givenFor(state, operationId) ?? 0));
}

/** The amount refunded for an operation of the order. Undefined until a refund is requested. */
export function givenFor(state: Payment, operationId: string): number | undefined {
  const parts = partsOf(state, refundId(operationId));
  return parts.length === 0 ? undefined : sum(amountsOf(parts.filter(stands)));
}

/** The id of the capture for an operation of the order. */
export function captureId(operationId: string): string {
  return `${operationId}/capture`;
}

/** The id of the refund for an operation of the order. */
export function refundId(operationId: string): string {
  return `${operationId}/refund`;
}

/** A refund may be split into parts, one per authorisation. The first part has the id of the whole. */
export function partsOf({ refunds }: Payment, operationId: string): readonly Refund[] {
  return refunds.filter((one) => one.operationId === operationId || one.operationId.startsWith(`${operationId}#`));
}

/** True if money was ever authorised. */
export function hasHeld(state: Payment): boolean {
  return authorisationsOf(state).some((one) => one.hasHeld);
}

export function isDisputed({ disputes }: Payment): boolean {
  return disputes.some(({ status }) => status === 'open');
}

/** Requested or done. */
function stands({ status }: Capture | Refund): boolean {
  return status !== 'failed';
}

function amountsOf(entries: readonly { amount: number }[]): number[] {
  return entries.map(({ amount }) => amount);
}

/** The decline code that gives no reason. */
export const GENERIC_DECLINE = 'generic_decline';

/** Decline codes that stay hidden: a bank that knows of a theft tells the shop, but the customer may be the thief. */
const HIDDEN_DECLINES: readonly string[] = [
  'fraudulent',
  'lost_card',
  'stolen_card',
  'pickup_card',
  'merchant_blacklist',
];

/** The decline code that the customer may see. */
export function publicDeclineCode(declineCode: string): string {
  return HIDDEN_DECLINES.includes(declineCode) ? GENERIC_DECLINE : declineCode;
}

/** The payment statuses that callers see. */
export const PAYMENT_STATUSES = [
  'not_paid',
  'pending',
  'requires_action',
  'authorised',
  'partially_captured',
  'captured',
  'partially_refunded',
  'refunded',
  'disputed',
  'declined',
  'voided',
] as const;

export type PaymentStatus = (typeof PAYMENT_STATUSES)[number];

export function paymentStatusOf(state: Payment | null): PaymentStatus {
  if (!state) return 'not_paid';
  if (state.disputes.some(({ status }) => status !== 'won')) return 'disputed';
  const taken = state.captures.filter(stands);
  if (taken.some(({ status }) => status === 'captured')) {
    const refunded = refundedOf(state);
    if (refunded > 0) return refunded === capturedOf(state) ? 'refunded' : 'partially_refunded';
    const complete = heldOf(state) === 0 && taken.every(({ status }) => status === 'captured');
    return complete && (!state.void || state.status === 'voided') ? 'captured' : 'partially_captured';
  }
  if (state.status === 'voided') return statusOnceVoided(state);
  return holderOf(state) ? 'authorised' : STATUS_BEFORE_CAPTURE[state.status];
}

/** If nothing was ever authorised, the void released nothing. */
function statusOnceVoided(state: Payment): PaymentStatus {
  if (hasHeld(state)) return 'voided';
  return state.authorisation?.declineCode === undefined ? 'not_paid' : 'declined';
}

const STATUS_BEFORE_CAPTURE: Readonly<Record<Exclude<Payment['status'], 'voided'>, PaymentStatus>> = {
  requested: 'pending',
  unknown: 'pending',
  action_required: 'requires_action',
  declined: 'declined',
  authorised: 'authorised',
  lapsed: 'not_paid',
  void_requested: 'pending',
};
