// The definition of a bench: a ratio or a time with a target, and how it is measured.
import type { BenchEngines } from './engines.js';
import type { Side } from './measure.js';

/** Default number of concurrent tasks, on either side. */
export const CALLERS = 64;

/** How much is measured. */
export interface Scale {
  /** Minutes of load before the memory is read. */
  minutes: number;
  /** Import the whole file instead of a part. */
  whole: boolean;
  /** Commits of the log that is rebuilt. */
  commits: number;
}

interface AnyBench<Opened> {
  name: string;
  /** Number of concurrent tasks. */
  inFlight: number;
  target: number;
  /** How it is measured, in one line. */
  how: string;
  /** Throws `EngineUnavailable`. */
  open(engines: BenchEngines, scale: Scale): Promise<Opened & { close(): Promise<void> }>;
}

/** Ours ÷ raw; the target is a minimum. */
export interface RatioBench extends AnyBench<Record<'ours' | 'raw', Side>> {
  kind: 'ratio';
}

/** Seconds; the target is a maximum. */
export interface TimeBench extends AnyBench<{ ours: Side }> {
  kind: 'time';
}

/** One figure per round; the target is a maximum. */
export interface FigureBench extends AnyBench<{ take(signal: AbortSignal): Promise<number> }> {
  kind: 'figure';
  unit: 's' | 'ms' | 'MB' | '×';
  /** True if a round takes too long to be repeated. */
  once?: true;
}

export type Bench = RatioBench | TimeBench | FigureBench;
