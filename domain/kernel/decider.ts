// An aggregate is a decider: pure functions from (command, state) to events, and from events to state.
import type { DomainEvent, EventDefinitions } from './event.js';
import type { Rejection } from './rejection.js';

export interface Decider<C, S, E extends DomainEvent> {
  /** Category of the aggregate's streams. */
  category: string;
  events: EventDefinitions;
  initialState: S;
  /**
   * Returns the resulting events (none if nothing has to change) or a rejection. `now` is in ms of the log's clock. While the state
   * is null it never returns an empty list, so there is a state after every executed command.
   */
  decide(command: C, state: S, now: number): readonly E[] | Rejection;
  /** The state after an event that was committed at `at` ms of the log's clock. */
  evolve(state: S, event: E, at: number): NonNullable<S>;
  /**
   * For streams that may grow long: the version of the fold that snapshots belong to, and the minimum number of commits between
   * snapshots. States must be JSON values.
   */
  snapshot?: { foldVersion: number; every: number };
}

/** The state that an event changes. Only a damaged log has such an event before the one that creates the state. */
export function existing<S>(state: S | null | undefined, eventType: string): S {
  if (state === null || state === undefined)
    throw new Error(`${eventType} comes before the event that creates its state.`);
  return state;
}
