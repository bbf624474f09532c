// What travels with a command besides its data.
import type { Hlc } from './clock.js';
import type { Actor } from './event.js';
import { type Rejection, reject } from './rejection.js';

export interface CommandMeta {
  /** The same for every repeat of the command; derived from caller and key, or from process and step. */
  id: string;
  /** When it was first issued, in ms of the log's clock. Older than the retry horizon: refused `command_expired`. */
  issuedAt: number;
  /** A process manager's recovery: a command beyond the horizon is looked up in the past of its stream instead of refused. */
  late?: 'search';
  correlationId: string;
  actor: Actor;
  /** The event that caused it, and that event's commit time. */
  cause?: { eventId: string; at: Hlc };
  /** RFC 3339; an import says when it happened in the world. Default: the commit time. */
  occurredAt?: string;
  /** The stream's id was just made: it is taken to be empty without a look, and the append proves it. */
  newStream?: true;
  /** Refuse with `version_mismatch` unless the stream is at this event version (`If-Match`). */
  expectedVersion?: ExpectedVersion;
}

/** An event version, one of several (where the list is empty: none), or any, so long as the stream has events. */
export type ExpectedVersion = number | readonly number[] | 'any';

/** For a command on another stream than the one whose version the caller named. */
export function beside({ expectedVersion, ...meta }: CommandMeta): CommandMeta {
  return meta;
}

/** What is wrong with a stream at `version`; undefined where it is as expected. */
export function versionMismatch(
  expected: ExpectedVersion | undefined,
  version: number,
): Rejection<'version_mismatch'> | undefined {
  if (expected === undefined || expected === version) return undefined;
  if (expected === 'any') {
    return version > 0 ? undefined : reject('version_mismatch', 'It does not exist yet.', { version });
  }
  if (typeof expected !== 'number' && expected.includes(version)) return undefined;
  const named = typeof expected === 'number' ? `not ${expected}` : 'which is none of those expected';
  return reject('version_mismatch', `It is at version ${version}, ${named}; read it again.`, { version });
}
