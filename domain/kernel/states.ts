// The port through which everything reads the state of one stream.
import type { Position } from './commit.js';
import type { Decider } from './decider.js';
import type { DomainEvent } from './event.js';
import type { StreamId } from './stream.js';

export interface Loaded<S> {
  state: S;
  /** The end of the stream that the state was folded from. `commitNo` is 0 if the stream does not exist. */
  position: Position;
}

export interface States {
  /** The current state, read from the store, or a cached state that was proven current at most `maxAgeMs` ago. */
  load<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    stream: StreamId,
    options?: { maxAgeMs?: number },
  ): Promise<Loaded<S>>;
}

/** The state of a stream that must exist, because something that exists names it. */
export async function loadExisting<C, S, E extends DomainEvent>(
  states: States,
  decider: Decider<C, S, E>,
  stream: StreamId,
  options?: { maxAgeMs?: number },
): Promise<Loaded<NonNullable<S>>> {
  const { state, position } = await states.load(decider, stream, options);
  if (state === null || state === undefined) throw new Error(`${stream} does not exist, although it is referred to.`);
  return { state, position };
}
