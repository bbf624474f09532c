// An aggregate is a decider: pure functions from (command, state) to events, and from events to state.
import type { DomainEvent, EventDefinitions } from './event.js';
import type { Rejection } from './rejection.js';

export interface Decider<C, S, E extends DomainEvent> {
  /** Category of the aggregate's streams. */
  category: string;
  events: EventDefinitions;
  initialState: S;
  /** Returns the resulting events (none if nothing has to change) or a rejection. `now` is in ms of the log's clock. */
  decide(command: C, state: S, now: number): readonly E[] | Rejection;
  /** The state after an event that was committed at `at` ms of the log's clock. */
  evolve(state: S, event: E, at: number): S;
  /**
   * For streams that may grow long: the version of the fold that snapshots belong to, and the minimum number of commits between
   * snapshots. States must be JSON values.
   */
  snapshot?: { foldVersion: number; every: number };
}
