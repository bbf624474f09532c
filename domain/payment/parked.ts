// The operations of a payment as its provider sees them, and those that are parked: the provider has not said for a while whether
// they were done. The agenda goes on asking; staff may state the outcome.
import type { RecordedOutcome } from './events.js';
import { authorisationsOf, isDisputed, latestOf, type Payment } from './ledger.js';

/** Before that, a request may still be on its way, and its answer could contradict what staff state. */
export const PARKED_AFTER_MS = 5 * 60_000;

export const OPERATION_KINDS = ['authorisation', 'capture', 'void', 'refund'] as const;

export interface ProviderOperation {
  kind: (typeof OPERATION_KINDS)[number];
  operationId: string;
  /** Minor units of the payment's currency. */
  amount: number;
  outcome: RecordedOutcome | 'awaited';
  /** In ms of the log's clock. */
  requestedAt: number;
}

/** All operations whose outcome is recorded or awaited, the oldest of each kind first. */
export function providerOperations(state: Payment): ProviderOperation[] {
  if (!state.authorisation) return [];
  const operations: ProviderOperation[] = [];
  const add = (
    kind: ProviderOperation['kind'],
    { operationId, requestedAt }: { operationId: string; requestedAt: number },
    amount: number,
    outcome: ProviderOperation['outcome'] | undefined,
  ) => {
    if (outcome) operations.push({ kind, operationId, amount, outcome, requestedAt });
  };
  // A void covers all authorisations, whatever has become of them.
  for (const one of state.void ? [] : authorisationsOf(state)) {
    add('authorisation', one, one.amount, AUTHORISED[one.status]);
  }
  for (const one of state.captures) add('capture', one, one.amount, MOVED[one.status]);
  if (state.void) {
    add('void', state.void, latestOf(state).amount, state.status === 'void_requested' ? 'awaited' : 'done');
  }
  // A refund is not requested while the payment is disputed.
  for (const one of state.refunds) {
    const outcome = MOVED[one.status];
    add('refund', one, one.amount, outcome === 'awaited' && isDisputed(state) ? undefined : outcome);
  }
  return operations;
}

export function parkedOperations(state: Payment, now: number): ProviderOperation[] {
  return providerOperations(state).filter(
    ({ outcome, requestedAt }) => outcome === 'awaited' && now >= requestedAt + PARKED_AFTER_MS,
  );
}

const AUTHORISED = {
  requested: 'awaited',
  unknown: 'awaited',
  action_required: undefined,
  authorised: 'done',
  declined: 'failed',
  lapsed: undefined,
  voided: undefined,
} as const;

const MOVED = { requested: 'awaited', captured: 'done', refunded: 'done', failed: 'failed' } as const;
