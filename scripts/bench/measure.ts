// Timed work: two ways to do the same, alternating in one run, and their ratio, which means the same on any machine; or one way
// alone, if its time matters.
import { pairs } from '../../domain/kernel/collections.js';

/** Default number of counted rounds. One more round runs first to warm up caches, connections and the compiler. */
export const ROUNDS = 5;

export type Task = () => Promise<unknown>;

export interface Side {
  /** Concurrent tasks. */
  callers: number;
  /** Tasks of one round. */
  tasks: number;
  /** Makes the next round's work. This is not measured. */
  prepare(tasks: number): Promise<readonly Task[]>;
  /** Called after each round. Throws if the result is wrong. */
  verify?(): void;
}

/** Medians of the rounds. They depend on the machine. */
export interface Timing {
  /** Tasks per second. */
  ours: number;
  /** Time of a task, in ms: median and 99th percentile. */
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

export interface Measurement extends Timing {
  /** Duration of a round. */
  seconds: Spread;
}

export interface MeasureOptions {
  /** Counted rounds. */
  rounds?: number;
  signal: AbortSignal;
  /** Called before the first round and after each: the number of finished tasks, and of all tasks. */
  onRound?: (done: number, total: number) => void;
  /** Milliseconds from an arbitrary start. */
  now?: () => number;
}

interface Round {
  seconds: number;
  rate: number;
  p50: number;
  p99: number;
}

/** Every round measures both sides. The order alternates. */
export async function compare(sides: Record<'ours' | 'raw', Side>, options: MeasureOptions): Promise<Comparison> {
  const { ours, raw } = await measure({ ours: sides.ours, raw: sides.raw }, options);
  return {
    ratio: spreadOf(pairs(ours, raw).map(([one, other]) => one.rate / other.rate)),
    ...timingOf(ours),
    raw: median(raw.map(({ rate }) => rate)),
  };
}

export async function time(side: Side, options: MeasureOptions): Promise<Measurement> {
  const { rounds } = await measure({ rounds: side }, options);
  return { seconds: spreadOf(rounds.map(({ seconds }) => seconds)), ...timingOf(rounds) };
}

/** Takes one figure per round. The first round warms up and is not counted, unless there is only one. */
export async function figures(
  take: (signal: AbortSignal) => Promise<number>,
  { rounds = ROUNDS, signal, onRound = () => {} }: MeasureOptions,
): Promise<Spread> {
  const taken: number[] = [];
  const total = rounds === 1 ? 1 : rounds + 1;
  for (let round = 0; round < total; round++) {
    onRound(round, total);
    signal.throwIfAborted();
    taken.push(await take(signal));
  }
  onRound(total, total);
  return spreadOf(taken.slice(-rounds));
}

/** The counted rounds of each side. */
async function measure<K extends string>(
  sides: Record<K, Side>,
  { rounds = ROUNDS, signal, onRound = () => {}, now = () => performance.now() }: MeasureOptions,
): Promise<Record<K, Round[]>> {
  const names = Object.keys(sides) as K[];
  const measured = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, Round[]>;
  const total = names.map((name) => sides[name]).reduce((sum, { tasks }) => sum + tasks, 0) * (rounds + 1);
  let done = 0;
  onRound(done, total);
  for (let round = 0; round <= rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const played = await play(sides[name], signal, now);
      if (round > 0) measured[name].push(played);
      done += sides[name].tasks;
    }
    onRound(done, total);
  }
  return measured;
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

/** Ends when every caller has ended, even after a failure, so that no task is running. Returns the time of each task, in ms. */
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

/** The smallest value that at least this fraction of the values does not exceed. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)]!;
}
