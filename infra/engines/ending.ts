// What has to be ended before this program may: servers that it has started, and tools that make a database for it.

/** A program that is told to end at once waits no longer than this. */
const LONGEST_END_MS = 8_000;

const endings = new Set<() => Promise<void>>();

/** Answers how to take it back, once it has ended by itself. */
export function onEndAtOnce(end: () => Promise<void>): () => void {
  endings.add(end);
  return () => void endings.delete(end);
}

/** Ends all of it, as fast as it can without harm. */
export async function endAll(): Promise<void> {
  const all = Promise.allSettled([...endings].map((end) => end()));
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, LONGEST_END_MS))]);
}
