// Work side by side, as much at once as its weights allow; the rest of the source waits, so that memory stays flat.

/**
 * Starts the work of each item as soon as the weights under way leave room for it; an item above the limit runs alone.
 * After a failure nothing more is started, and the first error is thrown once all that was under way has ended.
 */
export async function inFlight<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  weightOf: (item: T) => number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let underWay = 0;
  let failure: { error: unknown } | undefined;
  let wake = () => {};
  const oneEnded = () => new Promise<void>((resolve) => (wake = resolve));

  async function start(item: T, weight: number): Promise<void> {
    try {
      await work(item);
    } catch (error) {
      failure ??= { error };
    }
    underWay -= weight;
    wake();
  }

  for await (const item of items) {
    const weight = weightOf(item);
    while (underWay > 0 && underWay + weight > limit && !failure) await oneEnded();
    if (failure) break;
    underWay += weight;
    void start(item, weight);
  }
  while (underWay > 0) await oneEnded();
  if (failure) throw failure.error;
}
