// What everybody needs and hardly ever changes, such as a table of the shop: read once for all who ask within a short time.
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../domain/kernel/clock.js';

/** So long someone waits for what they know from before. */
const PATIENCE_MS = 200;

export interface BriefMemory<T> {
  current(): Promise<T>;
  /** The same, or the value that was read last where the store does not answer: for those who can go on with it. */
  lately(): Promise<T>;
  /** It was changed here: the next look reads it again. */
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
    // What failed is asked again by whoever comes next.
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
    async lately() {
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
