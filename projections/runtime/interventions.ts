// What operators have decided about projections: pauses, and commits that a projection skips. The log has these decisions; a process
// keeps the last known ones in memory.
import type { StreamId } from '../../domain/kernel/stream.js';

/** Projections are named without their version, so that a decision also holds for a rebuilt one. */
export interface Interventions {
  /** Reads the decisions, unless they were read before. */
  ready(): Promise<void>;
  /**
   * Reads them again. Returns a number that is higher after every decision. If the log does not answer, it rejects, and the last
   * known ones stay.
   */
  refresh(): Promise<number>;
  /** True for the stream that has the decisions. */
  concerns(stream: StreamId): boolean;
  isPaused(projection: string): boolean;
  isSkipped(projection: string, stream: StreamId, commitNo: number): boolean;
}

export const NO_INTERVENTIONS: Interventions = {
  ready: async () => {},
  refresh: async () => 0,
  concerns: () => false,
  isPaused: () => false,
  isSkipped: () => false,
};
