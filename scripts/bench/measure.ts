// Work that is timed: two ways to do the same, in turn in one run, and what one makes of the other (a ratio means the same
// on any machine), or one way alone, where the time is what counts.

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
  /** After each round: throws if what was done is not what should have been. */
  verify?(): void;
}

/** Medians of the rounds; they depend on the machine. */
export interface Timing {
  /** Tasks per second. */
  ours: number;
  /** What a task took, in ms: the middle one, and the slowest but for one in a hundred. */
  p50: number;
  p99: number;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export interface Comparison extends Timing {
  /** Ours ÷ raw. */
  ratio: Spread;
  /** Tasks per second. */
  raw: number;
}

export interface Run extends Timing {
  /** That a round took. */
  seconds: Spread;
}

export interface MeasureOptions {
  signal: AbortSignal;
  /** Told before the first round and after each: how many tasks are done, and how many there will be. */
  onRound?: (done: number, total: number) => void;
  /** Ms from any moment on. */
  now?: () => number;
}

interface Round {
  seconds: number;
  rate: number;
  p50: number;
  p99: number;
}

/** Every round measures both sides; which one goes first alternates. */
export async function compare(sides: Record<'ours' | 'raw', Side>, options: MeasureOptions): Promise<Comparison> {
  const [ours, raw] = await measure([sides.ours, sides.raw], options);
  return {
    ratio: spreadOf(ours!.map(({ rate }, n) => rate / raw![n]!.rate)),
    ...timingOf(ours!),
    raw: median(raw!.map(({ rate }) => rate)),
  };
}

export async function time(side: Side, options: MeasureOptions): Promise<Run> {
  const [rounds] = await measure([side], options);
  return { seconds: spreadOf(rounds!.map(({ seconds }) => seconds)), ...timingOf(rounds!) };
}

/** The counted rounds of each side. */
async function measure(
  sides: readonly Side[],
  { signal, onRound = () => {}, now = () => performance.now() }: MeasureOptions,
): Promise<Round[][]> {
  const rounds = sides.map((): Round[] => []);
  const total = sides.reduce((sum, { tasks }) => sum + tasks, 0) * (ROUNDS + 1);
  let done = 0;
  onRound(done, total);
  for (let round = 0; round <= ROUNDS; round++) {
    const inTurn = [...sides.entries()];
    for (const [n, side] of round % 2 === 0 ? inTurn : inTurn.reverse()) {
      const measured = await play(side, signal, now);
      if (round > 0) rounds[n]!.push(measured);
      done += side.tasks;
    }
    onRound(done, total);
  }
  return rounds;
}

async function play(side: Side, signal: AbortSignal, now: () => number): Promise<Round> {
  const { callers, tasks, prepare } = side;
  const prepared = await prepare(tasks);
  const startedAt = now();
  const latencies = await runAll(prepared, callers, signal, now);
  const seconds = (now() - startedAt) / 1000;
  side.verify?.();
  return { seconds, rate: tasks / seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

/** Ends when every caller has: nothing is under way any more, even after a failure. Answers what each task took, in ms. */
async function runAll(
  tasks: readonly Task[],
  callers: number,
  signal: AbortSignal,
  now: () => number,
): Promise<number[]> {
  const latencies: number[] = [];
  const left = tasks.values();
  const call = async () => {
    for (const task of left) {
      signal.throwIfAborted();
      const startedAt = now();
      await task();
      latencies.push(now() - startedAt);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: callers }, call));
  for (const result of ended) if (result.status === 'rejected') throw result.reason;
  return latencies;
}

function timingOf(rounds: readonly Round[]): Timing {
  return {
    ours: median(rounds.map(({ rate }) => rate)),
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
  };
}

function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The least value that so large a part of them does not exceed. */
function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)]!;
}
