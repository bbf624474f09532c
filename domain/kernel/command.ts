// Metadata of a command.
import type { Hlc } from './clock.js';
import type { Actor } from './event.js';
import { type Rejection, reject } from './rejection.js';

export interface CommandMeta {
  /** The same for every repeat of the command. It is derived from caller and key, or from process and step. */
  id: string;
  /**
   * When the command was first issued, in ms of the log's clock. Beyond the retry horizon it is rejected with `command_expired`.
   */
  issuedAt: number;
  /**
   * Set when a process manager recovers: a command beyond the retry horizon is looked up in its stream's history instead of
   * rejected.
   */
  late?: 'search';
  correlationId: string;
  actor: Actor;
  /** The event that caused it, and that event's commit time. */
  cause?: { eventId: string; at: Hlc };
  /** RFC 3339. An import states when the event really happened. Default: the commit time. */
  occurredAt?: string;
  /** The stream's id was just created. The stream is assumed to be empty without a read; the append fails if it is not. */
  newStream?: true;
  /** Reject with `version_mismatch` unless the stream is at this event version (`If-Match`). */
  expectedVersion?: ExpectedVersion;
}

/** One event version, one of a list (an empty list matches no version), or any version of a stream that has events. */
export type ExpectedVersion = number | readonly number[] | 'any';

/** Metadata for a command on another stream than the one whose version the caller named. */
export function withoutExpectedVersion({ expectedVersion, ...meta }: CommandMeta): CommandMeta {
  return meta;
}

/** The rejection for a stream at `version`, or undefined if the version is as expected. */
export function versionMismatch(
  expected: ExpectedVersion | undefined,
  version: number,
): Rejection<'version_mismatch'> | undefined {
  if (expected === undefined || expected === version) return undefined;
  if (expected === 'any') {
    return version > 0 ? undefined : reject('version_mismatch', 'The resource does not exist yet.', { version });
  }
  if (typeof expected !== 'number' && expected.includes(version)) return undefined;
  const named = typeof expected === 'number' ? `not ${expected}` : 'not at an expected one';
  return reject('version_mismatch', `The resource is at version ${version}, ${named}; read it again.`, { version });
}
