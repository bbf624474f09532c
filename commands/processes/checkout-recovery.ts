// Finishes checkouts whose worker died: looks for those that have not moved for a while, and runs them.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../domain/kernel/clock.js';
import type { CheckoutProcess } from './checkout-process.js';

/** A checkout that has recorded nothing for this long is taken for abandoned; running one that is not does no harm. */
export const STUCK_AFTER_MS = 15_000;
const LOOK_EVERY_MS = 5_000;
const BATCH = 50;

/** What the feed tells of checkouts that have not ended; a hint, the streams decide. */
export interface UnfinishedCheckouts {
  /** Those that last moved before this time (ms of the log's clock), oldest first. */
  stuck(before: number, limit: number): Promise<{ orderId: string; cartId?: string }[]>;
}

export interface CheckoutRecoveryDeps {
  unfinished: UnfinishedCheckouts;
  process: CheckoutProcess;
  clock: Clock;
  onError: (orderId: string | undefined, error: unknown) => void;
}

/** One look: runs every stuck checkout once. Returns how many there were. */
export async function recoverCheckouts({ unfinished, process, clock, onError }: CheckoutRecoveryDeps): Promise<number> {
  const stuck = await unfinished.stuck(clock() - STUCK_AFTER_MS, BATCH);
  for (const { orderId, cartId } of stuck) {
    await process.resume(orderId, cartId).catch((error) => onError(orderId, error));
  }
  return stuck.length;
}

/** Looks again and again until aborted. */
export async function runCheckoutRecovery(deps: CheckoutRecoveryDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await recoverCheckouts(deps).catch((error) => deps.onError(undefined, error));
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {}); // aborted
  }
}
