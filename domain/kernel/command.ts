// What travels with a command besides its data.
import type { Hlc } from './clock.js';
import type { Actor } from './event.js';

export interface CommandMeta {
  /** The same for every repeat of the command; derived from caller and key, or from process and step. */
  id: string;
  /** When it was first issued, in ms of the log's clock. Older than the retry horizon: refused `command_expired`. */
  issuedAt: number;
  /** A process manager's recovery: a command beyond the horizon is looked up in the stream's whole past instead of refused. */
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
  expectedVersion?: number;
}
