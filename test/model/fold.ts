// A read model of the log, updated as the log grows.
import { millisOf } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import type { Handler, Projection } from '../../projections/runtime/projection.js';
import { the } from '../the.js';

type DocumentOf<P> = P extends Projection<infer D, never> ? D : never;

export interface Model<P> {
  /** Documents by key, after this many commits or after a later state that was already shown. `null` is a tombstone. */
  documents(upTo?: number): ReadonlyMap<string, DocumentOf<P> | null>;
}

export function createModel<P extends Projection<never, never>>(projection: P, commits: readonly Commit[]): Model<P> {
  const documents = new Map<string, DocumentOf<P> | null>();
  const handlers = projection.on as unknown as Record<string, Handler<DocumentOf<P>, DomainEvent> | undefined>;
  let folded = 0;

  function fold({ events, position }: Commit): void {
    for (const event of events) {
      const handler = handlers[event.type];
      for (const key of handler?.keys(event) ?? []) {
        const after = the(handler).evolve(documents.get(key) ?? undefined, event, key, millisOf(position.at));
        if (after !== undefined) documents.set(key, after);
      }
    }
  }

  return {
    documents(upTo = commits.length) {
      for (; folded < upTo; folded++) fold(the(commits[folded]));
      return documents;
    },
  };
}
