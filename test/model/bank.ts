// A payment provider with its own records. It keeps its promises to the shop: the same key is the same operation, which is
// executed once. It also keeps its own rules: it captures only held money and refunds only captured money. A request beyond that
// is recorded as an offence. It reports every change with a webhook.
import type { WebhookEvent } from '../../commands/checkout/payment-webhooks.js';
import type { BookEntry } from '../../commands/payment/books.js';
import type {
  AuthorisationAnswer,
  AuthorisationRequest,
  CaptureAnswer,
  Held,
  PaymentProvider,
  RefundAnswer,
} from '../../commands/payment/provider.js';
import type { Clock } from '../../domain/kernel/clock.js';
import { sum } from '../../domain/kernel/money.js';

const KEY_LIFETIME_MS = 24 * 3_600_000;
const HOLD_MS = 7 * 24 * 3_600_000;

export const CARDS = {
  visa: 'pm_card_visa',
  mastercard: 'pm_card_mastercard',
  declined: 'pm_card_visa_chargeDeclined',
  authenticate: 'pm_card_authenticationRequired',
} as const;
export type Card = keyof typeof CARDS;

interface Intent {
  request: AuthorisationRequest;
  status: 'opened' | 'action_required' | 'held' | 'declined' | 'cancelled' | 'lapsed';
  captured: number;
  /** After the capture nothing is held any more. */
  closed: boolean;
  captureBefore: number;
  refunds: { operationId: string; amount: number }[];
}

export type BankEvent = WebhookEvent & { about: { providerRef: string } };

/** The state of a payment in the bank's records. */
export interface Books {
  held: number;
  captured: number;
  refunded: number;
  /** The latest authorisation, with some money that was never captured. */
  lapsed: boolean;
}

export interface Bank {
  provider: PaymentProvider;
  find(providerRef: string): Promise<BookEntry | undefined>;
  /** The customer completes the bank's authentication, or fails it. */
  authenticate(paymentId: string, succeed: boolean): void;
  /** The bank rejects the next capture of this payment, though it holds the money. */
  refuse(paymentId: string): void;
  /** The bank rejects nothing from now on. */
  calm(): void;
  booksOf(paymentId: string): Books;
  /** Invalid requests to the bank. */
  offences: string[];
}

export function createBank(clock: Clock, onChange: (event: BankEvent) => void): Bank {
  const intents = new Map<string, Intent>();
  const answers = new Map<string, { at: number; asked: string; answer: unknown }>();
  const offences: string[] = [];
  const refusing = new Set<string>();
  let told = 0;

  /** The same key is the same operation, for a day. */
  async function once<T>(call: string, key: string, asked: object, act: () => T): Promise<T> {
    const id = `${call} ${key}`;
    const known = answers.get(id);
    const content = JSON.stringify(asked);
    if (known && clock() - known.at < KEY_LIFETIME_MS) {
      if (known.asked !== content) offences.push(`${id} was asked for as ${known.asked} and as ${content}`);
      return known.answer as T;
    }
    const answer = act();
    answers.set(id, { at: clock(), asked: content, answer });
    return answer;
  }

  function intentOf(request: AuthorisationRequest): Intent {
    const known = intents.get(request.key);
    if (known) {
      if (known.status === 'held' && clock() >= known.captureBefore) known.status = 'lapsed';
      return known;
    }
    const opened: Intent = { request, status: 'opened', captured: 0, closed: false, captureBefore: 0, refunds: [] };
    intents.set(request.key, opened);
    return opened;
  }

  function become(intent: Intent, status: Intent['status']): void {
    intent.status = status;
    if (status === 'held') intent.captureBefore = clock() + HOLD_MS;
    tell(intent);
  }

  function tell({ request, status }: Intent): void {
    onChange({ id: `event-${told++}`, type: status, about: { providerRef: referenceOf(request) } });
  }

  function confirm(intent: Intent): AuthorisationAnswer {
    const { method, offSession } = intent.request;
    if (intent.status === 'opened' || intent.status === 'declined') {
      if (method === CARDS.declined || (method === CARDS.authenticate && offSession)) become(intent, 'declined');
      else become(intent, method === CARDS.authenticate ? 'action_required' : 'held');
    }
    const { authorisation } = heldOf(intent);
    if (authorisation.status === 'released') return { status: 'declined', declineCode: 'cancelled' };
    return authorisation as AuthorisationAnswer;
  }

  function capture(intent: Intent, amount: number, final: boolean): CaptureAnswer {
    const failed = (reason: string): CaptureAnswer => ({ status: 'failed', reason });
    if (intent.status !== 'held') return failed(`it is ${intent.status}`);
    if (intent.closed || intent.captured + amount > intent.request.amount.amount) {
      offences.push(`${amount} more of ${intent.request.paymentId} are to be captured than are held`);
      return failed('nothing more is held');
    }
    if (refusing.delete(intent.request.paymentId)) return failed('refused');
    intent.captured += amount;
    intent.closed = final || !isMulticapture(intent) || intent.captured === intent.request.amount.amount;
    tell(intent);
    return { status: 'captured' };
  }

  function release(intent: Intent): void {
    if (intent.captured > 0) intent.closed = true;
    else if (intent.status !== 'lapsed') intent.status = 'cancelled';
    tell(intent);
  }

  function refund(intent: Intent, operationId: string, amount: number): RefundAnswer {
    if (amount > intent.captured - refundedOf(intent)) {
      offences.push(`${amount} of ${intent.request.paymentId} are to be refunded, more than is left`);
      return { status: 'failed', reason: 'charge_already_refunded' };
    }
    intent.refunds.push({ operationId, amount });
    tell(intent);
    return { status: 'refunded', providerRef: `re_${operationId}` };
  }

  const provider: PaymentProvider = {
    open: (request) =>
      once('open', request.key, amountOf(request), () => {
        intentOf(request);
        return { providerRef: referenceOf(request) };
      }),
    authorise: (request) => once('confirm', request.key, amountOf(request), () => confirm(intentOf(request))),
    retrieve: async (request) => structuredClone(heldOf(intentOf(request))),
    capture: ({ key, of, amount: { amount }, final }) =>
      once('capture', key, { amount, final }, () => capture(intentOf(of), amount, final)),
    void: ({ key, of }) => once('cancel', key, { of: of.key }, () => release(intentOf(of))),
    refund: ({ key, of, amount: { amount } }) =>
      once('refund', key, { of: of.key, amount }, () => refund(intentOf(of), key, amount)),
  };

  return {
    provider,
    offences,
    async find(providerRef) {
      const intent = [...intents.values()].find(({ request }) => referenceOf(request) === providerRef);
      return intent && entryOf(intentOf(intent.request));
    },
    authenticate(paymentId, succeed) {
      for (const intent of intents.values()) {
        if (intent.request.paymentId !== paymentId || intent.status !== 'action_required') continue;
        become(intent, succeed ? 'held' : 'declined');
      }
    },
    refuse: (paymentId) => void refusing.add(paymentId),
    calm: () => refusing.clear(),
    booksOf(paymentId) {
      const own = [...intents.values()].filter(({ request }) => request.paymentId === paymentId);
      for (const { request } of own) intentOf(request);
      return {
        held: sum(own.filter(isHeld).map(({ request, captured }) => request.amount.amount - captured)),
        captured: sum(own.map(({ captured }) => captured)),
        refunded: sum(own.map(refundedOf)),
        lapsed: own.at(-1)?.status === 'lapsed',
      };
    },
  };
}

function entryOf(intent: Intent): BookEntry {
  const { request } = intent;
  const { amount, currency } = request.amount;
  return {
    providerRef: referenceOf(request),
    of: { paymentId: request.paymentId, operationId: request.key },
    amount,
    currency,
    held: heldOf(intent),
    refunded: refundedOf(intent),
  };
}

function isHeld({ status, closed }: Intent): boolean {
  return status === 'held' && !closed;
}

function heldOf(intent: Intent): Held {
  const { captured, refunds } = intent;
  const told = refunds.map((refund) => ({
    ...refund,
    status: 'refunded' as const,
    providerRef: `re_${refund.operationId}`,
  }));
  const capturable = isHeld(intent) ? intent.request.amount.amount - captured : 0;
  return { authorisation: authorisationOf(intent), captured, capturable, refunds: told };
}

function authorisationOf(intent: Intent): Held['authorisation'] {
  const { request, status, captureBefore } = intent;
  const providerRef = referenceOf(request);
  switch (status) {
    case 'opened':
      return { status: 'none' };
    case 'action_required':
      return { status, providerRef, clientSecret: `${providerRef}_secret` };
    case 'declined':
      return { status, declineCode: 'generic_decline' };
    case 'held':
      return {
        status: 'authorised',
        ...request.amount,
        providerRef,
        captureBefore: new Date(captureBefore).toISOString(),
        ...(isMulticapture(intent) && { multicapture: true }),
      };
    case 'cancelled':
    case 'lapsed':
      return { status: 'released' };
  }
}

function isMulticapture({ request }: Intent): boolean {
  return request.method !== CARDS.mastercard;
}

function refundedOf({ refunds }: Intent): number {
  return sum(refunds.map(({ amount }) => amount));
}

function referenceOf({ key }: AuthorisationRequest): string {
  return `pi_${key}`;
}

function amountOf({ amount, method }: AuthorisationRequest): object {
  return { ...amount, method };
}
