// The event store on EventStoreDB: one commit is one event, and one append is accepted after the stream's last revision only.
import type { AllStreamRecordedEvent } from '@eventstore/db-client';
import { type Clock, type Hlc, hlcOf, millisOf } from '../../../domain/kernel/clock.js';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { Deposed, Unavailable } from '../../../domain/kernel/errors.js';
import {
  compareLogEntries,
  type EventStore,
  entryOf,
  type Fence,
  UnreadableCommit,
} from '../../../domain/kernel/event-store.js';
import { APPEND_BUDGET_MS, WATERMARK_LAG_MS } from '../../../domain/kernel/limits.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import type { DuringTerm } from '../../leadership/postgres-leases.js';
import { withinBudget } from '../../retry.js';
import { createTurns } from '../../turns.js';
import { type CommitCodec, positionOf } from '../codec.js';
import { createStoreClock } from '../store-clock.js';
import { ENGINE, type EventStoreDb, isTransient } from './client.js';
import { fromEvent, HiddenEvents, NotACommit, toEvent } from './commit-event.js';
import { createLogOrder, type Found } from './log-order.js';

/**
 * An older commit is not sent, because the watermark might pass it. The three seconds cover the attempt itself, whose time limit of
 * two the server knows and keeps, and the second that a `Date` header leaves open.
 */
const MAX_COMMIT_AGE_MS = WATERMARK_LAG_MS - 3_000;

/** Retry time for one page of a read. */
const READ_BUDGET_MS = 5_000;
const READ_PAGE_EVENTS = 200;

/** More at a time would wait for each other inside the connection, where their time limit already runs. */
const APPENDS_IN_FLIGHT = 64;

export interface EventStoreDbEventStoreOptions {
  db: EventStoreDb;
  /** Of the names of the log's streams: see `prefixOf`. */
  prefix: string;
  codec: CommitCodec;
  /** Keeps a term from ending while a commit with its fence is appended. */
  duringTerm?: DuringTerm;
  clock?: Clock;
  /** Milliseconds from an arbitrary start. This clock is never adjusted. */
  monotonic?: () => number;
  watermarkLagMs?: number;
}

export function createEventStoreDbEventStore({
  db,
  prefix,
  codec,
  duringTerm,
  clock = Date.now,
  monotonic = () => performance.now(),
  watermarkLagMs = WATERMARK_LAG_MS,
}: EventStoreDbEventStoreOptions): EventStore {
  const storeClock = createStoreClock(ENGINE, clock, monotonic);
  const inTurn = createTurns(APPENDS_IN_FLIGHT);
  const budget = { engine: ENGINE, isRetryable: isTransient, clock };
  const reading = <T>(attempt: () => Promise<T>) => withinBudget({ ...budget, budgetMs: READ_BUDGET_MS }, attempt);

  let asking: Promise<void> | undefined;

  /** Asks for the time of the server once a minute, for all who wait. Reads and appends do not show it. */
  async function requireStoreClock(): Promise<void> {
    if (storeClock.isKnown()) return;
    asking ??= askTime().finally(() => {
      asking = undefined;
    });
    await asking;
  }

  async function askTime(): Promise<void> {
    const askedAt = monotonic();
    storeClock.observe(askedAt, await db.date());
    if (!storeClock.isKnown()) throw new Unavailable(ENGINE, 'its answers have no Date header to check the clock by.');
  }

  /**
   * True if the commit is stored at its place. The server knows a commit by the id of its event, so a retry after a lost answer is
   * true as well.
   */
  async function put(stored: StoredCommit): Promise<boolean> {
    const event = toEvent(stored);
    const attempt = async () => {
      await requireStoreClock();
      storeClock.assertInStep();
      if (storeClock.earliest() - millisOf(stored.at) > MAX_COMMIT_AGE_MS)
        throw new Unavailable(ENGINE, 'the commit was delayed and is too old to append; decide it again.');
      return db.append(prefix + stored.pk, stored.sk - 2, event);
    };
    const revision = await withinBudget({ ...budget, budgetMs: APPEND_BUDGET_MS }, () => inTurn(attempt));
    if (revision !== undefined && revision !== stored.sk - 1) throw new HiddenEvents(prefix + stored.pk);
    return revision !== undefined;
  }

  async function putFenced(stored: StoredCommit, fence: Fence): Promise<boolean> {
    if (!duringTerm) throw new TypeError('A commit with a fence needs the leases.');
    const isStored = await duringTerm(fence, () => put(stored));
    if (isStored !== undefined) return isStored;
    // The term is over, but the commit may have been stored in it.
    for await (const found of storedIn(stored.pk, stored.sk - 1)) return found.h === stored.h;
    throw new Deposed(ENGINE, fence.lease, fence.token);
  }

  async function* storedIn(stream: StreamId, after: number): AsyncGenerator<StoredCommit> {
    for (let from = after, isLast = false; !isLast; from += READ_PAGE_EVENTS) {
      const page = await reading(() => db.readStream(prefix + stream, { from, count: READ_PAGE_EVENTS }));
      for (const [index, event] of page.entries()) {
        if (Number(event.revision) !== from + index) throw new HiddenEvents(event.streamId);
        yield fromEvent(prefix, event);
      }
      isLast = page.length < READ_PAGE_EVENTS;
    }
  }

  // The watermark never goes back, even if a later answer is less exact.
  let highest: Hlc = 0;
  async function watermark(): Promise<Hlc> {
    await reading(requireStoreClock);
    highest = Math.max(highest, hlcOf(storeClock.earliest() - watermarkLagMs));
    return highest;
  }

  const order = createLogOrder({
    readAll: (options) => reading(() => db.readAll(options)),
    commitIn: (event) => commitIn(prefix, event),
  });
  const entries = (after: Hlc, upTo: Hlc) => order.read(after, upTo, ({ entry }) => entry);

  return {
    async append(stream, after, commit) {
      const stored = codec.encode(stream, after, commit);
      const isStored = await (commit.fence ? putFenced(stored, commit.fence) : put(stored));
      return isStored ? { appended: true, position: positionOf(stored) } : { appended: false };
    },

    async *read(stream, after = 0) {
      for await (const stored of storedIn(stream, after)) yield codec.decode(stored);
    },

    async *log(after, upTo = Number.MAX_SAFE_INTEGER) {
      yield* entries(after, Math.min(upTo, await watermark()));
    },

    newest: (after) => entries(after, Number.MAX_SAFE_INTEGER),

    async *stored({ after, upTo = Number.MAX_SAFE_INTEGER } = {}) {
      const from = after ? after.at - 1 : Number.MIN_SAFE_INTEGER;
      const found = order.read(from, Math.min(upTo, await watermark()), ({ entry, commit }) => ({ ...entry, commit }));
      for await (const { commit, ...entry } of found) {
        if (after && compareLogEntries(entry, after) <= 0) continue;
        if (commit instanceof UnreadableCommit) throw commit;
        yield commit;
      }
    },

    watermark,
  };
}

/**
 * An event that is no commit gets the place of its arrival. Whoever reads its stream gets an error. The server's own events, such
 * as a tombstone, are left out: the feed raises the alarm.
 */
function commitIn(prefix: string, event: AllStreamRecordedEvent): Found | undefined {
  if (!event.streamId.startsWith(prefix) || event.type.startsWith('$')) return undefined;
  try {
    const commit = fromEvent(prefix, event);
    return { entry: entryOf(commit), commit };
  } catch (error) {
    if (!(error instanceof NotACommit)) throw error;
    const stream = event.streamId.slice(prefix.length) as StreamId;
    const entry = { at: hlcOf(event.created.getTime()), stream, commitNo: Number(event.revision) + 1 };
    return { entry, commit: new UnreadableCommit(entry, error.problem) };
  }
}
