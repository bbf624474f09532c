// Imports outlive short outages of engines.
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../domain/kernel/clock.js';
import { StreamBusy, Unavailable } from '../../domain/kernel/errors.js';

/** How long an engine may be down before the import gives up. */
const PATIENCE_MS = 2 * 60_000;
const RETRY_EVERY_MS = 1_000;

/** Retries until the engines answer. Work that was already done is recognised. */
export async function retryWhileAway<T>(
  { clock }: { clock: Clock },
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = clock() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || clock() > deadline) throw error;
      await setTimeout(RETRY_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** Another attempt may succeed. */
export function isPassing(error: unknown): boolean {
  return error instanceof Unavailable || error instanceof StreamBusy;
}
