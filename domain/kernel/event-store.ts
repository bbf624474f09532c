// The event store port: conditional appends, consistent reads of one stream, and the order of the whole log.
import type { Hlc } from './clock.js';
import type { Commit, Position, StoredCommit } from './commit.js';
import type { RecordedEvent } from './event.js';
import type { StreamId } from './stream.js';

export interface NewCommit {
  /** Greater than the `at` of the position and of every causing event. */
  at: Hlc;
  commandIds: string[];
  /** At least one. Their versions continue from the position. */
  events: RecordedEvent[];
  /** The commit is refused unless this term of the lease still runs. Not stored. */
  fence?: Fence;
}

/** A term of a process that holds a lease, such as that of the agenda. */
export interface Fence {
  /** Name of the lease. */
  lease: string;
  /** Grows with every term. */
  token: number;
}

export type AppendResult =
  | { appended: true; position: Position }
  /** Another writer appended that commit first: read on from your position, and decide again. */
  | { appended: false };

/** One entry of the log's index. */
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

/** Part of the log in total order. */
export interface StoredRange {
  /** The commits after this entry. It is not only a time, because several commits may have the same. Default: from the start. */
  after?: LogEntry;
  /** The last `at`. */
  upTo?: Hlc;
}

/** The entry of a stored commit in the log's index. */
export function entryOf({ at, pk, sk }: Pick<StoredCommit, 'at' | 'pk' | 'sk'>): LogEntry {
  return { at, stream: pk, commitNo: sk };
}

/** A place in the total order: after every entry of this time, and before all later ones. */
export function afterTime(at: Hlc): LogEntry {
  return { at: at + 1, stream: '' as StreamId, commitNo: 0 };
}

/** What is stored at this entry is no commit: somebody has changed it. A reader of the log can go on after the entry. */
export class UnreadableCommit extends Error {
  override name = 'UnreadableCommit';
  constructor(
    readonly entry: LogEntry,
    readonly problem: string,
  ) {
    super(`Commit ${entry.commitNo} of ${entry.stream} cannot be read: ${problem}.`);
  }
}

export interface EventStore {
  /**
   * Appends one commit after `after`, which must come from a read or an acknowledged append. A retried append whose
   * acknowledgement was lost is recognised by its hash. Throws `Unavailable`, `CommitTooLarge`, `ClockSkew`, `Deposed`.
   */
  append(stream: StreamId, after: Position, commit: NewCommit): Promise<AppendResult>;
  /**
   * The commits after `after` (a commit number, default 0), in order. The read is as strongly consistent as the engine allows.
   */
  read(stream: StreamId, after?: number): AsyncIterable<Commit>;
  /**
   * The commits of the whole log as they are stored, neither checked nor upcast, in total order. It never goes beyond the
   * watermark. Memory is flat. Throws `UnreadableCommit`.
   */
  stored(range?: StoredRange): AsyncIterable<StoredCommit>;
  /** The log's index for `after` < at ≤ `upTo`, in total order. It never goes beyond the watermark. */
  log(after: Hlc, upTo?: Hlc): AsyncIterable<LogEntry>;
  /** All entries after `after` that are visible now, even beyond the watermark. More may still appear there. */
  newest(after: Hlc): AsyncIterable<LogEntry>;
  /** No new commit can appear at or below this time. */
  watermark(): Promise<Hlc>;
}

/** Snapshots are stored apart from the log and may be lost at any time. */
export interface SnapshotStore {
  load(stream: StreamId, foldVersion: number): Promise<(Snapshot & { size: number }) | undefined>;
  /** Returns the size of the snapshot, in characters. */
  save(stream: StreamId, foldVersion: number, snapshot: Snapshot): Promise<number>;
}

export interface Snapshot {
  position: Position;
  /** JSON value. */
  state: unknown;
}
