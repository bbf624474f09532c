// A document that several locations feed. The stream of each location writes its own part.
import { byName } from './texts.js';

interface Part {
  location: string;
}

/** Inserts or replaces this part. Parts are sorted by location, so that the order of streams does not show. */
export function withPart<P extends Part>(parts: readonly P[] | undefined, part: P): P[] {
  const others = (parts ?? []).filter(({ location }) => location !== part.location);
  return [...others, part].sort((a, b) => byName(a.location, b.location));
}
