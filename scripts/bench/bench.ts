// What a bench is: a ratio with an aim, and how it is taken.
import type { BenchEngines } from './engines.js';
import type { Side } from './measure.js';

/** Tasks under way at once, on either side. */
export const CALLERS = 64;

export interface Bench {
  name: string;
  /** The ratio that is aimed at. */
  aim: number;
  /** How it is taken, in one line. */
  how: string;
  /** Throws `EngineUnavailable`. */
  open(engines: BenchEngines): Promise<OpenBench>;
}

export interface OpenBench {
  ours: Side;
  raw: Side;
  close(): Promise<void>;
}
