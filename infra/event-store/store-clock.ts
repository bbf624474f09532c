// The store's clock, estimated from the HTTP `Date` header of its answers. The header has whole seconds, and the time it names
// lies between sending and receiving.
import type { Clock } from '../../domain/kernel/clock.js';
import { ClockSkew } from '../../domain/kernel/errors.js';
import { MAX_CLOCK_SKEW_MS } from '../../domain/kernel/limits.js';

/** Without an answer for this long, the store's time counts as unknown. */
const FRESH_FOR_MS = 60_000;

/** Nearly every answer arrives sooner, even on a busy machine. */
const SLOW_ANSWER_MS = 1_000;

/** A `Date` header of 12:00:05 covers 12:00:05.000 to 12:00:05.999. */
const DATE_RESOLUTION_MS = 1_000;

export interface StoreClock {
  /** Records one answer: when the request was sent, by `monotonic`, and the answer's `Date`. */
  observe(askedAt: number, date: string | undefined): void;
  /** False until the first answer, and when the last answer is too old. */
  isKnown(): boolean;
  /** The earliest possible time of the store now, in ms. It does not depend on this machine's clock. */
  earliest(): number;
  /** Throws `ClockSkew` if this machine's clock differs too much, or was set wrong since the last answer. */
  assertInStep(): void;
}

/**
 * `monotonic` counts ms from an arbitrary start and is never adjusted. Comparing it with `clock` shows when `clock` was adjusted.
 */
export function createStoreClock(engine: string, clock: Clock, monotonic: () => number): StoreClock {
  let last: { receivedAt: number; date: number; probable: number } | undefined;
  const isKnown = () => last !== undefined && monotonic() - last.receivedAt < FRESH_FOR_MS;

  return {
    observe(askedAt, dateHeader) {
      const date = Date.parse(dateHeader ?? '');
      if (Number.isNaN(date)) return;
      const receivedAt = monotonic();
      // A slow answer is less exact than the recent answer that is already known.
      if (isKnown() && receivedAt - askedAt > SLOW_ANSWER_MS) return;
      // The middle of the possible range. The error is at most half a second plus half a round trip; the watermark allows for it.
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
