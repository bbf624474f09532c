// Caches a value that is read often and hardly ever changes, such as a table of the shop. One read serves all callers for a short
// time.
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../domain/kernel/clock.js';

/** How long a caller that has an old value waits for a new one. */
const PATIENCE_MS = 200;

export interface BriefMemory<T> {
  current(): Promise<T>;
  /** The current value, or the last known one if the store does not answer. For callers that can work with an old value. */
  currentOrLast(): Promise<T>;
  /** Call this after a change in this process: the next call reads the value again. */
  changed(): void;
}

export interface BriefMemoryDeps<T> {
  load(): Promise<T>;
  ttlMs: number;
  clock: Clock;
}

export function createBriefMemory<T>({ load, ttlMs, clock }: BriefMemoryDeps<T>): BriefMemory<T> {
  let known: { since: number; value: Promise<T> } | undefined;
  let last: T | undefined;

  function current(): Promise<T> {
    const now = clock();
    if (known && now - known.since < ttlMs) return known.value;
    const look = { since: now, value: load() };
    known = look;
    // A failed read is not cached; the next caller reads again.
    look.value.then(
      (value) => {
        if (known === look) last = value;
      },
      () => {
        if (known === look) known = undefined;
      },
    );
    return look.value;
  }

  return {
    current,
    async currentOrLast() {
      if (last === undefined) return current();
      const known = last;
      const patience = setTimeout(PATIENCE_MS, known, { ref: false });
      return Promise.race([current().catch(() => known), patience]);
    },
    changed() {
      known = undefined;
      last = undefined;
    },
  };
}
