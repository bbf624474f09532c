// The sink port: one document store as the delivery runtime sees it. Each store has one generic adapter, which knows no
// projection. All projections in a store are read and written together.
import type { Hlc } from '../../domain/kernel/clock.js';
import { pairs } from '../../domain/kernel/collections.js';
import { ownEntry, sameJson } from '../../domain/kernel/json.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { BuildsState } from './builds.js';
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
  /** Only when it is written: projections that do not exist any more. */
  gone?: readonly string[];
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
   * per document. The positions are written after the documents, and only if all writes are saved. Each is written together with
   * what the stored one says about other projections, or says later (`merged`).
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

  /** Which builds the projections have. `revision` is opaque, for compare-and-set. */
  builds(): Promise<{ state: BuildsState; revision: unknown } | undefined>;
  /** False if they do not have this revision any more. `undefined`: there must be none yet. */
  setBuilds(state: BuildsState, revision: unknown): Promise<boolean>;
  /** Creates what `Sink.open` creates for a projection, if it is missing. */
  create(projection: Projection<never, never>): Promise<void>;
  /** Deletes all documents of a build, and what was created for it. It may be gone already. */
  drop(table: string): Promise<void>;
  /** The number of documents, tombstones included. */
  count(table: string): Promise<number>;
  /** The fast way to fill a new build. */
  bulk: BulkLoad;

  /** A text that changes whenever the store may have lost acknowledged writes: after a restart or a failover. */
  lineage(): Promise<string>;
  /** Calls the listener when a connection or the topology has changed, so that the store may be another one. */
  onDoubt?(listener: () => void): void;

  /** The keys of all documents of a projection, tombstones included, some at a time. A key may come twice. */
  keys(table: string): AsyncIterable<string[]>;

  /** Makes saved documents of a projection searchable, in stores that need an extra step for it. */
  refresh?(table: string): Promise<void>;
}

/** A document that a load writes. */
export type NewDocument = Omit<StoredDocument, 'table' | 'revision'>;

/** A build that nobody reads or feeds yet is filled from one process at a time. Rejects with `Unavailable` as the store does. */
export interface BulkLoad {
  /** Prepares an empty build, without what makes a load slow. A repeat changes nothing. */
  create(projection: Projection<never, never>): Promise<void>;
  /**
   * Writes documents, thousands at a time and in parallel calls with different ones. After a crash a repeat may find some of
   * them; they are the same. Throws `DocumentRefused`.
   */
  insert(table: string, documents: readonly NewDocument[]): Promise<void>;
  /** Adds what `create` has left out, so that `count`, `load` and queries work as always. A repeat changes nothing. */
  complete(projection: Projection<never, never>): Promise<void>;
}

/** The store rejects a document permanently. */
export class DocumentRefused extends Error {
  override name = 'DocumentRefused';
  constructor(
    readonly key: string,
    error: string,
  ) {
    super(`document ${key} is refused: ${error}`);
  }
}

/** For the outcomes of a bulk load, in which a stale document is there from before a crash. Throws `DocumentRefused`. */
export function refuseNone(documents: readonly Pick<NewDocument, 'key'>[], outcomes: readonly WriteOutcome[]): void {
  for (const [{ key }, outcome] of pairs(documents, outcomes)) {
    if (!outcome.saved && !outcome.stale) throw new DocumentRefused(key, outcome.error);
  }
}

/** The last commit of the stream that the projection has applied. */
export function positionFor(table: string, position: StreamPosition | undefined): number {
  if (!position?.of.includes(table)) return 0;
  return position.held?.[table]?.commitNo ?? position.commitNo;
}

/**
 * What the stored position and the next one say together: for each projection the higher commit. Both stay true, whoever writes
 * last, so that nothing is lost when several writers know different projections. Of two statements about one commit, that with an
 * error stays: a late writer does not know of it.
 */
export function merged(stored: StreamPosition | undefined, next: StreamPosition): StreamPosition {
  const places = new Map<string, Held>();
  for (const name of stored?.of ?? []) {
    if (stored && !next.gone?.includes(name)) places.set(name, placeIn(stored, name));
  }
  for (const name of next.of) {
    const [before, after] = [places.get(name), placeIn(next, name)];
    const stays =
      before && (before.commitNo > after.commitNo || (before.commitNo === after.commitNo && !isHeldBack(after)));
    if (!stays) places.set(name, after);
  }
  return positionOf(places);
}

/** The position that says this of its projections. */
export function positionOf(places: ReadonlyMap<string, Held>): StreamPosition {
  const commitNo = Math.max(...[...places.values()].map((place) => place.commitNo));
  const held = [...places].filter(([, place]) => isHeldBack(place) || place.commitNo < commitNo);
  return { of: [...places.keys()].sort(), commitNo, ...(held.length > 0 && { held: Object.fromEntries(held) }) };
}

/** Stays at its position: the next commit is in quarantine, or the projection is paused. */
export function isHeldBack({ error, paused }: Held): boolean {
  return error !== undefined || paused === true;
}

/** Stores may return the names of `held` in any order. */
export function isSamePosition(a: StreamPosition | undefined, b: StreamPosition | undefined): boolean {
  return sameJson(a, b);
}

function placeIn({ commitNo, held }: StreamPosition, name: string): Held {
  return ownEntry(held ?? {}, name) ?? { commitNo };
}
