// A projection is data and pure functions: it knows events and documents, never a store.
import type { DomainEvent, RecordedEvent } from '../../domain/kernel/event.js';

/** A JSON object. Times are RFC 3339 strings, money is `{amount, currency}`. */
export type Document = Record<string, unknown>;

/**
 * How a store may index a top-level field: a text is searched by what stands between its blanks, as it is; of an array of
 * keywords each is found by itself; `numbers` is an object of numbers, each of which is filtered and sorted by itself, under
 * names of which there are a few hundred at most; the others are filtered, and sorted by their code points.
 */
export type FieldKind = 'keyword' | 'keywords' | 'text' | 'number' | 'numbers' | 'boolean' | 'time';

export interface Handler<D, E extends DomainEvent> {
  /** The documents that the event touches. */
  keys(event: RecordedEvent<E>): readonly string[];
  /**
   * The document after the event: what was given if nothing changed (then nothing is written), `null` for a tombstone.
   * A tombstone is given as `undefined`, like a document that never was. Of several streams that feed one document each
   * writes its own part, so that their order does not matter. `at`: commit time in ms of the log's clock.
   */
  evolve(document: D | undefined, event: RecordedEvent<E>, key: string, at: number): D | null | undefined;
}

export interface Projection<D = Document, E extends DomainEvent = DomainEvent> {
  /** Lower case and dashes. Name and version together name the table, collection, index or key prefix. */
  name: string;
  version: number;
  /** Categories of the streams it follows; it keeps a position for each stream of these. */
  categories: readonly string[];
  /** Top-level fields of the document that queries filter, sort or search by. */
  fields: Readonly<Record<string, FieldKind>>;
  /** Combinations of fields that a query filters and then sorts by. */
  indexes?: readonly (readonly string[])[];
  on: { readonly [T in E['type']]?: Handler<D, Extract<E, { type: T }>> };
}

/** Infers nothing but checks everything: `projection<OrderDocument, OrderEvent>({…})`. */
export function projection<D, E extends DomainEvent>(definition: Projection<D, E>): Projection<D, E> {
  return definition;
}

/** `orders_v1`: the physical name in every store (stores that dislike dashes replace them). */
export function physicalName({ name, version }: Pick<Projection, 'name' | 'version'>): string {
  return `${name}_v${version}`;
}
