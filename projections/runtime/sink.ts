// The sink port: one document store as the delivery runtime sees it. Each store has one generic adapter, which knows no
// projection. All projections in a store are read and written together.
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Document, Projection } from './projection.js';

/** For each stream that feeds the document: the last commit that changed it. */
export type Positions = Record<StreamId, number>;

export interface DocumentId {
  /** Physical name of the projection. */
  table: string;
  key: string;
}

export interface StoredDocument extends DocumentId {
  /** `null` is a tombstone. */
  document: Document | null;
  positions: Positions;
  /** The store's own version of the document, for compare-and-set; opaque. */
  revision: unknown;
}

/** The revision is the one that was loaded; `undefined` means that the document must not exist yet. */
export type DocumentWrite = StoredDocument;

export type WriteOutcome =
  | { saved: true }
  /** Another writer changed the document: load and evolve again. */
  | { saved: false; stale: true }
  /** The store rejects this document permanently. */
  | { saved: false; stale: false; error: string };

/**
 * How far the projections of a store have applied one stream. They share the position; a projection that is not in `of` has
 * applied nothing. Such a statement stays true, whoever writes a later one.
 */
export interface StreamPosition {
  /** Physical names of the projections for which it holds, sorted. */
  of: readonly string[];
  commitNo: number;
  /** The projections in `of` that have applied less. */
  held?: Readonly<Record<string, Held>>;
}

/**
 * The position of a projection that is behind the others, or stays where it is: it is being built, it was paused, or the next
 * commit cannot be processed.
 */
export interface Held {
  commitNo: number;
  /** Why the next commit cannot be processed. The stream stops for this projection until a retry succeeds. */
  error?: string;
  /** RFC 3339. */
  since?: string;
  /** The projection was paused when the next commit came. */
  paused?: true;
}

/** Progress of the comparison with the log. It is stored as JSON. */
export interface SweepState {
  /** Physical names of the projections for which it holds. */
  of: readonly string[];
  /** The store's lineage at the start of the sweep that wrote this. */
  lineage: string;
  /** Documents that commits after this time have changed may be behind their positions. */
  doubtedFrom?: Hlc;
  /** Every commit up to this time is applied, or belongs to a quarantined stream. */
  sweptTo: Hlc;
  /** The time of the log up to which the running comparison has compared documents; 0 if none is running. */
  comparedTo: Hlc;
  /** When the last comparison of all documents ended, in ms since 1970. At first the time of the first sweep. */
  comparedAt: number;
}

export interface Sink {
  /** Name of the engine, as in `Unavailable`. */
  engine: string;
  /** Creates what these projections need, if it is missing. Several processes may call it at once. */
  open(projections: readonly Projection<never, never>[]): Promise<DocumentStore>;
}

export interface Loaded {
  /** Missing documents are absent. */
  documents: StoredDocument[];
  /** Streams without a position are absent. */
  positions: Map<StreamId, StreamPosition>;
  /** To be passed to `save`, which may write positions only in the store that was read. Opaque. */
  session?: unknown;
}

/**
 * The opened projections of one store. Every call rejects with `Unavailable` while the store does not answer; it may then have
 * taken effect in part. Calls with thousands of entries are fine; calls without entries cost nothing.
 */
export interface DocumentStore {
  /** Sees everything that was saved, at once and in every process. At most one entry per document and stream. */
  load(documents: readonly DocumentId[], streams: readonly StreamId[]): Promise<Loaded>;
  /**
   * Each write succeeds or fails independently under compare-and-set. Outcomes have the order of the writes. At most one write
   * per document. The positions are written after the documents, and only if all writes are saved. A stored position for the same
   * projections stays if it is higher, or of the same commit with a higher rank (`rankOf`).
   */
  save(
    writes: readonly DocumentWrite[],
    positions: ReadonlyMap<StreamId, StreamPosition>,
    session?: unknown,
  ): Promise<WriteOutcome[]>;
  /** The positions with a `held`. */
  held(): Promise<Map<StreamId, StreamPosition>>;

  sweepState(): Promise<SweepState | undefined>;
  setSweepState(state: SweepState): Promise<void>;

  /** A text that changes whenever the store may have lost acknowledged writes: after a restart or a failover. */
  lineage(): Promise<string>;
  /** Calls the listener when a connection or the topology has changed, so that the store may be another one. */
  onDoubt?(listener: () => void): void;

  /** The keys of all documents of a projection, tombstones included, some at a time. A key may come twice. */
  keys(table: string): AsyncIterable<string[]>;

  /** Makes saved documents of a projection searchable, in stores that need an extra step for it. */
  refresh?(table: string): Promise<void>;
}

/** The last commit of the stream that the projection has applied. */
export function positionFor(table: string, position: StreamPosition | undefined): number {
  if (!position?.of.includes(table)) return 0;
  return position.held?.[table]?.commitNo ?? position.commitNo;
}

/** Whether a position is written over the stored one: see `DocumentStore.save`. */
export function mayReplace(stored: StreamPosition | undefined, next: StreamPosition): boolean {
  if (!stored || stored.of.join() !== next.of.join()) return true;
  if (next.commitNo !== stored.commitNo) return next.commitNo > stored.commitNo;
  return rankOf(next) >= rankOf(stored);
}

/** Larger than the number of projections in a store. */
const RANKS = 1_000;

/**
 * Orders positions of one commit: 0 if nothing is held back, lower for each commit that a projection lacks, higher for each
 * error. A late writer, who does not know of the error, may not remove it.
 */
export function rankOf({ commitNo, held = {} }: StreamPosition): number {
  const places = Object.values(held);
  const errors = places.filter(({ error }) => error !== undefined).length;
  return places.reduce((rank, place) => rank - RANKS * (commitNo - place.commitNo), errors);
}
