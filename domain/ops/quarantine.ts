// The port to streams in quarantine: what a projection could not process, and how it is told to try again.
import type { CommitOfProjection } from './ops.js';

/** The stream stops before the commit, for this projection alone. */
export interface Quarantined extends CommitOfProjection {
  /** Opaque. It names the commit in this version of the projection. */
  id: string;
  /** Version of the projection. */
  version: string;
  error: string;
  /** RFC 3339. */
  since: string;
}

export interface Quarantine {
  /** The oldest first. Rejects with `Unavailable` if a store does not answer. */
  list(): Promise<Quarantined[]>;
  /** Processes the commit again, and all that follow it. Returns the entry that is left, if the commit fails again. */
  retry(entry: Quarantined): Promise<Quarantined | undefined>;
  /** Takes new decisions of operators into account: catches up what was skipped or resumed. */
  release(): Promise<void>;
}

/** The work of the agenda as it is named beside the projections. */
export const AGENDA_WORK = 'agenda';
