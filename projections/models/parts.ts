// A document that several locations feed: each one's stream writes its own part.
import { byName } from './texts.js';

interface Part {
  location: string;
}

/** The parts with this one in its place, sorted by location, so that the order of streams does not show. */
export function withPart<P extends Part>(parts: readonly P[] | undefined, part: P): P[] {
  const others = (parts ?? []).filter(({ location }) => location !== part.location);
  return [...others, part].sort((a, b) => byName(a.location, b.location));
}
