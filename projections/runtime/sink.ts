// The sink port: a document store as the delivery runtime sees it. Each store has one generic adapter, which knows no projection.
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Document, Projection } from './projection.js';

/** For each stream that feeds the document: the last commit that changed it. */
export type Positions = Record<StreamId, number>;

export interface StoredDocument {
  key: string;
  /** `null` is a tombstone. */
  document: Document | null;
  positions: Positions;
  /** The store's own version of the document, for compare-and-set; opaque. */
  revision: unknown;
}

export interface DocumentWrite {
  key: string;
  document: Document | null;
  positions: Positions;
  /** The revision that was loaded; `undefined` means that the document must not exist yet. */
  revision: unknown;
}

export type WriteOutcome =
  | { saved: true }
  /** Another writer changed the document: load and evolve again. */
  | { saved: false; stale: true }
  /** The store rejects this document permanently. */
  | { saved: false; stale: false; error: string };

export interface Quarantine {
  stream: StreamId;
  /**
   * The commit that cannot be processed. The stream stops before it until a retry succeeds. A commit that cannot be evolved
   * changes nothing; if the store rejects one of a commit's documents, its other documents may already be written.
   */
  commitNo: number;
  error: string;
  /** RFC 3339. */
  since: string;
}

export interface StreamProgress {
  /** Last commit of the stream that is fully applied. */
  commitNo: number;
  quarantine?: Quarantine;
}

export interface Sink {
  /** Creates what this version of the projection needs, if it is missing. Several processes may call it at once. */
  open(projection: Projection<never, never>): Promise<SinkTable>;
}

/**
 * The documents and the progress of one version of one projection. Every call rejects with `Unavailable` while the store does
 * not answer; it may then have taken effect in part. Calls with thousands of entries are fine; calls without entries cost
 * nothing.
 */
export interface SinkTable {
  /** Sees every saved document at once and in every process. Missing documents are absent. */
  load(keys: readonly string[]): Promise<Map<string, StoredDocument>>;
  /**
   * Each write succeeds or fails independently under compare-and-set. Outcomes have the order of the writes. At most one write
   * per key.
   */
  save(writes: readonly DocumentWrite[]): Promise<WriteOutcome[]>;

  /** Streams without progress are absent. */
  progress(streams: readonly StreamId[]): Promise<Map<StreamId, StreamProgress>>;
  /** Raises positions. Higher positions stay. */
  advance(positions: ReadonlyMap<StreamId, number>): Promise<void>;
  /** Replaces the stream's entry. An entry counts only while the stream's position is below its commit. */
  quarantine(entry: Quarantine): Promise<void>;
  quarantined(): Promise<Quarantine[]>;

  /** Every commit up to this time is applied or belongs to a quarantined stream; 0 at first. */
  sweptTo(): Promise<Hlc>;
  setSweptTo(at: Hlc): Promise<void>;

  /** Makes saved documents searchable, in stores that need an extra step for it. */
  refresh?(): Promise<void>;
}
