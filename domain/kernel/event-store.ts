// The event store port: conditional appends, consistent reads of one stream, and the order of the whole log.
import type { Hlc } from './clock.js';
import type { Commit, Position } from './commit.js';
import type { RecordedEvent } from './event.js';
import type { StreamId } from './stream.js';

export interface NewCommit {
  /** Greater than the position's `at` and than that of every causing event. */
  at: Hlc;
  commandIds: string[];
  /** At least one; versions count on from the position. */
  events: RecordedEvent[];
}

export type AppendResult =
  | { appended: true; position: Position }
  /** Somebody else wrote that commit first: read on from the position you had, and decide again. */
  | { appended: false };

/** One line of the log's index. */
export interface LogEntry {
  at: Hlc;
  stream: StreamId;
  commitNo: number;
}

/** The total order of the log. */
export function compareLogEntries(a: LogEntry, b: LogEntry): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1;
  return a.commitNo - b.commitNo;
}

export interface EventStore {
  /**
   * Appends one commit behind `after`, which must come from a read or an acknowledged append. An append whose
   * acknowledgement was lost is recognised by its hash when it is retried.
   * Throws `Unavailable`, `CommitTooLarge`, `ClockSkew`.
   */
  append(stream: StreamId, after: Position, commit: NewCommit): Promise<AppendResult>;
  /** The commits behind `after` (a commit number, default 0), in order, as strongly consistent as the engine can. */
  read(stream: StreamId, after?: number): AsyncIterable<Commit>;
  /** The log's index for `after` < at ≤ `upTo`, in total order; never beyond the watermark. */
  log(after: Hlc, upTo?: Hlc): AsyncIterable<LogEntry>;
  /** What can be seen behind `after` now, even beyond the watermark: more may still appear there. */
  newest(after: Hlc): AsyncIterable<LogEntry>;
  /** No commit can still appear at or below this time. */
  watermark(): Promise<Hlc>;
}

/** Snapshots live apart from the log and may be lost at any time. */
export interface SnapshotStore {
  load(stream: StreamId, foldVersion: number): Promise<(Snapshot & { size: number }) | undefined>;
  /** Answers its size, in characters. */
  save(stream: StreamId, foldVersion: number, snapshot: Snapshot): Promise<number>;
}

export interface Snapshot {
  position: Position;
  /** JSON value. */
  state: unknown;
}
