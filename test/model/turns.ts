// The scheduler of a history. Every asynchronous step waits here for its turn, one runs at a time, and the same seed gives the
// same sequence. So a failed history can be repeated step by step.

/** Time advances with the turns, and when a history says so. */
export interface VirtualClock {
  (): number;
  pass(ms: number): void;
}

/** Ends the pending turns of a worker when it dies. */
export interface Life {
  readonly ended: boolean;
}

export interface Turns {
  /** Resolves at its turn; never, if the life ends before. */
  take(life?: Life): Promise<void>;
  /** Gives turns until the work is done. Throws if the work waits for something that will not happen. */
  during<T>(work: Promise<T>): Promise<T>;
  /** An integer from 0 to `below` − 1. Always 0 if the seed is 0. */
  random(below: number): number;
}

/** Time that a turn takes. */
const TURN_MS = 1;

export function createClock(start: number): VirtualClock {
  let now = start;
  return Object.assign(() => now, {
    pass(ms: number) {
      now += ms;
    },
  });
}

/** With seed 0, the longest waiting step runs next. */
export function createTurns(seed: number, clock: VirtualClock): Turns {
  const random = createRandom(seed);
  let waiting: { life: Life | undefined; go: () => void }[] = [];

  return {
    random,
    take: (life) => new Promise((go) => waiting.push({ life, go })),
    async during(work) {
      let done = false;
      const end = () => {
        done = true;
      };
      work.then(end, end);
      for (;;) {
        await everythingElse();
        if (done) return work;
        waiting = waiting.filter(({ life }) => !life?.ended);
        const [next] = waiting.splice(random(waiting.length), 1);
        if (!next) throw new Error('Everything waits, and nothing will happen any more.');
        clock.pass(TURN_MS);
        next.go();
      }
    },
  };
}

/** For engines with their own speed: everything runs at once. */
export function createFreeTurns(seed: number, clock: VirtualClock): Turns {
  return {
    random: createRandom(seed),
    async take(life) {
      clock.pass(TURN_MS);
      if (life?.ended) await new Promise(() => {});
    },
    during: (work) => work,
  };
}

/** Waits until nothing can continue without a turn. In memory, everything else is promises. */
function everythingElse(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** mulberry32, https://github.com/bryc/code/blob/master/jshash/PRNGs.md */
function createRandom(seed: number): Turns['random'] {
  let state = seed;
  return (below) => {
    if (seed === 0 || below < 2) return 0;
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
