// A projection consists of data and pure functions. It knows events and documents, but no store.
import type { DomainEvent, RecordedEvent } from '../../domain/kernel/event.js';

/** A JSON object. Times are RFC 3339 strings, money is `{amount, currency}`. */
export type Document = Record<string, unknown>;

/**
 * How a store indexes a top-level field. A `text` is searched by its blank-separated words, unchanged. Each element of `keywords`
 * matches separately. `numbers` is an object with a few hundred names at most; each number is filtered and sorted separately.
 * `values` is a list that is
 * counted and not filtered. The other kinds are filtered, and sorted by code points.
 */
export type FieldKind = 'keyword' | 'keywords' | 'values' | 'text' | 'number' | 'numbers' | 'boolean' | 'time';

export interface Handler<D, E extends DomainEvent> {
  /** The documents that the event changes. */
  keys(event: RecordedEvent<E>): readonly string[];
  /**
   * The document after the event: the same object if nothing changed (then nothing is written), `null` for a tombstone. A
   * tombstone is passed in as `undefined`, like a document that never existed. If several streams feed one document, each writes
   * its own part, so that their order does not matter. `at`: commit time in ms of the log's clock.
   */
  evolve(document: D | undefined, event: RecordedEvent<E>, key: string, at: number): D | null | undefined;
}

export interface Projection<D = Document, E extends DomainEvent = DomainEvent> {
  /** Lower case and dashes. Name and version together name the table, collection, index or key prefix. */
  name: string;
  version: number;
  /**
   * The number of the build, which each rebuild raises. The definition has none; what holds for one build of it names the build.
   * The first build, which is not named in the store, is 1.
   */
  build?: number;
  /**
   * By version of this definition: the earliest version whose documents its functions and queries accept, so that they feed and
   * serve those builds until a new one is ready. The version is named so that an entry does not hold for the next one by mistake.
   */
  continues?: Readonly<Record<number, number>>;
  /** The definitions of versions whose documents it cannot continue. They feed the builds that were made with them. */
  earlier?: readonly Projection<never, never>[];
  /** Categories of the streams that the projection follows. A position is kept for each of these streams. */
  categories: readonly string[];
  /** Top-level fields of the document that queries filter, sort or search by. */
  fields: Readonly<Record<string, FieldKind>>;
  /**
   * Fields that queries read of very many documents to rank or count them. A store that must unpack a document to read a field
   * keeps these beside it. A few hundred characters each.
   */
  beside?: readonly string[];
  /** Combinations of fields that a query filters and then sorts by. */
  indexes?: readonly (readonly string[])[];
  /**
   * Each document counts the events of any number of streams, such as all orders with one SKU. So it keeps no positions: after a
   * crash a commit may be applied to it twice, which the document recognises as far as it matters. Counts that depend on the order
   * of the commits are no differences from the log, so its documents are not compared with it.
   */
  approximate?: true;
  on: { readonly [T in E['type']]?: Handler<D, Extract<E, { type: T }>> };
}

/** Checks the type parameters without inference: `projection<OrderDocument, OrderEvent>({…})`. */
export function projection<D, E extends DomainEvent>(definition: Projection<D, E>): Projection<D, E> {
  return definition;
}

/** `orders_v1_b2`: the physical name in every store. Stores that do not accept dashes replace them. */
export function physicalName({ name, version, build = 1 }: Pick<Projection, 'name' | 'version' | 'build'>): string {
  return build === 1 ? `${name}_v${version}` : `${name}_v${version}_b${build}`;
}

/** The parts of a physical name; undefined for any other text. */
export function partsOfName(physical: string): Required<Pick<Projection, 'name' | 'version' | 'build'>> | undefined {
  const [, name, version, build = 1] = /^(.+)_v(\d+)(?:_b(\d+))?$/.exec(physical) ?? [];
  return name === undefined ? undefined : { name, version: Number(version), build: Number(build) };
}
