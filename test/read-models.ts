// Helpers for tests of read models: histories of commands, their interleavings, and the resulting documents.
import fc from 'fast-check';
import { millisOf } from '../domain/kernel/clock.js';
import type { Decider } from '../domain/kernel/decider.js';
import type { DomainEvent, RecordedEvent } from '../domain/kernel/event.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { isRejection } from '../domain/kernel/rejection.js';
import type { StreamId } from '../domain/kernel/stream.js';
import type { Document, Handler, Projection } from '../projections/runtime/projection.js';
import { the } from './the.js';

export const EPOCH = Date.parse('2026-01-01T00:00:00Z');

/** The events of one stream and its state. Each command is decided in turn; rejections are left out. */
export function historyOf<C, S, E extends DomainEvent>(
  { decide, evolve, initialState }: Decider<C, S, E>,
  commands: readonly C[],
): { events: RecordedEvent[]; state: S } {
  let state = initialState;
  const events: RecordedEvent[] = [];
  for (const command of commands) {
    const decision = decide(command, state, EPOCH);
    if (isRejection(decision)) continue;
    for (const event of decision) {
      state = evolve(state, event, EPOCH);
      events.push(recorded(event, events.length + 1));
    }
  }
  return { events, state };
}

export function recorded<E extends DomainEvent>(event: E, version = 1): RecordedEvent<E> {
  return {
    id: `command:${version}`,
    schemaVersion: 1,
    version,
    occurredAt: new Date(EPOCH + version * 1_000).toISOString(),
    commandId: 'command',
    correlationId: 'request',
    causationId: 'command',
    actor: { type: 'staff', id: 'tests' },
    ...event,
  };
}

/** The histories merged in any order that keeps the order of each. */
export function interleavingOf(histories: readonly (readonly RecordedEvent[])[]): fc.Arbitrary<RecordedEvent[]> {
  const turns = histories.flatMap((history, index) => history.map(() => index));
  return fc.shuffledSubarray(turns, { minLength: turns.length }).map((order) => {
    const rest = histories.map((history) => history.values());
    return order.map((index) => the(rest[index]?.next().value));
  });
}

/** The documents by key; tombstones are null. Events are committed one by one, `EPOCH` + version seconds each. */
export function project<D>(projection: Projection<D, never>, events: readonly RecordedEvent[]): Map<string, D | null> {
  const documents = new Map<string, D | null>();
  const handlers = projection.on as Record<string, Handler<D, DomainEvent> | undefined>;
  for (const event of events) {
    const handler = handlers[event.type];
    for (const key of handler?.keys(event) ?? []) {
      const before = documents.get(key) ?? undefined;
      const after = the(handler).evolve(before, event, key, EPOCH + event.version * 1_000);
      if (after !== undefined) documents.set(key, after as D | null);
    }
  }
  return documents;
}

/** The documents as a store keeps them. */
export function asStored(documents: Map<string, Document | null>): unknown {
  return JSON.parse(JSON.stringify([...documents].sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** The documents of a projection after it has followed every stream of a log. Tombstones are null. */
export async function documentsOf<D>(
  { log, store }: { log: { streams: ReadonlyMap<string, unknown> }; store: Pick<EventStore, 'read'> },
  projection: Projection<D, never>,
): Promise<Map<string, D | null>> {
  const documents = new Map<string, D | null>();
  const handlers = projection.on as Record<string, Handler<D, DomainEvent> | undefined>;
  for (const stream of log.streams.keys()) {
    for await (const { events, position } of store.read(stream as StreamId)) {
      for (const event of events) {
        const handler = handlers[event.type];
        for (const key of handler?.keys(event) ?? []) {
          const before = documents.get(key) ?? undefined;
          const after = the(handler).evolve(before, event, key, millisOf(position.at));
          if (after !== undefined) documents.set(key, after as D | null);
        }
      }
    }
  }
  return documents;
}
