// Work that must end before this program ends: servers that it started, and tools that create a database for it.

/** A program that must end at once waits no longer than this. */
const LONGEST_END_MS = 8_000;

const endings = new Set<() => Promise<void>>();

/** Returns a function that removes the entry, for work that has ended by itself. */
export function onEndAtOnce(end: () => Promise<void>): () => void {
  endings.add(end);
  return () => void endings.delete(end);
}

/** Ends all of this work as fast as possible without damage. */
export async function endAll(): Promise<void> {
  const all = Promise.allSettled([...endings].map((end) => end()));
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, LONGEST_END_MS))]);
}
