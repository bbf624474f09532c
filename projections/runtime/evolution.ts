// What commits do to the documents of one projection, as pure functions.
import { type Hlc, millisOf } from '../../domain/kernel/clock.js';
import type { DomainEvent, RecordedEvent } from '../../domain/kernel/event.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { FoundCommit } from './commits.js';
import type { Document, Handler, Projection } from './projection.js';
import type { Positions } from './sink.js';

/** A document while commits are applied to it. */
export interface Draft {
  /** `undefined`: no document yet. `null`: a tombstone. */
  document: Document | null | undefined;
  positions: Positions;
}

/** The events of a commit that change a document, by the document's key. */
export type Touches = ReadonlyMap<string, readonly RecordedEvent[]>;

/** Where a commit is in the log. */
export interface Place {
  stream: StreamId;
  position: { commitNo: number; at: Hlc };
}

export interface Evolution {
  /** Throws if the projection cannot process the commit. A commit that operators skip touches nothing. */
  touches(commit: Place & Pick<FoundCommit, 'events' | 'unreadable'>): Touches;
  /** The documents that the commit changes. It takes each document from `before`. Throws if one cannot be evolved. */
  evolve(commit: Place, touches: Touches, before: (key: string) => Draft | undefined): Map<string, Draft>;
}

export type IsSkipped = (projection: string, stream: StreamId, commitNo: number) => boolean;

export function createEvolution(projection: Projection<never, never>, isSkipped: IsSkipped = () => false): Evolution {
  const handlers = new Map(Object.entries(projection.on as Record<string, Handler<Document, DomainEvent>>));

  function evolveOne(document: Draft['document'], event: RecordedEvent, key: string, at: number): Draft['document'] {
    const evolved = handlers.get(event.type)!.evolve(document ?? undefined, event, key, at);
    return evolved === undefined ? document : evolved;
  }

  return {
    touches({ stream, position, events, unreadable }) {
      const touches = new Map<string, RecordedEvent[]>();
      if (isSkipped(projection.name, stream, position.commitNo)) return touches;
      if (unreadable) throw unreadable;
      for (const event of events) {
        for (const key of new Set(handlers.get(event.type)?.keys(event))) {
          const earlier = touches.get(key);
          if (earlier) earlier.push(event);
          else touches.set(key, [event]);
        }
      }
      return touches;
    },

    evolve({ stream, position }, touches, before) {
      const changed = new Map<string, Draft>();
      for (const [key, events] of touches) {
        const draft = before(key) ?? { document: undefined, positions: {} };
        if (position.commitNo <= (draft.positions[stream] ?? 0)) continue;
        const at = millisOf(position.at);
        const document = events.reduce((state, event) => evolveOne(state, event, key, at), draft.document);
        if (document === draft.document) continue;
        const positions = projection.approximate ? {} : { ...draft.positions, [stream]: position.commitNo };
        changed.set(key, { document, positions });
      }
      return changed;
    },
  };
}
