// The ledger of one payment. The provider is asked outside; what is asked is recorded before, what it said after.
// captured ≤ authorised, and a payment that is voided can never be authorised again.
import type { Decider } from '../kernel/decider.js';
import { type Rejection, reject } from '../kernel/errors.js';
import { sum } from '../kernel/money.js';
import { type PaymentEvent, type PaymentProviderName, paymentEvents } from './events.js';

/** `operationId` is the provider's idempotency key. The reply and the webhook of an operation are the same fact. */
export type PaymentCommand = { operationId: string } & (
  | ({ type: 'RequestAuthorisation' } & PaymentKey & AuthorisationTerms)
  | { type: 'RecordAuthorised'; amount: number; providerRef: string }
  | { type: 'RecordDeclined'; declineCode: string }
  | { type: 'RecordUnknown' }
  | { type: 'RequestCapture'; amount: number }
  | { type: 'RecordCaptured' }
  | ({ type: 'RequestVoid' } & PaymentKey)
  | { type: 'RecordVoided' }
);

interface PaymentKey {
  paymentId: string;
  orderId: string;
}

interface AuthorisationTerms {
  /** Minor units. */
  amount: number;
  currency: string;
  provider: PaymentProviderName;
  method: string;
}

export interface Payment extends PaymentKey {
  status: 'requested' | 'unknown' | 'authorised' | 'declined' | 'void_requested' | 'voided';
  /** Missing if the payment was voided before anything was asked. */
  authorisation?: AuthorisationTerms & { operationId: string; providerRef?: string; declineCode?: string };
  captures: readonly { operationId: string; amount: number; captured: boolean }[];
  voidOperationId?: string;
}

export const payment: Decider<PaymentCommand, Payment | null, PaymentEvent> = {
  category: 'payment',
  events: paymentEvents,
  initialState: null,
  decide,
  evolve,
};

function decide(command: PaymentCommand, state: Payment | null): readonly PaymentEvent[] | Rejection {
  const { operationId } = command;
  if (command.type === 'RequestAuthorisation') return requestAuthorisation(command, state);
  if (command.type === 'RequestVoid') return requestVoid(command, state);
  if (!state) return reject('not_found', 'There is no such payment.');
  const ids = { paymentId: state.paymentId, orderId: state.orderId, operationId };

  switch (command.type) {
    case 'RequestCapture': {
      const known = state.captures.find((capture) => capture.operationId === operationId);
      if (known) return known.amount === command.amount ? [] : reject('conflict', `${operationId} had another amount.`);
      if (state.status !== 'authorised') {
        return reject('rule_violated', `${state.paymentId} is ${state.status}; nothing can be captured.`);
      }
      const left = state.authorisation!.amount - sum(state.captures.map(({ amount }) => amount));
      if (command.amount > left) return reject('rule_violated', `${state.paymentId} has ${left} left to capture.`);
      return [{ type: 'CaptureRequested', data: { ...ids, amount: command.amount } }];
    }
    case 'RecordCaptured': {
      const known = state.captures.find((capture) => capture.operationId === operationId);
      if (!known) return reject('not_found', `${state.paymentId} knows no capture ${operationId}.`);
      return known.captured ? [] : [{ type: 'PaymentCaptured', data: { ...ids, amount: known.amount } }];
    }
    case 'RecordVoided':
      if (state.voidOperationId !== operationId) {
        return reject('not_found', `${state.paymentId} knows no void ${operationId}.`);
      }
      return state.status === 'voided' ? [] : [{ type: 'PaymentVoided', data: ids }];
    default:
      return recordAuthorisation(command, state);
  }
}

function requestAuthorisation(
  command: Extract<PaymentCommand, { type: 'RequestAuthorisation' }>,
  state: Payment | null,
): readonly PaymentEvent[] | Rejection {
  const { type, ...data } = command;
  if (!state) return [{ type: 'AuthorisationRequested', data }];
  if (state.authorisation?.operationId === command.operationId) return [];
  return reject(
    'conflict',
    `${state.paymentId} is ${state.status}; it cannot be authorised as ${command.operationId}.`,
  );
}

function requestVoid(
  { paymentId, orderId, operationId }: Extract<PaymentCommand, { type: 'RequestVoid' }>,
  state: Payment | null,
): readonly PaymentEvent[] | Rejection {
  const data = { paymentId, orderId, operationId };
  if (!state) return [{ type: 'PaymentVoided', data }];
  if (['declined', 'void_requested', 'voided'].includes(state.status)) return [];
  if (state.captures.length > 0) return reject('rule_violated', `${paymentId} is captured; it can only be refunded.`);
  return [{ type: 'VoidRequested', data }];
}

/** The first answer counts. Once the payment is being voided no answer matters: the void covers them all. */
function recordAuthorisation(
  command: Extract<PaymentCommand, { type: 'RecordAuthorised' | 'RecordDeclined' | 'RecordUnknown' }>,
  state: Payment,
): readonly PaymentEvent[] | Rejection {
  const { paymentId, orderId, status, authorisation } = state;
  const { operationId } = command;
  if (authorisation?.operationId !== operationId) {
    return reject('not_found', `${paymentId} knows no authorisation ${operationId}.`);
  }
  if (status === 'void_requested' || status === 'voided') return [];
  const ids = { paymentId, orderId, operationId };
  const answered = status === 'authorised' || status === 'declined';
  switch (command.type) {
    case 'RecordUnknown':
      return answered || status === 'unknown' ? [] : [{ type: 'AuthorisationUnknown', data: ids }];
    case 'RecordAuthorised': {
      const { amount, providerRef } = command;
      if (amount !== authorisation.amount) {
        return reject('conflict', `${paymentId} asked for ${authorisation.amount}, the provider holds ${amount}.`);
      }
      if (status === 'declined') return reject('conflict', `${paymentId} was declined before.`);
      return answered ? [] : [{ type: 'PaymentAuthorised', data: { ...ids, amount, providerRef } }];
    }
    case 'RecordDeclined':
      if (status === 'authorised') return reject('conflict', `${paymentId} was authorised before.`);
      return answered ? [] : [{ type: 'AuthorisationDeclined', data: { ...ids, declineCode: command.declineCode } }];
  }
}

function evolve(state: Payment | null, { type, data }: PaymentEvent): Payment {
  const { paymentId, orderId, operationId } = data;
  const known: Payment = state ?? { paymentId, orderId, status: 'requested', captures: [] };
  switch (type) {
    case 'AuthorisationRequested': {
      const { amount, currency, provider, method } = data;
      return { ...known, authorisation: { operationId, amount, currency, provider, method } };
    }
    case 'PaymentAuthorised':
      return {
        ...known,
        status: 'authorised',
        authorisation: { ...known.authorisation!, providerRef: data.providerRef },
      };
    case 'AuthorisationDeclined':
      return {
        ...known,
        status: 'declined',
        authorisation: { ...known.authorisation!, declineCode: data.declineCode },
      };
    case 'AuthorisationUnknown':
      return { ...known, status: 'unknown' };
    case 'CaptureRequested':
      return { ...known, captures: [...known.captures, { operationId, amount: data.amount, captured: false }] };
    case 'PaymentCaptured':
      return {
        ...known,
        captures: known.captures.map((capture) =>
          capture.operationId === operationId ? { ...capture, captured: true } : capture,
        ),
      };
    case 'VoidRequested':
      return { ...known, status: 'void_requested', voidOperationId: operationId };
    case 'PaymentVoided':
      return { ...known, status: 'voided', voidOperationId: operationId };
  }
}

/** What the provider still has to be asked, always under a key that is recorded already. */
export type ProviderCall = { paymentId: string; orderId: string; operationId: string } & (
  | ({ call: 'authorise'; again: boolean } & AuthorisationTerms)
  | ({ call: 'capture'; of: string; providerRef: string } & AuthorisationTerms)
  /** `of` is the key of the authorisation that must not hold any money, whether or not it reached the provider. */
  | ({ call: 'void'; of: string; providerRef?: string } & AuthorisationTerms)
);

export function dueCall(state: Payment | null): ProviderCall | undefined {
  if (!state?.authorisation) return undefined;
  const { paymentId, orderId, status, authorisation, captures, voidOperationId } = state;
  const { operationId: of, providerRef, declineCode, ...terms } = authorisation;
  const ids = { paymentId, orderId };
  if (status === 'requested' || status === 'unknown') {
    return { ...ids, ...terms, call: 'authorise', operationId: of, again: status === 'unknown' };
  }
  if (status === 'void_requested') {
    const reference = providerRef === undefined ? {} : { providerRef };
    return { ...ids, ...terms, call: 'void', operationId: voidOperationId!, of, ...reference };
  }
  const capture = captures.find(({ captured }) => !captured);
  if (!capture) return undefined;
  const { operationId, amount } = capture;
  return { ...ids, ...terms, call: 'capture', operationId, of, providerRef: providerRef!, amount };
}

export type PaymentStatus =
  | 'not_paid'
  | 'pending'
  | 'authorised'
  | 'partially_captured'
  | 'captured'
  | 'declined'
  | 'voided';

export function paymentStatusOf(state: Payment | null): PaymentStatus {
  if (!state) return 'not_paid';
  const { status, authorisation, captures } = state;
  if (status === 'declined' || status === 'voided') return status;
  if (status !== 'authorised') return 'pending';
  const captured = sum(captures.filter((capture) => capture.captured).map(({ amount }) => amount));
  if (captured === authorisation!.amount && captures.length > 0) return 'captured';
  return captured > 0 ? 'partially_captured' : 'authorised';
}
