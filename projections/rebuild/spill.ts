// The port of the place where a rebuild keeps events between reading the log and folding the documents, sorted by document. It is
// local to the machine that runs the rebuild. If it is lost, the log is read again.
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StreamId } from '../../domain/kernel/stream.js';

/** How the log and the documents are divided. */
export interface SpillPlan {
  /** The last time of each segment, in order. */
  segments: readonly Hlc[];
  slices: number;
  /** Commits in all segments. */
  commits: number;
  /** Streams of some of them, evenly spread. Their documents are compared with the log. */
  sample: readonly StreamId[];
}

/** Every call rejects with `Unavailable` if the disk is full. */
export interface Spill {
  plan(): Promise<SpillPlan | undefined>;
  setPlan(plan: SpillPlan): Promise<void>;
  /** The numbers of the segments that are written. */
  segments(): Promise<ReadonlySet<number>>;
  /** Writes a segment as a whole, or not at all: the lines of each slice. */
  write(segment: number, slices: readonly (readonly string[])[]): Promise<void>;
  /** The lines of one slice, segment by segment in order. */
  read(slice: number): AsyncIterable<readonly string[]>;
  remove(): Promise<void>;
}
