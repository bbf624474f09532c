// Two ways to do the same, timed in turn in one run, and what one makes of the other: a ratio means the same on any machine.

/** Counted rounds. One more goes before them, for caches, connections and the compiler. */
export const ROUNDS = 5;

export type Task = () => Promise<unknown>;

export interface Side {
  /** Tasks under way at once. */
  callers: number;
  /** Tasks of one round. */
  tasks: number;
  /** The next round's work; making it is not measured. */
  prepare(tasks: number): Promise<readonly Task[]>;
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
  /** Told before the first round and after each: how many tasks are done, and how many there will be. */
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
  const total = (sides.ours.tasks + sides.raw.tasks) * (ROUNDS + 1);
  let done = 0;
  onRound(done, total);
  for (let round = 0; round <= ROUNDS; round++) {
    const rates = { ours: 0, raw: 0 };
    for (const side of round % 2 === 0 ? (['ours', 'raw'] as const) : (['raw', 'ours'] as const)) {
      const { callers, tasks, prepare } = sides[side];
      const prepared = await prepare(tasks);
      const startedAt = now();
      await runAll(prepared, callers, signal);
      rates[side] = (tasks * 1000) / (now() - startedAt);
      done += tasks;
    }
    if (round > 0) rounds.push(rates);
    onRound(done, total);
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
