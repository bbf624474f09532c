// Work side by side, as much at once as its weights allow; the rest of the source waits, so that memory stays flat.

export interface Window<T> {
  /** The most that the weights of what is under way add up to; an item above it runs alone. */
  limit: number;
  weightOf: (item: T) => number;
  signal: AbortSignal;
}

/**
 * Starts the work of each item as soon as the window has room for it. After a failure or an abort nothing more is
 * started, and the error is thrown once all that was under way has ended.
 */
export async function inFlight<T>(
  items: AsyncIterable<T> | Iterable<T>,
  { limit, weightOf, signal }: Window<T>,
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

  try {
    for await (const item of items) {
      const weight = weightOf(item);
      while (underWay > 0 && underWay + weight > limit) await oneEnded();
      if (failure || signal.aborted) break;
      underWay += weight;
      void start(item, weight);
    }
  } finally {
    while (underWay > 0) await oneEnded();
  }
  if (failure) throw failure.error;
  signal.throwIfAborted();
}
