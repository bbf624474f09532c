// The definition of a bench: a ratio or a time with a target, and how it is measured.
import type { BenchEngines } from './engines.js';
import type { Side } from './measure.js';

/** Default number of concurrent tasks, on either side. */
export const CALLERS = 64;

interface AnyBench<Opened> {
  name: string;
  /** Number of concurrent tasks. */
  inFlight: number;
  target: number;
  /** How it is measured, in one line. */
  how: string;
  /** Throws `EngineUnavailable`. */
  open(engines: BenchEngines): Promise<Opened & { close(): Promise<void> }>;
}

/** Ours ÷ raw; the target is a minimum. */
export interface RatioBench extends AnyBench<Record<'ours' | 'raw', Side>> {
  kind: 'ratio';
}

/** Seconds; the target is a maximum. */
export interface TimeBench extends AnyBench<{ ours: Side }> {
  kind: 'time';
}

export type Bench = RatioBench | TimeBench;
