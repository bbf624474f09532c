// The store's clock as its answers show it: the HTTP `Date` header, in whole seconds, between sending and receiving.
import type { Clock } from '../../domain/kernel/clock.js';
import { ClockSkew } from '../../domain/kernel/errors.js';
import { MAX_CLOCK_SKEW_MS } from '../../domain/kernel/limits.js';

/** After this long without an answer we no longer know the store's clock. */
const FRESH_FOR_MS = 60_000;

/** Nearly every answer is here sooner, also on a busy machine. */
const SLOW_ANSWER_MS = 1_000;

/** A header says 12:00:05 from 12:00:05.000 to 12:00:05.999. */
const DATE_RESOLUTION_MS = 1_000;

export interface StoreClock {
  /** Learns from one answer: when it was asked for, by `monotonic`, and its `Date`. */
  observe(askedAt: number, date: string | undefined): void;
  /** False until the first answer, and again when the last one is old. */
  isKnown(): boolean;
  /** The store's time now, in ms, at the earliest; whatever this machine's clock says. */
  earliest(): number;
  /** Throws `ClockSkew` if this machine's clock is too far off, or was set wrong since the last answer. */
  assertInStep(): void;
}

/** `monotonic` counts ms from any moment on and is never set; the difference from `clock` shows when that one is. */
export function createStoreClock(engine: string, clock: Clock, monotonic: () => number): StoreClock {
  let last: { receivedAt: number; date: number; probable: number } | undefined;
  const isKnown = () => last !== undefined && monotonic() - last.receivedAt < FRESH_FOR_MS;

  return {
    observe(askedAt, dateHeader) {
      const date = Date.parse(dateHeader ?? '');
      if (Number.isNaN(date)) return;
      const receivedAt = monotonic();
      // An answer that took so long says less than what is known already.
      if (isKnown() && receivedAt - askedAt > SLOW_ANSWER_MS) return;
      // The middle of what is possible: off by half a second and half a round trip at most, for which the watermark leaves room.
      const probable = date + DATE_RESOLUTION_MS / 2 + (receivedAt - askedAt) / 2;
      last = { receivedAt, date, probable };
    },
    isKnown,
    earliest: () => (last ? Math.floor(last.date + monotonic() - last.receivedAt) : 0),
    assertInStep() {
      if (!last) return;
      const skew = Math.round(clock() - (last.probable + monotonic() - last.receivedAt));
      if (Math.abs(skew) > MAX_CLOCK_SKEW_MS) throw new ClockSkew(engine, skew, MAX_CLOCK_SKEW_MS);
    },
  };
}
