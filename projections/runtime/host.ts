// Feeds all projectors of a process from one consumer of the change feed. The projectors are independent: if a store does not
// answer, its projector remembers the missed streams and catches up from the log, while the others continue.
import type { Commit } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { ChangeFeed } from '../../domain/kernel/feed.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Logger, Projector, SweepOptions } from './projector.js';

/** Interval at which the sweeper compares the log with the positions. */
export const SWEEP_EVERY_MS = 60_000;

/** Every this many sweeps, one compares the whole log: about once a day. */
const FULL_SWEEP_EVERY = 1_440;

/** First and longest pause before a store that does not answer is retried. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/** Streams whose missed commits are remembered while a store does not answer. The sweeper finds the rest. */
const MAX_MISSED_STREAMS = 20_000;

export interface ProjectorHostDeps {
  feed: ChangeFeed;
  /** Name of the feed's consumer. */
  consumer: string;
  projectors: readonly Projector[];
  signal: AbortSignal;
  log: Logger;
  sweepEveryMs?: number;
  /** Waits, at most until the signal aborts. */
  pause?: Pause;
}

type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** A projector whose store or log does not answer. */
export interface Away {
  projection: string;
  /** The engine that does not answer; absent for other faults. */
  waitsFor?: string;
  error: string;
  /** RFC 3339. */
  since: string;
}

export interface ProjectorHost {
  /** The projectors that cannot progress now. An empty list means ready. */
  readiness(): Away[];
  /** Resolves once the signal has aborted and all work has stopped. */
  done: Promise<void>;
}

export function runProjectors({
  feed,
  consumer,
  projectors,
  signal,
  log,
  sweepEveryMs = SWEEP_EVERY_MS,
  pause = pauseUnlessAborted,
}: ProjectorHostDeps): ProjectorHost {
  const lanes = projectors.map((projector) => createLane(projector, signal, log, pause));
  const deliver = async (commits: readonly Commit[]) => {
    await Promise.all(lanes.map((lane) => lane.deliver(commits)));
  };

  async function sweepNowAndThen(lane: Lane): Promise<void> {
    for (let turn = 1; !signal.aborted; turn++) {
      await lane.sweep({ full: turn % FULL_SWEEP_EVERY === 0, retry: turn === 1 });
      await pause(sweepEveryMs, signal);
    }
  }

  const running = Promise.all([feed.run(consumer, deliver, signal), ...lanes.map(sweepNowAndThen)]);
  return {
    readiness: () => lanes.flatMap((lane) => lane.away() ?? []),
    done: running.then(() => Promise.all(lanes.map((lane) => lane.atRest()))).then(() => undefined),
  };
}

interface Lane {
  deliver(commits: readonly Commit[]): Promise<void>;
  sweep(options: SweepOptions): Promise<void>;
  away(): Away | undefined;
  atRest(): Promise<void>;
}

/** Runs one projector and handles the failures of its store. Nothing here rejects. */
function createLane(projector: Projector, signal: AbortSignal, log: Logger, pause: Pause): Lane {
  const missed = new Map<StreamId, number>();
  let sweepDue: SweepOptions | undefined;
  let away: Away | undefined;
  let recovery: Promise<void> = Promise.resolve();

  async function deliver(commits: readonly Commit[]): Promise<void> {
    if (away) return remember(commits);
    try {
      await projector.apply(commits);
    } catch (error) {
      remember(commits);
      leave(error);
    }
  }

  async function sweep(options: SweepOptions): Promise<void> {
    if (away) return oweSweep(options);
    try {
      await projector.sweep(options);
    } catch (error) {
      oweSweep(options);
      leave(error);
    }
  }

  function remember(commits: readonly Commit[]): void {
    for (const { stream, position } of commits) {
      missed.set(stream, Math.max(position.commitNo, missed.get(stream) ?? 0));
      if (missed.size <= MAX_MISSED_STREAMS) continue;
      missed.delete(missed.keys().next().value!);
      oweSweep({});
    }
  }

  function oweSweep({ full = false, retry = false }: SweepOptions): void {
    sweepDue = { full: full || sweepDue?.full === true, retry: retry || sweepDue?.retry === true };
  }

  function leave(error: unknown): void {
    if (away) return;
    away = { projection: projector.name, ...reasonOf(error), since: new Date().toISOString() };
    log.warn({ ...away }, 'a projection waits for its store or the log; it will catch up by itself');
    recovery = recover();
  }

  async function recover(): Promise<void> {
    for (let wait = FIRST_PAUSE_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      await pause(wait, signal);
      try {
        while (!signal.aborted && (missed.size > 0 || sweepDue)) await catchUp();
        away = undefined;
        log.info({ projection: projector.name }, 'a projection has caught up');
        return;
      } catch (error) {
        away = { projection: projector.name, ...reasonOf(error), since: away!.since };
      }
    }
  }

  async function catchUp(): Promise<void> {
    const tails = new Map(missed);
    await projector.catchUp(tails);
    for (const [stream, commitNo] of tails) if (missed.get(stream) === commitNo) missed.delete(stream);
    const due = sweepDue;
    sweepDue = undefined;
    try {
      if (due) await projector.sweep(due);
    } catch (error) {
      oweSweep(due!);
      throw error;
    }
  }

  return { deliver, sweep, away: () => away, atRest: () => recovery };
}

function pauseUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

function reasonOf(error: unknown): Pick<Away, 'waitsFor' | 'error'> {
  return {
    ...(error instanceof Unavailable && { waitsFor: error.engine }),
    error: error instanceof Error ? error.message : String(error),
  };
}
