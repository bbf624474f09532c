// Concurrent work with a limit.

/**
 * Starts the work of each item as soon as the limit allows. After a failure or an abort nothing more is started, and the error is
 * thrown once all running work has ended. Closes the source of the items.
 */
export async function inFlight<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;

  async function worker(): Promise<void> {
    while (!failure && !signal.aborted) {
      try {
        const taken = rest.next();
        // Work on items that are there begins in the same turn.
        const next = taken instanceof Promise ? await taken : taken;
        if (next.done) return;
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  }

  await Promise.all(Array.from({ length: limit }, worker));
  await rest.return?.();
  if (failure) throw failure.error;
  signal.throwIfAborted();
}
