// Keeps all projections of a process up to date: one consumer of the change feed, one sweep of the log, and a lane for each store.
// No store delays another. The feed waits for the fastest lane only: what another lane had not written when the process ended is
// found by the sweep of the next start, which reads up to the newest commit.
import type { Clock } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { ChangeFeed } from '../../domain/kernel/feed.js';
import { type Away, createBell, createLane, type Lane, type Pause, pauseAfter } from './lane.js';
import type { Logger, Projector } from './projector.js';
import { compareAll, type SweepTarget, sweep } from './sweep.js';
import { pauseUnlessAborted } from './waiting.js';

/** Interval at which the sweeper compares the log with the positions. The real one is up to a tenth shorter or longer. */
export const SWEEP_EVERY_MS = 60_000;

/** Stores that owe a sweep after an outage get it after this time, together. */
const DEBT_PAUSE_MS = 2_000;

/** Retries of all lanes and of the sweeper are at least this far apart, in ms. */
const RETRY_EVERY_MS = 250;

export interface ProjectorHostDeps {
  feed: ChangeFeed;
  /** Name of the feed's consumer. */
  consumer: string;
  /** One for each store. */
  projectors: readonly Projector[];
  store: EventStore;
  signal: AbortSignal;
  log: Logger;
  /** Documents of the background comparison in a second. */
  comparePerSecond: number;
  clock?: Clock;
  sweepEveryMs?: number;
  /** Waits, at most until the signal aborts. */
  pause?: Pause;
  random?: () => number;
}

export interface ProjectorHost {
  /** The projections that cannot progress now. An empty list means ready. */
  readiness(): Away[];
  /** Resolves once the signal has aborted and all work has stopped. */
  done: Promise<void>;
}

export function runProjectors({
  feed,
  consumer,
  projectors,
  store,
  signal,
  log,
  comparePerSecond,
  clock = Date.now,
  sweepEveryMs = SWEEP_EVERY_MS,
  pause = pauseUnlessAborted,
  random = Math.random,
}: ProjectorHostDeps): ProjectorHost {
  const debt = createBell(signal);
  const mayRetry = createRetryBudget(clock, (ms) => pause(ms, signal));
  const lanes = projectors.map((projector) =>
    createLane({ projector, signal, log, clock, pause, random, mayRetry, onDebt: debt.ring }),
  );
  const started = new Set<Lane>();

  /** Waits for the fastest store only, so that the feed brings large batches under load. */
  async function deliver(commits: readonly Commit[]): Promise<void> {
    while (lanes.some((lane) => lane.isFull()) && lanes.every((lane) => lane.isFull() || lane.away().length > 0)) {
      if (signal.aborted) return;
      await Promise.race(lanes.map((lane) => lane.room()));
    }
    for (const lane of lanes) lane.offer(commits);
    const taking = lanes.filter((lane) => lane.away().length === 0 && !lane.isFull());
    if (taking.length > 0) await Promise.race(taking.map((lane) => lane.drained()));
  }

  async function sweepNowAndThen(): Promise<void> {
    let compareFrom = 0;
    for (let failures = 0; !signal.aborted; ) {
      const due = clock() + sweepEveryMs * (0.9 + random() / 5);
      try {
        await sweepOnce();
        if (clock() >= compareFrom) {
          compareFrom = await compareAll(store, targetsOf(lanes), {
            clock,
            perSecond: comparePerSecond,
            until: due,
            pause: (ms) => pause(ms, signal),
            signal,
          });
        }
        failures = 0;
        const owing = lanes.some((lane) => lane.owesSweep()) ? Promise.resolve() : debt.rung();
        const debtDue = owing.then(() => pause(DEBT_PAUSE_MS, signal));
        await Promise.race([pause(Math.max(0, due - clock()), signal), debtDue]);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ error: String(error) }, 'a sweep of the log failed; it will be continued');
        await pause(pauseAfter(failures++, random), signal);
        await mayRetry();
      }
    }
  }

  async function sweepOnce(): Promise<void> {
    const present = lanes.filter((lane) => lane.away().length === 0);
    const fresh = present.filter((lane) => !started.has(lane));
    const owing = present.filter((lane) => lane.owesSweep());
    for (const lane of owing) lane.forgive();
    const failed = new Set<Lane>();
    const release = ({ projector }: Lane, isFresh: boolean) =>
      isFresh ? projector.retry() : projector.retryReleased();
    await Promise.all(
      present.map((lane) => lane.inTurn(() => release(lane, fresh.includes(lane))).catch(() => failed.add(lane))),
    );
    const targets = targetsOf(
      present.filter((lane) => !failed.has(lane)),
      (lane) => failed.add(lane),
    );
    await sweep(store, targets, { toNewest: fresh.length + owing.length > 0, signal });
    for (const lane of fresh) if (!failed.has(lane)) started.add(lane);
  }

  /** A store that fails leaves the scan. Its lane owes a sweep then. */
  function targetsOf(some: readonly Lane[], onFailure: (lane: Lane) => void = () => {}): SweepTarget[] {
    return some
      .filter((lane) => lane.away().length === 0)
      .map((lane) => ({ projector: lane.projector, inTurn: lane.inTurn, onFailure: () => onFailure(lane) }));
  }

  const running = Promise.all([
    feed.run(consumer, deliver, signal),
    sweepNowAndThen(),
    ...lanes.map((lane) => lane.run()),
  ]);
  return {
    readiness: () => lanes.flatMap((lane) => lane.away()),
    done: running.then(() => undefined),
  };
}

/** Spreads the retries of all lanes. */
function createRetryBudget(clock: Clock, pause: (ms: number) => Promise<void>): () => Promise<void> {
  let next = 0;
  return async () => {
    const at = Math.max(clock(), next);
    next = at + RETRY_EVERY_MS;
    if (at > clock()) await pause(at - clock());
  };
}
