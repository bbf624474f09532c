// Lists are read page by page: by the sort key of the last entry, never by counting, so that no page repeats or misses
// what did not move.

/** The sort key of the last entry of a page; null stands for what it lacks. */
export type Cursor = readonly (string | number | null)[];

export interface PageRequest {
  limit: number;
  after?: Cursor | undefined;
}

export interface Page<T> {
  data: T[];
  /** Where the next page begins; absent on the last one. */
  next?: Cursor;
}

/** The page that `limit + 1` entries make: one more than asked for shows that there is a next page. */
export function pageOf<T>(found: readonly T[], limit: number, cursorOf: (entry: T) => Cursor): Page<T> {
  const data = found.slice(0, limit);
  const last = data.at(-1);
  return found.length > limit && last ? { data, next: cursorOf(last) } : { data };
}
