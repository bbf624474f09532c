// What a bench is: a ratio or a time with an aim, and how it is taken.
import type { BenchEngines } from './engines.js';
import type { Side } from './measure.js';

/** Tasks under way at once, on either side, where nothing else is said. */
export const CALLERS = 64;

interface AnyBench<Opened> {
  name: string;
  /** Tasks under way at once. */
  inFlight: number;
  aim: number;
  /** How it is taken, in one line. */
  how: string;
  /** Throws `EngineUnavailable`. */
  open(engines: BenchEngines): Promise<Opened & { close(): Promise<void> }>;
}

/** Ours ÷ raw, at least `aim`. */
export interface RatioBench extends AnyBench<Record<'ours' | 'raw', Side>> {
  kind: 'ratio';
}

/** Seconds, at most `aim`. */
export interface TimeBench extends AnyBench<{ ours: Side }> {
  kind: 'time';
}

export type Bench = RatioBench | TimeBench;
