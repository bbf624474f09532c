// The decisions of a payment's ledger. The provider is called outside; requests are recorded before the call, outcomes after it.
// captured ≤ authorised, refunded ≤ captured, and a voided payment can never be authorised again.
import type { Decider } from '../kernel/decider.js';
import { defined } from '../kernel/json.js';
import { sum } from '../kernel/money.js';
import type { Personal } from '../kernel/personal.js';
import { isRejection, type Rejection, reject } from '../kernel/rejection.js';
import type { TaxAmount } from '../order/events.js';
import { taxesOfPart, taxesWithout } from '../order/taxes.js';
import {
  type AuthorisationDetails,
  type CaptureDetails,
  type PaymentEvent,
  paymentEvents,
  type RecordedOutcome,
} from './events.js';
import {
  type Authorisation,
  type AuthorisationTerms,
  authorisationsOf,
  capturedOf,
  capturesBy,
  evolve,
  GENERIC_DECLINE,
  heldBy,
  heldOf,
  holderOf,
  isDisputed,
  isPaidAhead,
  latestOf,
  notCapturedOf,
  type Payment,
  type PaymentKey,
  partsOf,
  refundableBy,
  refundableOf,
} from './ledger.js';
import type { MethodKind } from './method-kinds.js';
import { PARKED_AFTER_MS, type ProviderOperation, providerOperations } from './parked.js';

/** An authorisation may be renewed from this long before it lapses. */
export const RENEW_WITHIN_MS = 24 * 3_600_000;

/**
 * `operationId` is the provider's idempotency key. Reply, webhook and poll of an operation are the same fact: recording it again,
 * or recording an earlier state, changes nothing.
 */
export type PaymentCommand =
  | ({ operationId: string } & (
      | ({ type: 'RequestAuthorisation' } & PaymentKey & AuthorisationTerms)
      /** Allowed once the authorisation has lapsed or soon will. It is for the uncaptured amount, but at most `amount`. */
      | { type: 'RenewAuthorisation'; method: string; amount?: number }
      | AuthorisationFact
      /**
       * `rest`: the amount to capture later. If the authorisation can be captured only once, this capture takes the rest as well,
       * and later ones do nothing. `final`: the remaining authorised amount is released. The capture fails if less is authorised.
       */
      | { type: 'RequestCapture'; amount: number; rest?: number; final?: boolean }
      | ({ type: 'RecordCaptured'; amount?: number } & CaptureDetails)
      | { type: 'RecordCaptureFailed'; reason: string }
      | ({ type: 'RequestVoid' } & PaymentKey)
      | { type: 'RecordVoided' }
      /**
       * `currency`: rejected if the payment has another. `taxes`: the taxes in the amount, by rate. `location`: where the
       * returned goods arrived.
       */
      | {
          type: 'RequestRefund';
          amount: number;
          currency?: string;
          reason: Personal<string>;
          taxes?: readonly TaxAmount[];
          location?: string;
        }
      | { type: 'RecordRefunded'; amount?: number; providerRef?: string }
      | { type: 'RecordRefundFailed'; reason: string }
      /** `providerRef`: the provider's name for the money, if the ledger does not have it. */
      | { type: 'ResolveOperation'; outcome: RecordedOutcome; providerRef?: string; reason: Personal<string> }
    ))
  | DisputeFact;

type AuthorisationFact =
  | { type: 'RecordIntentOpened'; providerRef: string }
  | { type: 'RecordActionRequired'; providerRef: string; clientSecret: string; kind?: MethodKind }
  | ({
      type: 'RecordAuthorised';
      amount: number;
      currency?: string;
      providerRef: string;
      captureBefore?: string;
      multicapture?: true;
    } & AuthorisationDetails)
  | { type: 'RecordDeclined'; declineCode: string }
  | { type: 'RecordUnknown' }
  | { type: 'RecordLapsed' };

/** The end of a dispute may arrive before its beginning, so it contains everything. */
export type DisputeFact =
  | { type: 'RecordDisputeOpened'; disputeId: string; amount: number; reason: string }
  | { type: 'RecordDisputeClosed'; disputeId: string; amount: number; reason: string; outcome: 'won' | 'lost' };

type Command<T extends PaymentCommand['type']> = Extract<PaymentCommand, { type: T }>;
type Decision = readonly PaymentEvent[] | Rejection;

export const payment: Decider<PaymentCommand, Payment | null, PaymentEvent> = {
  category: 'payment',
  events: paymentEvents,
  initialState: null,
  decide,
  evolve,
};

function decide(command: PaymentCommand, state: Payment | null, now: number): Decision {
  if (command.type === 'RequestAuthorisation') return requestAuthorisation(command, state);
  if (command.type === 'RequestVoid') return requestVoid(command, state);
  if (!state) return reject('not_found', 'There is no such payment.');
  switch (command.type) {
    case 'RenewAuthorisation':
      return renewAuthorisation(command, state, now);
    case 'RequestCapture':
      return requestCapture(command, state);
    case 'RecordCaptured':
    case 'RecordCaptureFailed':
      return recordCapture(command, state);
    case 'RecordVoided':
      if (state.void?.operationId !== command.operationId) return unknownOperation(state, command.operationId);
      return state.status === 'voided' ? [] : [{ type: 'PaymentVoided', data: idsOf(state, command) }];
    case 'RequestRefund':
      return requestRefund(command, state);
    case 'RecordRefunded':
    case 'RecordRefundFailed':
      return recordRefund(command, state);
    case 'RecordDisputeOpened':
    case 'RecordDisputeClosed':
      return recordDispute(command, state);
    case 'ResolveOperation':
      return resolveOperation(command, state, now);
    default:
      return recordAuthorisation(command, state);
  }
}

/** A zero amount skips the provider: the request itself authorises, captures or voids it. */
function requestAuthorisation(command: Command<'RequestAuthorisation'>, state: Payment | null): Decision {
  const { type, ...data } = command;
  const { paymentId, orderId, operationId, amount } = command;
  if (!state) {
    const requested: PaymentEvent = { type: 'AuthorisationRequested', data };
    if (amount > 0) return [requested];
    const answer = { paymentId, orderId, operationId, amount, providerRef: 'nothing_to_pay' };
    return [requested, { type: 'PaymentAuthorised', data: answer }];
  }
  if (authorisationsOf(state)[0]?.operationId === operationId) return [];
  return reject('conflict', `${paymentId} is ${state.status}; it cannot be authorised as ${operationId}.`);
}

function renewAuthorisation(command: Command<'RenewAuthorisation'>, state: Payment, now: number): Decision {
  const { operationId, method } = command;
  const { paymentId, status, authorisation } = state;
  if (authorisationsOf(state).some((known) => known.operationId === operationId)) return [];
  if (!authorisation || state.void) return reject('rule_violated', `${paymentId} is ${status}; it cannot be renewed.`);
  const amount = Math.min(notCapturedOf(state), command.amount ?? Number.POSITIVE_INFINITY);
  if (amount === 0) return reject('rule_violated', `${paymentId} needs no more money, so there is nothing to renew.`);
  const isRenewalDeclined = status === 'declined' && state.earlier.length > 0;
  const lapsesSoon = now >= (renewableAt(authorisation) ?? Number.POSITIVE_INFINITY);
  if (status !== 'lapsed' && !isRenewalDeclined && !lapsesSoon) {
    return reject('rule_violated', `${paymentId} is ${status} and does not lapse soon; it cannot be renewed yet.`);
  }
  const { currency, provider, customerId } = authorisation;
  const terms = { amount, currency, provider, method, ...defined({ customerId }) };
  return [{ type: 'AuthorisationRequested', data: { ...idsOf(state, command), ...terms } }];
}

/** When authorised money may be renewed, in ms of the log's clock. Undefined if no money is held, or it does not lapse. */
export function renewalAt(state: Payment): number | undefined {
  const holder = heldOf(state) > 0 ? holderOf(state) : undefined;
  return holder && renewableAt(holder);
}

/** True if money is authorised and the authorisation lapses soon. */
export function isRenewalDue(state: Payment, now: number): boolean {
  return now >= (renewalAt(state) ?? Number.POSITIVE_INFINITY);
}

function renewableAt({ captureBefore }: Authorisation): number | undefined {
  return captureBefore === undefined ? undefined : Date.parse(captureBefore) - RENEW_WITHIN_MS;
}

/**
 * An authorisation stays authorised: an older answer that arrives later changes nothing. A decline is final unless there is an
 * intent, which the customer may still pay. Once a void is requested no answer matters: the void covers them all.
 */
function recordAuthorisation(command: { operationId: string } & AuthorisationFact, state: Payment): Decision {
  const { paymentId } = state;
  const { operationId } = command;
  const known = authorisationsOf(state).find((one) => one.operationId === operationId);
  if (!known) return unknownOperation(state, operationId);
  if (state.status === 'voided') return [];
  if ('providerRef' in command && known.providerRef !== undefined && command.providerRef !== known.providerRef) {
    return reject(
      'conflict',
      `${operationId} has the provider reference ${known.providerRef}, not ${command.providerRef}.`,
    );
  }
  const ids = idsOf(state, command);
  if (command.type === 'RecordIntentOpened') {
    const { providerRef } = command;
    return known.providerRef === undefined ? [{ type: 'PaymentIntentOpened', data: { ...ids, providerRef } }] : [];
  }
  if (state.void) return [];

  const isOpen = ['requested', 'unknown', 'action_required'].includes(known.status);
  switch (command.type) {
    case 'RecordUnknown':
      return known.status === 'requested' ? [{ type: 'AuthorisationUnknown', data: ids }] : [];
    case 'RecordActionRequired': {
      if (!isOpen || known.status === 'action_required') return [];
      const { providerRef, clientSecret, kind } = command;
      const terms = { providerRef, clientSecret, ...defined({ kind }) };
      return [{ type: 'PaymentActionRequired', data: { ...ids, ...payerOf(known), ...terms } }];
    }
    case 'RecordDeclined':
      return isOpen ? [{ type: 'AuthorisationDeclined', data: { ...ids, declineCode: command.declineCode } }] : [];
    case 'RecordLapsed':
      return isOpen || known.status === 'authorised' ? [{ type: 'AuthorisationLapsed', data: ids }] : [];
    case 'RecordAuthorised': {
      const { amount, currency = known.currency, providerRef, captureBefore, multicapture } = command;
      const { card, last4, risk } = command;
      if (amount !== known.amount || currency !== known.currency) {
        const asked = `${known.amount} ${known.currency}`;
        return reject('conflict', `${paymentId} requested ${asked}, but the provider holds ${amount} ${currency}.`);
      }
      if (known.status === 'declined' && known.providerRef === undefined) {
        return reject('conflict', `${paymentId} was declined before.`);
      }
      if (!isOpen && known.status !== 'declined') return [];
      const subject = last4 === undefined ? {} : payerOf(known);
      const terms = defined({ captureBefore, multicapture, card, last4, risk });
      return [{ type: 'PaymentAuthorised', data: { ...ids, ...subject, amount, providerRef, ...terms } }];
    }
  }
}

/** The data subject of the secrets that the provider tells. */
function payerOf({ customerId }: Authorisation): { customerId?: string } {
  return customerId === undefined ? {} : { customerId };
}

function requestCapture(command: Command<'RequestCapture'>, state: Payment): Decision {
  const { operationId, rest = 0, final = false } = command;
  const { paymentId, status } = state;
  const known = state.captures.find((capture) => capture.operationId === operationId);
  const holder = holderOf(state);
  if (known) {
    const { amount } = command;
    return known.amount === amount || known.amount === amount + rest ? [] : otherAmount(operationId);
  }
  if (!state.authorisation)
    return reject('rule_violated', `${paymentId} was voided before an authorisation was requested.`);
  if (!holder) {
    const isUnderWay = status === 'requested' || status === 'unknown' || status === 'action_required';
    if (isUnderWay) return reject('rule_violated', `${paymentId} is ${status}; nothing can be captured yet.`);
    return isPaidAhead(state) ? [] : failedCapture(command, state, `the payment is ${status}`);
  }
  if (!holder.multicapture && capturesBy(state, holder).length > 0) return [];

  const amount = holder.multicapture ? command.amount : command.amount + rest;
  const held = heldOf(state);
  if (amount > held) return failedCapture(command, state, `only ${held} is held`);
  const isLast = final || !holder.multicapture || amount === heldBy(state, holder);
  const data = {
    ...idsOf(state, command),
    ...defined({
      authorisationId: state.earlier.length > 0 ? holder.operationId : undefined,
      amount,
      final: (isLast && amount > 0) || undefined,
    }),
  };
  const requested: PaymentEvent = { type: 'CaptureRequested', data };
  if (amount > 0) return [requested];
  return [requested, { type: 'PaymentCaptured', data: { ...idsOf(state, command), amount } }];
}

/** The capture must fail, so the provider is not called. The sent goods stay unpaid. */
function failedCapture({ operationId, amount }: Command<'RequestCapture'>, state: Payment, reason: string): Decision {
  const ids = idsOf(state, { operationId });
  return [
    { type: 'CaptureRequested', data: { ...ids, amount } },
    { type: 'CaptureFailed', data: { ...ids, reason } },
  ];
}

function recordCapture(command: Command<'RecordCaptured' | 'RecordCaptureFailed'>, state: Payment): Decision {
  const { operationId } = command;
  const known = state.captures.find((capture) => capture.operationId === operationId);
  if (!known) return unknownOperation(state, operationId);
  const ids = idsOf(state, command);
  if (command.type === 'RecordCaptureFailed') {
    return known.status === 'requested' ? [{ type: 'CaptureFailed', data: { ...ids, reason: command.reason } }] : [];
  }
  const { amount = known.amount, providerRef, fee } = command;
  if (amount !== known.amount) return otherAmount(operationId);
  if (known.status === 'failed') return reject('conflict', `${operationId} has failed before.`);
  return known.status === 'requested'
    ? [{ type: 'PaymentCaptured', data: { ...ids, amount, ...defined({ providerRef, fee }) } }]
    : [];
}

/** A declined authorisation needs no void, unless there is an intent that the customer may still pay. */
function requestVoid(command: Command<'RequestVoid'>, state: Payment | null): Decision {
  const { paymentId, orderId, operationId } = command;
  const data = { paymentId, orderId, operationId };
  if (!state) return [{ type: 'PaymentVoided', data }];
  if (state.void) return [];
  if (state.authorisation?.amount === 0) return state.captures.length > 0 ? [] : [{ type: 'PaymentVoided', data }];
  const mayHold = authorisationsOf(state).some((one) => {
    if (one.status === 'declined') return one.providerRef !== undefined;
    return one.status !== 'lapsed' && heldBy(state, one) > 0;
  });
  return mayHold ? [{ type: 'VoidRequested', data }] : [];
}

/** If several authorisations were captured, the latest is refunded first. Each part has its own key. */
function requestRefund(command: Command<'RequestRefund'>, state: Payment): Decision {
  const { operationId, amount, currency, reason, location } = command;
  const { paymentId, authorisation } = state;
  if (authorisation && currency !== undefined && currency !== authorisation.currency) {
    return reject('rule_violated', `${paymentId} is in ${authorisation.currency}, not in ${currency}.`);
  }
  const known = partsOf(state, operationId);
  if (known.length > 0) return sum(known.map((part) => part.amount)) === amount ? [] : otherAmount(operationId);
  if (isDisputed(state)) return reject('rule_violated', `${paymentId} is disputed; wait for the decision of the bank.`);
  const left = refundableOf(state);
  if (amount > left) {
    const detail =
      capturedOf(state) === 0
        ? `Nothing of ${paymentId} is captured yet; cancel the unsent units instead.`
        : `${paymentId} has ${left} left to refund, in minor units of ${latestOf(state).currency}.`;
    return reject('rule_violated', detail, { refundable: left });
  }

  const events: PaymentEvent[] = [];
  let missing = amount;
  let untold = command.taxes ?? [];
  for (const authorisation of authorisationsOf(state).toReversed()) {
    const part = Math.min(missing, refundableBy(state, authorisation));
    if (part === 0) continue;
    const renewed = state.earlier.length > 0 && { authorisationId: authorisation.operationId };
    const ids = { ...idsOf(state, command), operationId: partId(operationId, events.length + 1) };
    const taxes = taxesOfPart(untold, part, missing);
    const purpose = { reason, ...defined({ taxes: taxes.length > 0 ? taxes : undefined, location }) };
    events.push({ type: 'RefundRequested', data: { ...ids, ...renewed, amount: part, ...purpose } });
    missing -= part;
    untold = taxesWithout(untold, taxes);
  }
  return events;
}

function partId(operationId: string, part: number): string {
  return part === 1 ? operationId : `${operationId}#${part}`;
}

/** A refund that was made can still be returned as failed by the customer's bank. */
function recordRefund(command: Command<'RecordRefunded' | 'RecordRefundFailed'>, state: Payment): Decision {
  const { operationId } = command;
  const known = state.refunds.find((refund) => refund.operationId === operationId);
  if (!known) return unknownOperation(state, operationId);
  const ids = idsOf(state, command);
  if (command.type === 'RecordRefundFailed') {
    return known.status === 'failed' ? [] : [{ type: 'RefundFailed', data: { ...ids, reason: command.reason } }];
  }
  const { amount = known.amount, providerRef } = command;
  if (amount !== known.amount) return otherAmount(operationId);
  if (known.status !== 'requested') return [];
  return [{ type: 'PaymentRefunded', data: { ...ids, amount, ...defined({ providerRef }) } }];
}

function recordDispute(command: DisputeFact, { paymentId, orderId, disputes }: Payment): Decision {
  const { disputeId, amount, reason } = command;
  const ids = { paymentId, orderId, disputeId };
  const known = disputes.find((dispute) => dispute.disputeId === disputeId);
  if (known && known.amount !== amount) return otherAmount(disputeId);
  const opened: PaymentEvent[] = known ? [] : [{ type: 'DisputeOpened', data: { ...ids, amount, reason } }];
  if (command.type === 'RecordDisputeOpened') return opened;
  const { outcome } = command;
  if (known && known.status !== 'open') {
    return known.status === outcome ? [] : reject('conflict', `${disputeId} was ${known.status} before.`);
  }
  return [...opened, { type: 'DisputeClosed', data: { ...ids, outcome } }];
}

/** The reason of a failure that staff have stated. Their own words are in the statement. */
const STATED = 'stated by staff';

/** What staff state is recorded as if the provider had said it, after the statement itself. */
function resolveOperation(command: Command<'ResolveOperation'>, state: Payment, now: number): Decision {
  const { operationId, outcome, reason } = command;
  const known = providerOperations(state).find((one) => one.operationId === operationId);
  if (!known) return unknownOperation(state, operationId);
  if (known.outcome === outcome) return [];
  if (known.outcome !== 'awaited') return reject('conflict', `${operationId} is ${known.outcome} already.`);
  if (now < known.requestedAt + PARKED_AFTER_MS) {
    const minutes = PARKED_AFTER_MS / 60_000;
    return reject(
      'rule_violated',
      `The provider may still answer ${operationId}; wait ${minutes} minutes after its request.`,
    );
  }
  const fact = statedFact(known, command, state);
  const decision = isRejection(fact) ? fact : decide(fact, state, now);
  if (isRejection(decision)) return decision;
  const resolved = { ...idsOf(state, command), outcome, reason };
  return [{ type: 'PaymentOperationResolved', data: resolved }, ...decision];
}

function statedFact(
  { kind, operationId, amount }: ProviderOperation,
  { outcome, providerRef }: Command<'ResolveOperation'>,
  state: Payment,
): PaymentCommand | Rejection {
  const isDone = outcome === 'done';
  switch (kind) {
    case 'authorisation': {
      if (!isDone) return { type: 'RecordDeclined', operationId, declineCode: GENERIC_DECLINE };
      const known = authorisationsOf(state).find((one) => one.operationId === operationId)?.providerRef ?? providerRef;
      return known === undefined
        ? reject('rule_violated', `Money is captured by the provider's reference; state the one of ${operationId}.`)
        : { type: 'RecordAuthorised', operationId, amount, providerRef: known };
    }
    case 'capture':
      return isDone
        ? { type: 'RecordCaptured', operationId, amount, ...defined({ providerRef }) }
        : { type: 'RecordCaptureFailed', operationId, reason: STATED };
    case 'refund':
      return isDone
        ? { type: 'RecordRefunded', operationId, amount, ...defined({ providerRef }) }
        : { type: 'RecordRefundFailed', operationId, reason: STATED };
    case 'void':
      return isDone
        ? { type: 'RecordVoided', operationId }
        : reject(
            'rule_violated',
            'Held money lapses by itself, so a void cannot fail for good; state that it is done.',
          );
  }
}

function idsOf({ paymentId, orderId }: PaymentKey, { operationId }: { operationId: string }) {
  return { paymentId, orderId, operationId };
}

function unknownOperation({ paymentId }: PaymentKey, operationId: string): Rejection {
  return reject('not_found', `${paymentId} has no operation ${operationId}.`);
}

function otherAmount(operationId: string): Rejection {
  return reject('conflict', `${operationId} has a different amount.`);
}
