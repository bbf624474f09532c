// Compares our ledgers with the provider's records. It reports every difference and repairs the safe ones. It is safe to record
// what the provider says has happened, and to release money that no order needs.
import { type Clock, hlcOf, millisOf } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { PaymentProviderName } from '../../domain/payment/events.js';
import { type Authorisation, authorisationsOf, type Payment } from '../../domain/payment/ledger.js';
import { type DisputeFact, payment } from '../../domain/payment/payment.js';
import { hasLapsedInPart } from '../../domain/payment/provider-calls.js';
import type { Settlement } from '../order/settlement.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import type { BookEntry, PaymentBooks } from './books.js';
import type { PaymentOperations } from './operations.js';

/** A recent change on one side may not have reached the other yet. */
const SETTLED_AFTER_MS = 60_000;

/** `missing_here`: the provider has it under our name, but the ledger does not know it. `missing_there`: the other way round. */
export type DifferenceKind =
  | 'missing_here'
  | 'missing_there'
  | 'status'
  | 'amount'
  | 'currency'
  | 'captured'
  | 'refunded'
  | 'dispute';

export interface Difference {
  kind: DifferenceKind;
  providerRef: string;
  paymentId: string;
  operationId: string;
  here: string | number;
  there: string | number;
  repaired: boolean;
}

export interface Reconciliation {
  /** Number of compared authorisations. */
  compared: number;
  /** In the provider's records, but not made by this shop. */
  notOurs: number;
  /** Changed in the last minute. They are compared next time. */
  underWay: number;
  differences: readonly Difference[];
}

/** An entry that this shop made. */
type OwnEntry = BookEntry & Required<Pick<BookEntry, 'of'>>;

export interface ReconcileDeps {
  provider: PaymentProviderName;
  books: PaymentBooks;
  store: Pick<EventStore, 'log'>;
  runner: CommandRunner;
  payments: Pick<PaymentOperations, 'record'>;
  settlement: Pick<Settlement, 'attempt'>;
  clock: Clock;
}

export interface ReconcileOptions {
  /** Compare what was opened since then, in ms. */
  from: number;
  repair: boolean;
}

const ORIGIN: Origin = { correlationId: 'reconcile', actor: { type: 'process', id: 'reconcile' } };

export async function reconcile(deps: ReconcileDeps, { from, repair }: ReconcileOptions): Promise<Reconciliation> {
  const { provider, books, store, runner, payments, settlement, clock } = deps;
  const upTo = clock();
  const seen = new Set<string>();
  const disputes = await disputesOf(books, from, upTo);
  const differences: Difference[] = [];
  const counts = { compared: 0, notOurs: 0, underWay: 0 };

  async function ledgerOf(paymentId: string): Promise<{ state: Payment | null; isUnderWay: boolean }> {
    const { state, position } = await runner.load(payment, streamOf(paymentId));
    return { state, isUnderWay: position.commitNo > 0 && millisOf(position.at) > upTo - SETTLED_AFTER_MS };
  }

  function apart(state: Payment | null, entry: OwnEntry): Difference[] {
    return [...differencesOf(state, entry), ...disputesApart(state, entry, disputes.get(entry.providerRef) ?? [])];
  }

  async function compare(entry: BookEntry): Promise<void> {
    seen.add(entry.providerRef);
    const { of } = entry;
    if (!of) return void counts.notOurs++;
    const { state, isUnderWay } = await ledgerOf(of.paymentId);
    if (isUnderWay) return void counts.underWay++;
    counts.compared++;
    const own = { ...entry, of };
    const found = apart(state, own);
    const left = repair && found.length > 0 ? await afterRepair(state, own) : found;
    const isLeft = ({ kind }: Difference) => left.some((other) => other.kind === kind);
    differences.push(...found.map((one) => ({ ...one, repaired: !isLeft(one) })));
  }

  /** Records what the provider knows, releases what is not needed, and compares again. */
  async function afterRepair(state: Payment | null, entry: OwnEntry): Promise<Difference[]> {
    const { of } = entry;
    const { paymentId, operationId } = of;
    if (state?.authorisation) {
      const issuedAt = state.authorisation.requestedAt;
      for (const dispute of disputes.get(entry.providerRef) ?? []) {
        const id = `${ORIGIN.correlationId}/${dispute.disputeId}/${dispute.type}`;
        const meta: CommandMeta = { id, issuedAt, late: 'search', ...ORIGIN };
        leaveToPeople(await runner.execute(payment, streamOf(paymentId), dispute, meta));
      }
      leaveToPeople(await payments.record(paymentId, operationId, entry.held, { origin: ORIGIN }));
      // A refund of a return or a cancellation may have waited for the end of a dispute.
      if (disputes.has(entry.providerRef)) await settlement.attempt(state.orderId, ORIGIN);
    }
    const after = (await ledgerOf(paymentId)).state;
    if (isHeldForNothing(after, entry)) await books.release(entry);
    const there = await books.find(entry.providerRef);
    return there ? apart(after, { ...there, of }) : [];
  }

  for await (const entry of books.opened({ from, upTo })) await compare(entry);

  for (const providerRef of disputes.keys()) {
    const entry = seen.has(providerRef) ? undefined : await books.find(providerRef);
    if (entry) await compare(entry);
  }

  for (const stream of await paymentStreams(store, from, upTo)) {
    const { state } = await runner.load(payment, stream);
    if (!state) continue;
    for (const one of authorisationsOf(state)) {
      const { amount, providerRef, requestedAt } = one;
      if (one.provider !== provider || providerRef === undefined || seen.has(providerRef)) continue;
      if (amount === 0) continue; // zero amounts skip the provider
      if (requestedAt < from || requestedAt > upTo - SETTLED_AFTER_MS) continue;
      const entry = await books.find(providerRef);
      if (entry) await compare(entry);
      else
        differences.push({
          ...named('missing_there', state, { ...one, providerRef }),
          here: one.status,
          there: 'nothing',
        });
    }
  }
  return { ...counts, differences };
}

/** The disputes by provider reference. */
async function disputesOf(books: PaymentBooks, from: number, upTo: number): Promise<Map<string, DisputeFact[]>> {
  const found = new Map<string, DisputeFact[]>();
  for await (const { providerRef, dispute } of books.disputed({ from, upTo })) {
    found.set(providerRef, [...(found.get(providerRef) ?? []), dispute]);
  }
  return found;
}

/** A fact that contradicts the ledger is not recorded. The report shows it. */
function leaveToPeople(result: object | Rejection): void {
  if (!isRejection(result, 'conflict')) orThrow(result);
}

/** In log order. */
async function paymentStreams(store: Pick<EventStore, 'log'>, from: number, upTo: number): Promise<Set<StreamId>> {
  const streams = new Set<StreamId>();
  for await (const { stream } of store.log(hlcOf(from), hlcOf(upTo))) {
    if (stream.startsWith(`${payment.category}#`)) streams.add(stream);
  }
  return streams;
}

function named(
  kind: DifferenceKind,
  { paymentId }: Payment,
  { operationId, providerRef }: Authorisation & { providerRef: string },
) {
  return { kind, providerRef, paymentId, operationId, repaired: false };
}

function differencesOf(state: Payment | null, entry: OwnEntry): Difference[] {
  const { providerRef, of, held, amount, currency, refunded } = entry;
  const ids = { providerRef, ...of, repaired: false };
  const here = state && authorisationsOf(state).find(({ operationId }) => operationId === of.operationId);
  const there = here && hasLapsedInPart(state, here, held) ? 'released' : held.authorisation.status;
  // An unused authorisation holds nothing, and both sides have dropped it.
  const isIdle = there === 'none' || (there === 'released' && held.captured === 0);
  if (!here || (here.providerRef !== providerRef && here.providerRef !== undefined)) {
    return isIdle ? [] : [{ kind: 'missing_here', here: 'nothing', there, ...ids }];
  }

  const found: Difference[] = [];
  const compare = (kind: DifferenceKind, ours: string | number, theirs: string | number) => {
    if (ours !== theirs) found.push({ kind, here: ours, there: theirs, ...ids });
  };
  compare('amount', here.amount, amount);
  compare('currency', here.currency, currency);
  compare('captured', made(state.captures, here, 'captured'), held.captured);
  compare('refunded', made(state.refunds, here, 'refunded'), refunded);
  const isAgreed = STATUSES_HERE[there].includes(here.status) || (isEnded(here) && held.capturable === 0);
  if (!isAgreed || isHeldForNothing(state, entry)) found.push({ kind: 'status', here: here.status, there, ...ids });
  return found;
}

function disputesApart(state: Payment | null, entry: OwnEntry, told: readonly DisputeFact[]): Difference[] {
  if (!state) return [];
  const ids = { providerRef: entry.providerRef, ...entry.of, repaired: false };
  return told.flatMap((dispute): Difference[] => {
    const known = state.disputes.find(({ disputeId }) => disputeId === dispute.disputeId);
    const here = known ? `${known.status} ${known.amount}` : 'nothing';
    const there = `${dispute.type === 'RecordDisputeClosed' ? dispute.outcome : 'open'} ${dispute.amount}`;
    return here === there ? [] : [{ kind: 'dispute', here, there, ...ids }];
  });
}

/** The statuses of the ledger that match each status at the provider. */
const STATUSES_HERE: Readonly<
  Record<BookEntry['held']['authorisation']['status'], readonly Authorisation['status'][]>
> = {
  authorised: ['authorised'],
  action_required: ['action_required'],
  declined: ['declined'],
  none: ['requested', 'unknown', 'declined'],
  pending: ['requested', 'unknown'],
  released: ['declined', 'lapsed', 'voided'],
};

function isEnded({ status }: Authorisation): boolean {
  return status === 'voided' || status === 'lapsed' || status === 'declined';
}

/** Authorised money, or an open intent, that no order will need. */
function isHeldForNothing(state: Payment | null, { of, held }: BookEntry): boolean {
  const isOpen = held.capturable > 0 || held.authorisation.status === 'action_required';
  const here = state && authorisationsOf(state).find(({ operationId }) => operationId === of?.operationId);
  return isOpen && !!here && isEnded(here);
}

function made(
  entries: readonly { authorisationId: string; amount: number; status: string }[],
  { operationId }: Authorisation,
  status: 'captured' | 'refunded',
): number {
  const own = entries.filter((one) => one.authorisationId === operationId && one.status === status);
  return own.reduce((total, one) => total + one.amount, 0);
}
