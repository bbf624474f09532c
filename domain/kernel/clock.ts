// Time in the log: `at` is a hybrid logical clock, one safe integer of milliseconds × 1000 + counter.

/** Milliseconds since 1970, UTC. The product passes `Date.now`, tests pass a virtual clock. */
export type Clock = () => number;

/** Milliseconds × 1000 + counter. */
export type Hlc = number;

/**
 * The next commit time: the clock's time, or one tick after the latest of `floors` (the stream's previous commit, the causing
 * event).
 */
export function nextAt(now: number, ...floors: Hlc[]): Hlc {
  return Math.max(now * 1000, ...floors.map((floor) => floor + 1));
}

export function millisOf(at: Hlc): number {
  return Math.floor(at / 1000);
}

export function hlcOf(millis: number): Hlc {
  return millis * 1000;
}
