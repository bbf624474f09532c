// Between the ledger and the provider: the calls that are due, always under a key that is already recorded, and the facts that
// the ledger derives from the provider's state.
import { valueAt } from '../kernel/collections.js';
import { sum } from '../kernel/money.js';
import type { AuthorisationDetails, CaptureDetails } from './events.js';
import {
  type Authorisation,
  authorisationsOf,
  capturesBy,
  heldBy,
  isDisputed,
  type Payment,
  refundableOf,
} from './ledger.js';
import type { MethodKind } from './method-kinds.js';
import type { PaymentCommand } from './payment.js';

/**
 * A provider forgets its keys after 24 hours. After this time (which allows for clocks and slow calls) the provider's state is
 * read first.
 */
export const KEY_LIFETIME_MS = 23 * 3_600_000;

export type ProviderCall = {
  paymentId: string;
  orderId: string;
  /** The idempotency key. */
  operationId: string;
  /** The authorisation that the call makes or acts on. */
  authorisation: Authorisation;
  /** Read the provider's state first: it may have forgotten the key, or may know an outcome that we do not. */
  retrieve: boolean;
  /** When the operation was requested, in ms of the log's clock. */
  requestedAt: number;
} /** `renewal`: the customer is not present. */ & (
  | { call: 'authorise'; again: boolean; renewal: boolean }
  | { call: 'capture'; amount: number; final: boolean }
  /**
   * None of these authorisations may hold money afterwards, whether or not they reached the provider. The first is
   * `authorisation`.
   */
  | { call: 'void'; authorisations: readonly Authorisation[] }
  /** The renewal holds the same money, so this authorisation is released. */
  | { call: 'release' }
  /** `isForbidden`: a bank has returned so much that this refund must not be made. It counts only if it was made before. */
  | { call: 'refund'; amount: number; isForbidden: boolean }
);

/** The next call. Undefined if nothing is due, or if the customer has to act. `now` in ms. */
export function dueCall(state: Payment | null, now: number): ProviderCall | undefined {
  if (!state?.authorisation) return undefined;
  const { paymentId, orderId, status, authorisation, captures, refunds } = state;
  const all = authorisationsOf(state);
  const call = (operation: { operationId: string; requestedAt: number }, of: Authorisation) => ({
    paymentId,
    orderId,
    operationId: operation.operationId,
    authorisation: of,
    retrieve: now - operation.requestedAt > KEY_LIFETIME_MS,
    requestedAt: operation.requestedAt,
  });
  const byId = new Map(all.map((one) => [one.operationId, one]));

  const capture = captures.find(({ status }) => status === 'requested');
  if (capture) {
    const { amount, final } = capture;
    return { ...call(capture, valueAt(byId, capture.authorisationId)), call: 'capture', amount, final };
  }
  const authorisations = all.filter((one) => one.status !== 'lapsed');
  const [oldest] = authorisations;
  if (status === 'void_requested' && state.void && oldest) {
    return { ...call(state.void, oldest), call: 'void', authorisations };
  }
  if (status === 'requested' || status === 'unknown') {
    const again = status === 'unknown';
    const due = call(authorisation, authorisation);
    const retrieve = due.retrieve || (again && authorisation.providerRef !== undefined);
    return { ...due, call: 'authorise', retrieve, again, renewal: state.earlier.length > 0 };
  }
  const renewed =
    status === 'authorised' && state.earlier.find((one) => one.status === 'authorised' && heldBy(state, one) > 0);
  if (renewed) {
    const operation = { operationId: `${renewed.operationId}/release`, requestedAt: authorisation.requestedAt };
    return { ...call(operation, renewed), call: 'release' };
  }
  const refund = isDisputed(state) ? undefined : refunds.find(({ status }) => status === 'requested');
  if (refund) {
    const { amount } = refund;
    const made = refunds.filter(({ status }) => status === 'refunded');
    const isForbidden = amount > refundableOf({ ...state, refunds: made });
    const due = call(refund, valueAt(byId, refund.authorisationId));
    return { ...due, retrieve: due.retrieve || isForbidden, call: 'refund', amount, isForbidden };
  }
  return undefined;
}

/** A provider's answer to an authorisation, at once or when asked again. */
export type AuthorisationAnswer =
  | ({
      status: 'authorised';
      /** Minor units. */
      amount: number;
      currency: string;
      providerRef: string;
      /** RFC 3339: when the authorisation lapses. */
      captureBefore?: string;
      /** The authorisation may be captured in several parts. */
      multicapture?: true;
    } & AuthorisationDetails)
  /** The customer has to act; the secret lets their browser do it. `kind` is the kind of payment; absent: a card. */
  | { status: 'action_required'; providerRef: string; clientSecret: string; kind?: MethodKind }
  | { status: 'declined'; declineCode: string };

/** A provider's state of one authorisation at some moment. An older state says less, but never contradicts a newer one. */
export interface Held {
  /**
   * `none`: the request never arrived, or was not confirmed. `pending`: the provider does not know yet either. `released`: nothing
   * is authorised any more, and nothing was captured or can be captured.
   */
  authorisation: AuthorisationAnswer | { status: 'none' | 'pending' | 'released' };
  /** Captured so far, minor units. */
  captured: number;
  /** Details of the capture. The fee is set only if there was a single capture. */
  details?: CaptureDetails;
  /** Can still be captured now, minor units. */
  capturable: number;
  /** The refunds that were requested under an operation id of ours. */
  refunds: readonly { operationId: string; amount: number; status: 'refunded' | 'failed'; providerRef: string }[];
}

/** Translates a provider's state into commands for the ledger. There is none if the state adds nothing. */
export function factsIn(state: Payment, operationId: string, held: Held): readonly PaymentCommand[] {
  const authorisation = authorisationsOf(state).find((one) => one.operationId === operationId);
  if (!authorisation) return [];
  return [
    ...factOfAuthorisation(state, authorisation, held),
    ...factsOfCaptures(state, authorisation, held),
    ...held.refunds.flatMap((refund) => factOfRefund(state, refund)),
  ];
}

function factOfAuthorisation(state: Payment, authorisation: Authorisation, held: Held): readonly PaymentCommand[] {
  const { operationId, status } = authorisation;
  const answer = held.authorisation;
  switch (answer.status) {
    case 'authorised':
      return hasLapsedInPart(state, authorisation, held)
        ? [{ type: 'RecordLapsed', operationId }]
        : [recordOf(operationId, answer)];
    case 'action_required':
    case 'declined':
      return [recordOf(operationId, answer)];
    case 'pending':
      return [{ type: 'RecordUnknown', operationId }];
    case 'none':
      return [];
    case 'released':
      if (state.void) {
        return state.earlier.length === 0 ? [{ type: 'RecordVoided', operationId: state.void.operationId }] : [];
      }
      return status === 'authorised'
        ? [{ type: 'RecordLapsed', operationId }]
        : [{ type: 'RecordDeclined', operationId, declineCode: 'cancelled' }];
  }
}

/**
 * After a partial capture the provider only says that nothing is left. The authorisation has lapsed if our captures are all that
 * was captured and no void or final capture released the rest.
 */
export function hasLapsedInPart(state: Payment, authorisation: Authorisation, { captured, capturable }: Held): boolean {
  if (state.void || authorisation.status !== 'authorised' || captured === 0 || capturable > 0) return false;
  const own = capturesBy(state, authorisation);
  return (
    heldBy(state, authorisation) > 0 &&
    own.every(({ status }) => status === 'captured') &&
    sum(own.map(({ amount }) => amount)) === captured
  );
}

/** The ledger's command for an answer to the authorisation `operationId`. */
export function recordOf(operationId: string, answer: AuthorisationAnswer): PaymentCommand {
  switch (answer.status) {
    case 'authorised': {
      const { status, ...terms } = answer;
      return { type: 'RecordAuthorised', operationId, ...terms };
    }
    case 'action_required': {
      const { status, ...terms } = answer;
      return { type: 'RecordActionRequired', operationId, ...terms };
    }
    case 'declined':
      return { type: 'RecordDeclined', operationId, declineCode: answer.declineCode };
  }
}

/**
 * Captures are requested one after the other, so the sum tells which of them were made. The fee is known only for a single
 * capture.
 */
function factsOfCaptures(
  state: Payment,
  authorisation: Authorisation,
  { captured, details: { fee, ...details } = {} }: Held,
): readonly PaymentCommand[] {
  const facts: PaymentCommand[] = [];
  let left = captured;
  for (const { operationId, amount, status } of capturesBy(state, authorisation)) {
    left -= amount;
    if (left < 0) break;
    if (status !== 'requested') continue;
    const own = fee !== undefined && amount === captured ? { ...details, fee } : details;
    facts.push({ type: 'RecordCaptured', operationId, amount, ...own });
  }
  return facts;
}

function factOfRefund({ refunds }: Payment, told: Held['refunds'][number]): readonly PaymentCommand[] {
  const { operationId, amount, status, providerRef } = told;
  if (!refunds.some((refund) => refund.operationId === operationId)) return [];
  return status === 'refunded'
    ? [{ type: 'RecordRefunded', operationId, amount, providerRef }]
    : [{ type: 'RecordRefundFailed', operationId, reason: 'failed at the provider' }];
}
