// Consistency tokens: the commits that a caller has seen. A query then shows at least those.
import { MAX_TOKEN_PAIRS } from './limits.js';
import { categoryOf, type StreamId } from './stream.js';

/** Commit number per stream. */
export type SeenCommits = ReadonlyMap<StreamId, number>;

const CATEGORY_RANK = ['order', 'cart', 'payment'];

/** The union, with the highest commit of each stream. It is cut to 32 streams: order, cart and payment streams are kept first. */
export function mergeSeen(...parts: Iterable<readonly [StreamId, number]>[]): SeenCommits {
  const merged = new Map<StreamId, number>();
  for (const part of parts) {
    for (const [stream, commitNo] of part) merged.set(stream, Math.max(commitNo, merged.get(stream) ?? 0));
  }
  if (merged.size <= MAX_TOKEN_PAIRS) return merged;
  return new Map([...merged].sort(([a], [b]) => rank(a) - rank(b)).slice(0, MAX_TOKEN_PAIRS));
}

function rank(stream: StreamId): number {
  const found = CATEGORY_RANK.indexOf(categoryOf(stream));
  return found < 0 ? CATEGORY_RANK.length : found;
}
