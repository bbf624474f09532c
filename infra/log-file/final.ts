// Waits until the commits that are in the log now lie before the watermark, so that an export or a verification has all of them.
import { setTimeout as delay } from 'node:timers/promises';
import { hlcOf } from '../../domain/kernel/clock.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { MAX_CLOCK_SKEW_MS, WATERMARK_LAG_MS } from '../../domain/kernel/limits.js';

const POLL_MS = 250;

/** A writer's open transaction may hold the watermark back for longer. Then the newest commits are left out. */
export const LONGEST_WAIT_MS = WATERMARK_LAG_MS + 5_000;

export interface UntilFinalOptions {
  clock?: () => number;
  sleep?: (ms: number) => Promise<unknown>;
}

/** Usually ten seconds after the last commit. Throws `Unavailable`. */
export async function untilFinal(
  store: Pick<EventStore, 'newest' | 'watermark'>,
  { clock = Date.now, sleep = delay }: UntilFinalOptions = {},
): Promise<void> {
  const startedAt = clock();
  // Later commits have a time that somebody has changed.
  const latest = hlcOf(startedAt + MAX_CLOCK_SKEW_MS);
  let newest = 0;
  for await (const { at } of store.newest(await store.watermark())) if (at <= latest) newest = Math.max(newest, at);
  while ((await store.watermark()) < newest && clock() - startedAt < LONGEST_WAIT_MS) await sleep(POLL_MS);
}
