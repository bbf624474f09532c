// Writes positions in stores that compare a revision only. A position that has changed meanwhile is read again and merged.
import { Unavailable } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { isSamePosition, merged, type StreamPosition } from '../../projections/runtime/sink.js';

/** How often a position is read again that another writer has changed. In each round some writer succeeds. */
const MAX_POSITION_ROUNDS = 50;

export interface Placed {
  position: StreamPosition;
  revision: unknown;
}

/** What a load has found; undefined for streams without a position. */
export type Places = ReadonlyMap<StreamId, Placed | undefined>;

export interface PlacingDeps {
  engine: string;
  /** All of the streams, also those without a position. */
  read(streams: readonly StreamId[]): Promise<Places>;
  /** Writes each position if the stored one has this revision, or none. Returns which are written. */
  write(entries: readonly { stream: StreamId; position: StreamPosition; revision: unknown }[]): Promise<boolean[]>;
}

/** `known` are the positions that the batch has loaded. */
export async function placeAll(
  { engine, read, write }: PlacingDeps,
  positions: ReadonlyMap<StreamId, StreamPosition>,
  known: Places = new Map(),
): Promise<void> {
  let open = [...positions];
  let loaded = open.every(([stream]) => known.has(stream)) ? known : undefined;
  for (let round = 0; open.length > 0; round++) {
    if (round === MAX_POSITION_ROUNDS) {
      throw new Unavailable(engine, `${open.length} positions were still stale; fewer workers would help`);
    }
    const places = loaded ?? (await read(open.map(([stream]) => stream)));
    loaded = undefined;
    const due = open.flatMap(([stream, next]) => {
      const { position: stored, revision } = places.get(stream) ?? {};
      const position = merged(stored, next);
      return isSamePosition(stored, position) ? [] : [{ stream, next, position, revision }];
    });
    if (due.length === 0) return;
    const written = await write(due);
    open = due.flatMap(({ stream, next }, index) => (written[index] ? [] : [[stream, next]]));
  }
}

/** All of the streams, each with what was found for it. */
export function placesOf(streams: readonly StreamId[], found: ReadonlyMap<StreamId, Placed>): Places {
  return new Map(streams.map((stream) => [stream, found.get(stream)]));
}

export function positionsIn(places: Places): Map<StreamId, StreamPosition> {
  return new Map([...places].flatMap(([stream, placed]) => (placed ? [[stream, placed.position] as const] : [])));
}
