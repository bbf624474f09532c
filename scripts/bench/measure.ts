// Two ways to do the same, timed in turn in one run, and what one makes of the other: a ratio means the same on any machine.

/** Counted rounds. One more goes before them, for caches, connections and the compiler. */
export const ROUNDS = 5;

export type Task = () => Promise<unknown>;

export interface Side {
  /** Tasks under way at once. */
  callers: number;
  /** The next round's work; making it is not measured. */
  prepare(): Promise<readonly Task[]>;
}

export interface Comparison {
  /** Median of the rounds' ratios, the smallest and the largest. */
  ratio: number;
  min: number;
  max: number;
  /** Medians, per second; they depend on the machine. */
  ours: number;
  raw: number;
}

export interface CompareOptions {
  signal: AbortSignal;
  /** Told after every round, the first one included: how many tasks are done, and how many there will be. */
  onRound?: (done: number, total: number) => void;
  /** Ms from any moment on. */
  now?: () => number;
}

/** Every round measures both sides; which one goes first alternates. */
export async function compare(
  sides: Record<'ours' | 'raw', Side>,
  { signal, onRound = () => {}, now = () => performance.now() }: CompareOptions,
): Promise<Comparison> {
  const rounds: Record<'ours' | 'raw', number>[] = [];
  let done = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const rates = { ours: 0, raw: 0 };
    for (const side of round % 2 === 0 ? (['ours', 'raw'] as const) : (['raw', 'ours'] as const)) {
      const tasks = await sides[side].prepare();
      const startedAt = now();
      await runAll(tasks, sides[side].callers, signal);
      rates[side] = (tasks.length * 1000) / (now() - startedAt);
      done += tasks.length;
    }
    if (round > 0) rounds.push(rates);
    onRound(done, (done / (round + 1)) * (ROUNDS + 1));
  }
  const ratios = rounds.map(({ ours, raw }) => ours / raw);
  return {
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    ours: median(rounds.map(({ ours }) => ours)),
    raw: median(rounds.map(({ raw }) => raw)),
  };
}

/** Ends when every caller has: nothing is under way any more, even after a failure. */
async function runAll(tasks: readonly Task[], callers: number, signal: AbortSignal): Promise<void> {
  const left = tasks.values();
  const call = async () => {
    for (const task of left) {
      signal.throwIfAborted();
      await task();
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: callers }, call));
  for (const result of ended) if (result.status === 'rejected') throw result.reason;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
