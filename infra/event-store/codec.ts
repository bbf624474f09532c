// Converts between events and the stored bytes: encodes and hashes new commits, and reads stored commits of any age.
import { hash } from 'node:crypto';
import { type Commit, FORMAT, headerOf, type Position, type StoredCommit } from '../../domain/kernel/commit.js';
import { CommitTooLarge, InvalidEvent } from '../../domain/kernel/errors.js';
import type { Actor, EventTypes, RecordedEvent } from '../../domain/kernel/event.js';
import type { NewCommit } from '../../domain/kernel/event-store.js';
import { LOG_PARTITIONS, MAX_COMMIT_BYTES } from '../../domain/kernel/limits.js';
import { isStreamId, type StreamId } from '../../domain/kernel/stream.js';

export interface CommitCodec {
  /** Throws `InvalidEvent`, `CommitTooLarge`. */
  encode(stream: StreamId, after: Position, commit: NewCommit): StoredCommit;
  /** Converts data of old schema versions to the current one. Throws `InvalidEvent`. Does not check the hash: see `hashOf`. */
  decode(stored: StoredCommit): Commit;
  /**
   * The events alone. Throws `InvalidEvent`. With `isChecked: false` their data is of the current version, but not checked: for a
   * reader that looks at them first, and decodes them when it uses them.
   */
  events(stored: Pick<StoredCommit, 'f' | 'pk' | 'sk' | 'ev'>, options?: { isChecked: boolean }): RecordedEvent[];
}

export function createCommitCodec(eventTypes: EventTypes): CommitCodec {
  function encode(stream: StreamId, after: Position, { at, commandIds, events }: NewCommit): StoredCommit {
    if (!isStreamId(stream)) throw new RangeError(`"${stream}" is not a stream id; make it with streamId().`);
    if (at <= after.at)
      throw new RangeError(`The commit to ${stream} is not later than the one before it; use nextAt().`);
    if (events.length === 0) throw new RangeError(`A commit to ${stream} needs at least one event.`);
    events.forEach((event, index) => {
      checkNew(event, after.version + 1 + index);
    });

    const unhashed = {
      f: FORMAT,
      pk: stream,
      sk: after.commitNo + 1,
      fv: after.version + 1,
      lv: after.version + events.length,
      ev: JSON.stringify(events.map(inStoredOrder)),
      at,
      cs: [...commandIds],
      ph: after.hash,
      lp: partitionOf(stream),
    };
    const bytes = sizeOf(unhashed);
    if (bytes > MAX_COMMIT_BYTES) throw new CommitTooLarge(stream, bytes, MAX_COMMIT_BYTES);
    return { ...unhashed, h: hashOf(unhashed) };
  }

  function checkNew(event: RecordedEvent, version: number): void {
    eventTypes.check(event);
    const today = eventTypes.definition(event.type).version;
    if (event.schemaVersion !== today)
      throw new InvalidEvent(event.type, `is written with schema version ${event.schemaVersion}, today's is ${today}`);
    if (event.version !== version)
      throw new InvalidEvent(event.type, `has version ${event.version} where the stream goes on at ${version}`);
  }

  function decode(stored: StoredCommit): Commit {
    const { pk, fv, cs, ph } = stored;
    const position = positionOf(stored);
    return { stream: pk, position, firstVersion: fv, commandIds: cs, previousHash: ph, events: eventsOf(stored) };
  }

  const eventsOf: CommitCodec['events'] = ({ f, pk, sk, ev }, { isChecked } = { isChecked: true }) => {
    if (f !== FORMAT) throw new InvalidEvent(`in ${pk} ${sk}`, `has format ${f}, this program reads ${FORMAT}`);
    const read = isChecked ? eventTypes.read : eventTypes.upcast;
    return (JSON.parse(ev) as RecordedEvent[]).map((event) => {
      const { version } = eventTypes.definition(event.type);
      return { ...event, schemaVersion: version, data: read(event.type, event.schemaVersion, event.data) };
    });
  };

  return { encode, decode, events: eventsOf };
}

/** The position after a stored commit. */
export function positionOf({ sk, lv, h, at }: StoredCommit): Position {
  return { commitNo: sk, version: lv, hash: h, at };
}

/** The expected value of `h`, computed from the stored fields. */
export function hashOf(stored: Omit<StoredCommit, 'h' | 'lp'>): string {
  return hash('sha256', stored.ph + headerOf(stored) + stored.ev);
}

/** Log partition of a stream. */
export function partitionOf(stream: StreamId): number {
  return Number.parseInt(hash('sha256', stream).slice(0, 2), 16) % LOG_PARTITIONS;
}

/** Upper bound of attribute names, numbers, hashes and engine overhead of one item, in bytes. */
const FIXED_BYTES = 300;

/** Size of the item in the engine that needs the most space, in bytes. */
function sizeOf({ pk, cs, ev }: Pick<StoredCommit, 'pk' | 'cs' | 'ev'>): number {
  return FIXED_BYTES + Buffer.byteLength(pk) + Buffer.byteLength(JSON.stringify(cs)) + Buffer.byteLength(ev);
}

function actorInStoredOrder({ type, id, role }: Actor): Actor {
  return role === undefined ? { type, id } : { type, id, role };
}

/** The order of keys is part of the format: the envelope's keys, then the data. */
function inStoredOrder({
  id,
  type,
  schemaVersion,
  version,
  occurredAt,
  commandId,
  correlationId,
  causationId,
  actor,
  data,
}: RecordedEvent): RecordedEvent {
  return {
    id,
    type,
    schemaVersion,
    version,
    occurredAt,
    commandId,
    correlationId,
    causationId,
    actor: actorInStoredOrder(actor),
    data,
  };
}
