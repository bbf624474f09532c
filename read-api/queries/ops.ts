// What stands still: streams in quarantine, skipped commits, pauses, and payments whose provider does not answer.
import { z } from 'zod';
import { wholeList, wholeListAnswer } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import type { Actor, RecordedEvent } from '../../domain/kernel/event.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { streamOf } from '../../domain/kernel/id.js';
import { STAFF_ROLES } from '../../domain/kernel/role.js';
import type { States } from '../../domain/kernel/states.js';
import type { OpsEvent, Verified } from '../../domain/ops/events.js';
import { OPS, type Skip } from '../../domain/ops/ops.js';
import type { Quarantine } from '../../domain/ops/quarantine.js';
import { latestOf } from '../../domain/payment/ledger.js';
import { OPERATION_KINDS, PARKED_AFTER_MS, parkedOperations } from '../../domain/payment/parked.js';
import { payment } from '../../domain/payment/payment.js';
import { type Agenda, RECOVER_AFTER_MS } from '../../domain/processes/agenda.js';
import { type Page, pageOf } from '../../projections/models/page.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from './lists.js';

/** Overdue items of the agenda among which parked payments are looked for, and parked payments of one answer. */
const OVERDUE_ITEMS = 1_000;
const MAX_PARKED = 100;

const time = z.iso.datetime();
const by = z.strictObject({ type: z.string(), id: z.string(), role: z.enum(STAFF_ROLES).optional() });

const quarantined = z
  .strictObject({
    id: z.string(),
    projection: z.string(),
    version: z.string(),
    stream: z.string(),
    commitNo: z.int().meta({ description: 'The commit that cannot be processed. The stream stops before it' }),
    error: z.string(),
    since: time,
  })
  .meta({ id: 'QuarantinedCommit' });

const skipped = z
  .strictObject({
    id: z.string(),
    projection: z.string(),
    stream: z.string(),
    commitNo: z.int(),
    reason: z.string(),
    by,
    at: time,
  })
  .meta({ id: 'SkippedCommit' });

const work = z
  .strictObject({
    target: z.string().meta({ description: 'A projection, or `agenda`: the work of the agenda' }),
    paused: z.strictObject({ reason: z.string(), by, at: time }).nullable(),
  })
  .meta({ id: 'Work' });

const parked = z
  .strictObject({
    paymentId: z.string(),
    orderId: z.string(),
    currency: z.string(),
    operations: z.array(
      z.strictObject({
        operationId: z.string(),
        kind: z.enum(OPERATION_KINDS),
        amount: z.int().meta({ description: 'In minor units' }),
        since: time,
      }),
    ),
  })
  .meta({ id: 'ParkedPayment' });

type Skipped = z.output<typeof skipped>;
type Pause = NonNullable<z.output<typeof work>['paused']>;

/** Time and id of the last entry of a page. */
const cursorKey = z.tuple([z.string(), z.string()]);

export interface OpsQueryDeps {
  quarantine: Pick<Quarantine, 'list'>;
  /** What can be paused. */
  targets: readonly string[];
  store: Pick<EventStore, 'read'>;
  agenda: Agenda;
  states: States;
  clock: () => number;
}

export function opsQueries({ quarantine, targets, store, agenda, states, clock }: OpsQueryDeps): Endpoint[] {
  const get = { method: 'get', roles: ['ops'] } as const;
  return [
    endpoint({
      ...get,
      path: '/v1/ops/quarantine',
      summary: 'List the commits in quarantine',
      description: 'Lists the commits that a projection cannot process, the oldest first.',
      query: z.strictObject(pageQuery),
      answers: { 200: pageAnswer(quarantined) },
      async handle(request) {
        const after = cursorOf(request, cursorKey);
        const entries = await quarantine.list();
        return {
          status: 200,
          body: pageBody(
            request,
            byTime(entries, ({ since }) => since, after, request.query.limit),
          ),
        };
      },
    }),
    endpoint({
      ...get,
      path: '/v1/ops/skips',
      summary: 'List the skipped commits',
      query: z.strictObject(pageQuery),
      answers: { 200: pageAnswer(skipped) },
      async handle(request) {
        const after = cursorOf(request, cursorKey);
        const { skips } = await decisionsIn(store);
        return {
          status: 200,
          body: pageBody(
            request,
            byTime(skips, ({ at }) => at, after, request.query.limit),
          ),
        };
      },
    }),
    endpoint({
      ...get,
      path: '/v1/ops/work',
      summary: 'List what can be paused',
      description: 'Lists every projection, and the agenda, with the pause if there is one.',
      answers: { 200: wholeListAnswer(work) },
      async handle() {
        const { pauses } = await decisionsIn(store);
        return {
          status: 200,
          body: wholeList(targets.map((target) => ({ target, paused: pauses.get(target) ?? null }))),
        };
      },
    }),
    endpoint({
      ...get,
      roles: ['ops', 'support'],
      path: '/v1/ops/payments',
      summary: 'List parked payments',
      description: `Lists at most ${MAX_PARKED} payments whose provider has not said for ${PARKED_AFTER_MS / 60_000} minutes what became of an operation. The shop goes on asking.`,
      answers: { 200: wholeListAnswer(parked) },
      async handle() {
        return { status: 200, body: wholeList(await parkedPayments({ agenda, states, now: clock() })) };
      },
    }),
  ];
}

/** The payments that wait longest come first. */
export async function parkedPayments({ agenda, states, now }: { agenda: Agenda; states: States; now: number }) {
  const found: z.output<typeof parked>[] = [];
  for (const item of await agenda.due(now - PARKED_AFTER_MS + RECOVER_AFTER_MS, OVERDUE_ITEMS)) {
    if (item.kind !== 'payment') continue;
    const { state } = await states.load(payment, streamOf(item.paymentId));
    const operations = state ? parkedOperations(state, now) : [];
    if (!state || operations.length === 0) continue;
    const { paymentId, orderId } = state;
    found.push({
      paymentId,
      orderId,
      currency: latestOf(state).currency,
      operations: operations.map(({ operationId, kind, amount, requestedAt }) => {
        return { operationId, kind, amount, since: new Date(requestedAt).toISOString() };
      }),
    });
    if (found.length === MAX_PARKED) break;
  }
  return found;
}

/** What holds now, with who decided it. */
export async function decisionsIn(
  store: Pick<EventStore, 'read'>,
): Promise<{ skips: Skipped[]; pauses: Map<string, Pause> }> {
  const skips = new Map<string, Skipped>();
  const pauses = new Map<string, Pause>();
  for await (const { events } of store.read(OPS)) {
    for (const { type, data, actor, occurredAt: at } of events as RecordedEvent<OpsEvent>[]) {
      if (type === 'CommitSkipped') skips.set(data.skipId, { ...skippedCommit(data), ...decided(data, actor, at) });
      if (type === 'CommitSkipEnded') skips.delete(data.skipId);
      if (type === 'WorkPaused') pauses.set(data.target, decided(data, actor, at));
      if (type === 'WorkResumed') pauses.delete(data.target);
    }
  }
  return { skips: [...skips.values()], pauses };
}

/** The last verification of the whole log, and who made it. */
export async function lastVerificationIn(store: Pick<EventStore, 'read'>) {
  let last: ({ at: string; by: Actor } & Omit<Verified, 'verificationId'>) | undefined;
  for await (const { events } of store.read(OPS)) {
    for (const { type, data, actor: by, occurredAt: at } of events as RecordedEvent<OpsEvent>[]) {
      if (type !== 'LogVerified') continue;
      const { verificationId, ...result } = data;
      last = { at, by, ...result };
    }
  }
  return last;
}

function skippedCommit({ skipId: id, projection, stream, commitNo }: Skip) {
  return { id, projection, stream, commitNo };
}

function decided({ reason }: { reason: string }, by: Actor, at: string): Pause {
  return { reason, by, at };
}

/** A page of a list that is in memory, the oldest entry first. */
function byTime<T extends { id: string }>(
  entries: readonly T[],
  timeOf: (entry: T) => string,
  after: z.output<typeof cursorKey> | undefined,
  limit: number,
): Page<T> {
  const keyOf = (entry: T): z.output<typeof cursorKey> => [timeOf(entry), entry.id];
  const isBefore = ([time, id]: z.output<typeof cursorKey>, [otherTime, otherId]: z.output<typeof cursorKey>) =>
    time < otherTime || (time === otherTime && id < otherId);
  const rest = entries
    .filter((entry) => after === undefined || isBefore(after, keyOf(entry)))
    .sort((one, other) => (isBefore(keyOf(one), keyOf(other)) ? -1 : 1));
  return pageOf(rest.slice(0, limit + 1), limit, keyOf);
}
