// An aggregate is a decider: pure functions from (command, state) to events, and from events to state.
import type { DomainEvent, EventDefinitions } from './event.js';
import type { Rejection } from './rejection.js';

export interface Decider<C, S, E extends DomainEvent> {
  /** Category of its streams. */
  category: string;
  events: EventDefinitions;
  initialState: S;
  /** The events that obey the command, none if it is already obeyed, or a rejection. `now` in ms is the log's clock. */
  decide(command: C, state: S, now: number): readonly E[] | Rejection;
  /** The state after an event that was committed at `at` ms of the log's clock. */
  evolve(state: S, event: E, at: number): S;
  /**
   * For streams that may grow long: which fold the snapshots belong to, and after how many commits one is taken at the
   * earliest. States must be JSON values.
   */
  snapshot?: { foldVersion: number; every: number };
}
