// What everybody needs and hardly ever changes, such as a table of the shop: read once for all who ask within a short time.
import type { Clock } from '../../domain/kernel/clock.js';

export interface BriefMemory<T> {
  current(): Promise<T>;
  /** The value that was read last, however long ago; undefined if there is none, or it was changed here since. */
  last(): T | undefined;
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

  return {
    current() {
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
    },
    last: () => last,
    changed() {
      known = undefined;
      last = undefined;
    },
  };
}
