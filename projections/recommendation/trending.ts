// Counts that fade: what happened one half-life ago counts half as much as what happens now.
import { type Weighted, withWeights } from './scores.js';

export const HALF_LIFE_MS = 7 * 24 * 60 * 60_000;
/** Most entries of one list. */
export const MAX_TRENDING = 300;

export interface FadingCounts {
  /** The time at which the counts have these values, in ms since 1970. */
  at: number;
  counts: readonly Weighted[];
}

/** The counts after one more of each of these at a time, which may be before that of the counts. */
export function counted(before: FadingCounts | undefined, ids: readonly string[], at: number): FadingCounts {
  const now = Math.max(at, before?.at ?? at);
  const added = ids.map((id): Weighted => [id, faded(now - at)]);
  return { at: now, counts: withWeights(countsAt(before, now), added, MAX_TRENDING) };
}

/** Several lists as one, at the time of the newest. */
export function merged(lists: readonly FadingCounts[]): FadingCounts | undefined {
  if (lists.length === 0) return undefined;
  const at = Math.max(...lists.map((list) => list.at));
  return {
    at,
    counts: withWeights(
      [],
      lists.flatMap((list) => countsAt(list, at)),
      MAX_TRENDING,
    ),
  };
}

function countsAt(list: FadingCounts | undefined, at: number): Weighted[] {
  if (!list) return [];
  const factor = faded(at - list.at);
  return list.counts.map(([id, count]) => [id, count * factor]);
}

function faded(ms: number): number {
  return 2 ** (-ms / HALF_LIFE_MS);
}
