// How the audit endpoints show an event: with its place in the log, who did it, and what caused it. Personal fields stay sealed.
import { z } from 'zod';
import { type Hlc, millisOf } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import { InvalidEvent } from '../../domain/kernel/errors.js';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import { type EventStore, UnreadableCommit } from '../../domain/kernel/event-store.js';
import { STAFF_ROLES } from '../../domain/kernel/role.js';
import type { StreamId } from '../../domain/kernel/stream.js';

const actorSchema = z.strictObject({
  type: z.enum(['customer', 'staff', 'process', 'import']),
  id: z.string(),
  role: z.enum(STAFF_ROLES).optional().meta({ description: 'For staff: the role in which they acted' }),
});

const eventEntry = z
  .strictObject({
    stream: z.string(),
    commitNo: z.int(),
    version: z.int().meta({ description: 'Position of the event in its stream: 1, 2, 3 …' }),
    at: z.string().meta({ description: 'The time of the commit, which orders the log' }),
    occurredAt: z.string().meta({ description: 'When it happened. For imported events, a time in the past' }),
    id: z.string(),
    type: z.string(),
    schemaVersion: z.int().meta({ description: 'The version of the data as shown: older data is upcast' }),
    commandId: z.string(),
    correlationId: z.string().meta({ description: 'The request at the beginning of the chain of causes' }),
    causationId: z.string().meta({ description: 'The event that caused the command, or the command itself' }),
    actor: actorSchema,
    data: z.unknown().meta({ description: 'Personal fields are sealed: `{sealed, at, box}`' }),
    hash: z.string().meta({ description: 'The hash of the commit' }),
  })
  .meta({ id: 'LoggedEvent' });

const unreadableEntry = z
  .strictObject({
    stream: z.string(),
    commitNo: z.int(),
    unreadable: z.string().meta({ description: 'Why the commit cannot be read' }),
  })
  .meta({ id: 'UnreadableCommit', description: 'A commit that was changed, or that a newer program has written' });

export const entrySchema = z.union([eventEntry, unreadableEntry]);

export type EventEntry = z.output<typeof eventEntry>;
export type Unreadable = z.output<typeof unreadableEntry> & { stream: StreamId };

export function entryOf({ stream, position }: Pick<Commit, 'stream' | 'position'>, event: RecordedEvent): EventEntry {
  const { version, occurredAt, id, type, schemaVersion, commandId, correlationId, causationId, actor, data } = event;
  return {
    stream,
    commitNo: position.commitNo,
    version,
    at: timeOf(position.at),
    occurredAt,
    id,
    type,
    schemaVersion,
    commandId,
    correlationId,
    causationId,
    actor,
    data,
    hash: position.hash,
  };
}

/** RFC 3339, UTC, milliseconds. */
export function timeOf(at: Hlc): string {
  return new Date(millisOf(at)).toISOString();
}

/** The reason why a commit cannot be read; undefined for any other error. A changed commit may not even be JSON. */
export function whyUnreadable(error: unknown): string | undefined {
  if (error instanceof UnreadableCommit) return error.problem;
  return error instanceof InvalidEvent || error instanceof SyntaxError ? error.message : undefined;
}

export function isUnreadable(one: object): one is Unreadable {
  return 'unreadable' in one;
}

/** All commits of a stream after a commit number, in order. A commit that cannot be read does not end the list. */
export async function* historyOf(
  { read }: Pick<EventStore, 'read'>,
  stream: StreamId,
  after = 0,
): AsyncGenerator<Commit | Unreadable> {
  for (let last = after; ; ) {
    try {
      for await (const commit of read(stream, last)) {
        yield commit;
        last = commit.position.commitNo;
      }
      return;
    } catch (error) {
      const unreadable = whyUnreadable(error);
      if (unreadable === undefined) throw error;
      last += 1;
      yield { stream, commitNo: last, unreadable };
    }
  }
}
