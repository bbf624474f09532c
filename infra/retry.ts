// Retries with full jitter within a time budget. Every adapter uses it for throttling and lost connections.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../domain/kernel/clock.js';
import { Unavailable } from '../domain/kernel/errors.js';

/** Upper bound of the first pause. Each further bound is twice the last. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

export interface Budget {
  /** The engine's name in the error: `Postgres`, `DynamoDB`. */
  engine: string;
  /** Time after the first attempt within which further attempts may start. Each attempt needs its own timeout. */
  budgetMs: number;
  /** True for errors that another attempt may avoid. All others are thrown unchanged. */
  isRetryable(error: unknown): boolean;
  clock?: Clock;
  /** In [0, 1). */
  random?: () => number;
  sleep?: (ms: number) => Promise<void>;
}

/**
 * The result of the first successful attempt. When the budget is spent, throws `Unavailable` with the last error as its cause.
 */
export async function withinBudget<T>(budget: Budget, attempt: () => Promise<T>): Promise<T> {
  const { engine, budgetMs, isRetryable, clock = Date.now, random = Math.random, sleep = pause } = budget;
  const deadline = clock() + budgetMs;
  for (let longest = FIRST_PAUSE_MS; ; longest = Math.min(longest * 2, LONGEST_PAUSE_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      const wait = random() * longest;
      if (clock() + wait >= deadline) throw unavailable(engine, budgetMs, error);
      await sleep(wait);
    }
  }
}

/** Does the work until it has succeeded once, then returns its result. Callers at the same time share an attempt. */
export function untilDone<T>(work: () => Promise<T>): () => Promise<T> {
  let doing: Promise<T> | undefined;
  return () => {
    doing ??= work().catch((error: unknown) => {
      doing = undefined;
      throw error;
    });
    return doing;
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function unavailable(engine: string, budgetMs: number, cause: unknown): Unavailable {
  const error = new Unavailable(engine, `no success within ${budgetMs} ms; the last error was: ${reasonOf(cause)}`);
  error.cause = cause;
  return error;
}

/** What the operator should do about errors of the engine's machine, by PostgreSQL's states and the system's error codes. */
const REMEDIES: ReadonlyMap<unknown, string> = new Map([
  ['53100', 'free some space on its disk'],
  ['53200', 'give it more memory'],
  ['53300', 'raise its max_connections, or run fewer processes'],
  ['58030', 'look at its disk'],
  ['ENOSPC', 'free some space on the disk'],
]);

/** The error message, and advice if the machine caused the error. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  // An error for a name with several addresses has a code but no message.
  const reason = error.message || String(code ?? error.name);
  const remedy = REMEDIES.get(code);
  return remedy === undefined ? reason : `${reason}; ${remedy}`;
}

/** Ends early when the signal aborts. */
export async function pauseUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  await delay(Math.max(0, ms), undefined, { signal }).catch(() => {});
}
