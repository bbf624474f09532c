// A domain with one event, for the contracts of the log: a note is written. Version 1 had no stars.
import fc from 'fast-check';
import { z } from 'zod';
import { nextAt } from '../../domain/kernel/clock.js';
import type { Position } from '../../domain/kernel/commit.js';
import { eventTypesOf, type RecordedEvent } from '../../domain/kernel/event.js';
import type { NewCommit } from '../../domain/kernel/event-store.js';

export interface Note {
  text: string;
  stars: number;
}

export const notes = eventTypesOf({
  NoteWritten: {
    version: 2,
    data: z.strictObject({ text: z.string(), stars: z.int() }),
    upcast: { 1: (data: { text: string }) => ({ ...data, stars: 0 }) },
  },
});

/** A commit of these notes by one command, to be appended after `after`. */
export function noteCommit(after: Position, commandId: string, ...written: Partial<Note>[]): NewCommit {
  const at = nextAt(Date.now(), after.at);
  return { at, commandIds: [commandId], events: written.map((note, n) => noteEvent(after, commandId, note, n)) };
}

function noteEvent(after: Position, commandId: string, note: Partial<Note>, n: number): RecordedEvent {
  return {
    id: `${commandId}:${n}`,
    type: 'NoteWritten',
    schemaVersion: 2,
    version: after.version + 1 + n,
    occurredAt: '2026-01-02T03:04:05.678Z',
    commandId,
    correlationId: `request of ${commandId}`,
    causationId: commandId,
    actor: { type: 'staff', id: 'ann' },
    data: { text: '', stars: 0, ...note },
  };
}

/** Notes with all kinds of text that may be difficult for JSON, UTF-8 or SQL. */
export const anyNote: fc.Arbitrary<Note> = fc.record({
  text: fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('\u0000', '\ud800', '\\', '"', "'", '{},NULL'),
  ),
  stars: fc.integer(),
});
