// Pagination by the sort key of the last entry, never by offset, so that a page neither repeats nor misses entries whose sort key
// stays the same.

/** The sort key of the last entry of a page. `null` stands for a missing value. */
export type Cursor = readonly (string | number | null)[];

export interface PageRequest {
  limit: number;
  after?: Cursor | undefined;
}

export interface Page<T> {
  data: T[];
  /** Start of the next page; absent on the last one. */
  next?: Cursor;
}

/** Builds a page from `limit + 1` entries. The extra entry shows that there is a next page. */
export function pageOf<T>(found: readonly T[], limit: number, cursorOf: (entry: T) => Cursor): Page<T> {
  const data = found.slice(0, limit);
  const last = data.at(-1);
  return found.length > limit && last ? { data, next: cursorOf(last) } : { data };
}
