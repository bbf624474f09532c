// Finishes checkouts whose worker died: looks for those that have not moved for a while, and runs them.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../domain/kernel/clock.js';
import type { CheckoutProcess } from './checkout-process.js';

/** A checkout that has recorded nothing for this long is taken for abandoned; running one that is not does no harm. */
export const STUCK_AFTER_MS = 15_000;
const LOOK_EVERY_MS = 5_000;
/** How many are asked for at first. */
const BATCH = 50;

/** What the feed tells of checkouts that have not ended; a hint, the streams decide. */
export interface UnfinishedCheckouts {
  /** Those that last moved before this time (ms of the log's clock), oldest first. */
  stuck(before: number, limit: number): Promise<{ orderId: string; cartId?: string }[]>;
}

export interface CheckoutRecoveryDeps {
  unfinished: UnfinishedCheckouts;
  process: Pick<CheckoutProcess, 'resume'>;
  clock: Clock;
  onError: (orderId: string | undefined, error: unknown) => void;
}

/** One look: runs every stuck checkout once. Those that cannot go on stay the oldest, so ever more are asked for. */
export async function recoverCheckouts(
  { unfinished, process, clock, onError }: CheckoutRecoveryDeps,
  signal: AbortSignal,
): Promise<void> {
  const before = clock() - STUCK_AFTER_MS;
  const tried = new Set<string>();
  for (let limit = BATCH; ; limit *= 2) {
    const stuck = await unfinished.stuck(before, limit);
    for (const { orderId, cartId } of stuck.filter(({ orderId }) => !tried.has(orderId))) {
      if (signal.aborted) return;
      tried.add(orderId);
      await process.resume(orderId, cartId).catch((error) => onError(orderId, error));
    }
    if (stuck.length < limit) return;
  }
}

/** Looks again and again until aborted. */
export async function runCheckoutRecovery(deps: CheckoutRecoveryDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await recoverCheckouts(deps, signal).catch((error) => deps.onError(undefined, error));
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {}); // aborted
  }
}
