// The sink port: a document store as the delivery runtime sees it. One generic adapter per store, none knows a projection.
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Document, Projection } from './projection.js';

/** Per stream that fed the document: the last commit that changed it. */
export type Positions = Record<StreamId, number>;

export interface StoredDocument {
  key: string;
  /** `null` is a tombstone. */
  document: Document | null;
  positions: Positions;
  /** The store's own version of it, for compare-and-set; opaque. */
  revision: unknown;
}

export interface DocumentWrite {
  key: string;
  document: Document | null;
  positions: Positions;
  /** The revision it was loaded with; `undefined` means that it must not exist yet. */
  revision: unknown;
}

export type WriteOutcome =
  | { saved: true }
  /** Somebody else wrote it since: load and evolve again. */
  | { saved: false; stale: true }
  /** The store will never take this document. */
  | { saved: false; stale: false; error: string };

export interface Quarantine {
  stream: StreamId;
  /**
   * The commit that could not be digested; the stream's progress stops before it until a retry succeeds. A commit that
   * cannot be evolved leaves no trace; one of whose documents the store refuses may show in its other documents.
   */
  commitNo: number;
  error: string;
  /** RFC 3339. */
  since: string;
}

export interface StreamProgress {
  /** Last commit of the stream that is wholly applied. */
  commitNo: number;
  quarantine?: Quarantine;
}

export interface Sink {
  /** Creates what the projection's version needs where it is missing. May be called by several processes at once. */
  open(projection: Projection<never, never>): Promise<SinkTable>;
}

/**
 * The documents and the progress of one version of one projection. Every call rejects while the store is away, with
 * `Unavailable`; part of it may have happened then. Calls with thousands of entries are fine, calls with none cost nothing.
 */
export interface SinkTable {
  /** What is saved, at once and in every process. Missing documents are absent. */
  load(keys: readonly string[]): Promise<Map<string, StoredDocument>>;
  /**
   * Each write succeeds or fails by itself under compare-and-set; outcomes are in the order of the writes. At most one
   * write per key.
   */
  save(writes: readonly DocumentWrite[]): Promise<WriteOutcome[]>;

  /** Streams without progress are absent. */
  progress(streams: readonly StreamId[]): Promise<Map<StreamId, StreamProgress>>;
  /** Raises positions; one that is already higher stays. */
  advance(positions: ReadonlyMap<StreamId, number>): Promise<void>;
  /** Replaces the stream's entry. An entry counts only while the stream's position is below its commit. */
  quarantine(entry: Quarantine): Promise<void>;
  quarantined(): Promise<Quarantine[]>;

  /** Every commit at or below this time is applied, or of a stream in quarantine; 0 at first. */
  sweptTo(): Promise<Hlc>;
  setSweptTo(at: Hlc): Promise<void>;

  /** Makes what is saved findable, for stores where that takes an extra step. */
  refresh?(): Promise<void>;
}
