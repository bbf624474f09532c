// Retry with full jitter inside a time budget: how every adapter meets throttling and lost connections.
import type { Clock } from '../domain/kernel/clock.js';
import { Unavailable } from '../domain/kernel/errors.js';

/** The first pause is up to this long; each further one up to twice the last. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

export interface Budget {
  /** Named in the error: `Postgres`, `DynamoDB`. */
  engine: string;
  /** No attempt starts later than this after the first. An attempt needs a timeout of its own. */
  budgetMs: number;
  /** Errors that another attempt may mend. All others are thrown as they are. */
  isRetryable(error: unknown): boolean;
  clock?: Clock;
  /** In [0, 1). */
  random?: () => number;
  sleep?: (ms: number) => Promise<void>;
}

/** The first attempt's result that succeeds. Throws `Unavailable`, whose cause is the last error, when the budget is spent. */
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function unavailable(engine: string, budgetMs: number, cause: unknown): Unavailable {
  const error = new Unavailable(engine, `no success within ${budgetMs} ms; the last error was: ${reasonOf(cause)}`);
  error.cause = cause;
  return error;
}

/** Of what an engine's machine refuses it, by the states of PostgreSQL and the codes of systems: what its operator does. */
const REMEDIES: ReadonlyMap<unknown, string> = new Map([
  ['53100', 'free some space on its disk'],
  ['53200', 'give it more memory'],
  ['53300', 'raise its max_connections, or run fewer processes'],
  ['58030', 'look at its disk'],
  ['ENOSPC', 'free some space on the disk'],
]);

/** The error in words, and what to do if the machine is at fault. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  // A name with several addresses fails with an error that has a code and no message of its own.
  const reason = error.message || String(code ?? error.name);
  const remedy = REMEDIES.get(code);
  return remedy === undefined ? reason : `${reason}; ${remedy}`;
}
