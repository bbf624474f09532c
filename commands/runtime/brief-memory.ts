// What everybody needs and hardly ever changes, such as a table of the shop: read once for all who ask within a short time.
import type { Clock } from '../../domain/kernel/clock.js';

export interface BriefMemory<T> {
  current(): Promise<T>;
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

  return {
    current() {
      const now = clock();
      if (known && now - known.since < ttlMs) return known.value;
      const look = { since: now, value: load() };
      known = look;
      // What failed is asked again by whoever comes next.
      look.value.catch(() => {
        if (known === look) known = undefined;
      });
      return look.value;
    },
    changed() {
      known = undefined;
    },
  };
}
