// The lane of one store: applies what the feed brings, in batches that grow with the load, and survives the store's outages.
// Commits that do not fit in the queue are remembered by stream and read from the log.
import type { Clock } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Logger, Projector } from './projector.js';

/** Commits that wait for the store. Those that come while it is full are read from the log later. */
const QUEUE_COMMITS = 2_000;

/** Most commits of one batch, and most streams that are caught up at once. */
const BATCH_COMMITS = 500;
const CATCH_UP_STREAMS = 500;

/** Streams whose missed commits are remembered. The sweeper finds the rest. */
const MAX_MISSED_STREAMS = 20_000;

/**
 * While a lane is busy, a batch waits as long as the last one took, at most this long. Fewer and larger batches leave the store
 * to the writers. An idle lane does not wait.
 */
const LONGEST_LINGER_MS = 20;

/** First and longest pause before a store that does not answer is retried. The real pause is between half and all of it. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

/** A projection whose store or log does not answer. */
export interface Away {
  projection: string;
  /** The engine that does not answer; absent for other faults. */
  waitsFor?: string;
  error: string;
  /** RFC 3339. */
  since: string;
}

export interface Lane {
  projector: Projector;
  /** Takes the commits without waiting for the store. */
  offer(commits: readonly Commit[]): void;
  /** Runs the work between two batches. Rejects if the store is away. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** The projections of the store while it is away. */
  away(): Away[];
  /** True if a commit would be remembered by its stream only, although the store answers. */
  isFull(): boolean;
  /** Resolves when there is room, or the store is away. */
  room(): Promise<void>;
  /** Resolves when everything in the queue is written, or remembered. */
  drained(): Promise<void>;
  /** Something was lost that only a sweep can find, and the store answers. */
  owesSweep(): boolean;
  /** A sweep begins that will find it. */
  forgive(): void;
  /** Works until the signal aborts. */
  run(): Promise<void>;
}

export interface LaneDeps {
  projector: Projector;
  signal: AbortSignal;
  log: Logger;
  clock: Clock;
  pause: Pause;
  random: () => number;
  /** Resolves when a store may be retried. All lanes share it. */
  mayRetry(): Promise<void>;
  /** Called when a lane owes a sweep and its store answers. */
  onDebt(): void;
}

interface Job {
  work(): Promise<void>;
  fail(error: unknown): void;
}

export function createLane(deps: LaneDeps): Lane {
  const { projector, signal, log, clock, pause, random, mayRetry, onDebt } = deps;
  const queue: Commit[] = [];
  const missed = new Map<StreamId, number>();
  const jobs: Job[] = [];
  let away: { reason: Pick<Away, 'waitsFor' | 'error'>; error: unknown; since: string } | undefined;
  let owesSweep = false;
  let busy = { until: 0, ms: 0 };
  const work = createBell(signal);
  const room = createBell(signal);
  const drained = createBell(signal);
  let isApplying = false;

  function offer(commits: readonly Commit[]): void {
    if (away || missed.size > 0 || queue.length >= QUEUE_COMMITS) remember(commits);
    else queue.push(...commits);
    work.ring();
  }

  function remember(commits: readonly Commit[]): void {
    for (const { stream, position } of commits) {
      const known = missed.get(stream);
      if (known === undefined && missed.size >= MAX_MISSED_STREAMS) owesSweep = true;
      else missed.set(stream, Math.max(position.commitNo, known ?? 0));
    }
  }

  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        owesSweep = true;
        reject(error);
      };
      if (away || signal.aborted) return fail(away?.error ?? signal.reason);
      jobs.push({ fail, work: async () => resolve(await task()) });
      work.ring();
    });
  }

  async function run(): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      if (!away && queue.length + missed.size + jobs.length === 0) {
        await work.rung();
        continue;
      }
      try {
        await step();
        failures = 0;
        if (away) returned();
      } catch (error) {
        left(error);
        await pause(pauseAfter(failures++, random), signal);
        await mayRetry();
      }
    }
    failJobs(signal.reason);
  }

  /** One batch, one part of what was missed, or one job. */
  async function step(): Promise<void> {
    if (queue.length > 0) return applyBatch();
    if (missed.size > 0) return catchUp();
    if (away) return void (await projector.sweepState());
    const job = jobs.shift()!;
    try {
      await job.work();
    } catch (error) {
      job.fail(error);
      throw error;
    }
  }

  async function applyBatch(): Promise<void> {
    if (clock() - busy.until <= busy.ms && queue.length < BATCH_COMMITS) await pause(busy.ms, signal);
    const batch = queue.splice(0, BATCH_COMMITS);
    const began = clock();
    isApplying = true;
    try {
      await projector.apply(batch);
    } catch (error) {
      remember(batch);
      throw error;
    } finally {
      isApplying = false;
    }
    busy = { until: clock(), ms: Math.min(clock() - began, LONGEST_LINGER_MS) };
    room.ring();
    if (queue.length === 0) drained.ring();
  }

  async function catchUp(): Promise<void> {
    const tails = new Map([...missed].slice(0, CATCH_UP_STREAMS));
    await projector.catchUp(tails);
    for (const [stream, commitNo] of tails) if (missed.get(stream) === commitNo) missed.delete(stream);
    if (missed.size === 0) room.ring();
  }

  function left(error: unknown): void {
    if (signal.aborted) return;
    remember(queue.splice(0));
    failJobs(error);
    room.ring();
    drained.ring();
    const reason = reasonOf(error);
    if (!away) {
      log.warn(
        { projections: projector.names, ...reason },
        'projections wait for their store or the log; they will catch up by themselves',
      );
    }
    away = { reason, error, since: away?.since ?? new Date(clock()).toISOString() };
  }

  function returned(): void {
    away = undefined;
    log.info({ projections: projector.names }, 'the store answers again; its projections catch up');
    if (owesSweep) onDebt();
  }

  function failJobs(error: unknown): void {
    for (const job of jobs.splice(0)) job.fail(error);
  }

  return {
    projector,
    offer,
    inTurn,
    run,
    away() {
      if (!away) return [];
      const { reason, since } = away;
      return projector.names.map((projection) => ({ projection, ...reason, since }));
    },
    isFull: () => !away && (missed.size > 0 || queue.length >= QUEUE_COMMITS),
    room: room.rung,
    drained: () => (queue.length === 0 && !isApplying ? Promise.resolve() : drained.rung()),
    owesSweep: () => owesSweep && !away,
    forgive() {
      owesSweep = false;
    },
  };
}

/** With jitter, so that the retries of several stores spread. */
export function pauseAfter(failures: number, random: () => number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + random() / 2);
}

function reasonOf(error: unknown): Pick<Away, 'waitsFor' | 'error'> {
  return {
    ...defined({ waitsFor: error instanceof Unavailable ? error.engine : undefined }),
    error: error instanceof Error ? error.message : String(error),
  };
}

export interface Bell {
  ring(): void;
  /** Resolves at the next ring. */
  rung(): Promise<void>;
}

/** It rings for the last time when the signal aborts. */
export function createBell(signal: AbortSignal): Bell {
  let ring = () => {};
  let rung: Promise<void> | undefined;
  signal.addEventListener('abort', () => ring(), { once: true });
  return {
    ring: () => ring(),
    rung() {
      if (signal.aborted) return Promise.resolve();
      rung ??= new Promise((resolve) => {
        ring = () => {
          rung = undefined;
          resolve();
        };
      });
      return rung;
    },
  };
}
