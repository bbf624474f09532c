// Folds one document from its streams without a store. The result equals the read model once it has caught up.
import { millisOf } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import type { Handler, Projection } from '../runtime/projection.js';

/** The commits of each stream must be in order. */
export function foldDocument<D>(
  projection: Projection<D, never>,
  key: string,
  commits: Iterable<Commit>,
): D | undefined {
  const handlers = projection.on as Record<string, Handler<D, DomainEvent> | undefined>;
  let document: D | undefined;
  for (const { events, position } of commits) {
    for (const event of events) {
      const handler = handlers[event.type];
      if (!handler?.keys(event).includes(key)) continue;
      document = handler.evolve(document, event, key, millisOf(position.at)) ?? undefined;
    }
  }
  return document;
}
