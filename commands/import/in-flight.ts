// Concurrent work with a limit.

/**
 * Starts the work of each item as soon as the limit allows. After a failure or an abort nothing more is started, and the error is
 * thrown once all running work has ended.
 */
export async function inFlight<T>(
  items: Iterable<T>,
  limit: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;

  async function worker(): Promise<void> {
    while (!failure && !signal.aborted) {
      const next = rest.next();
      if (next.done) return;
      try {
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  }

  await Promise.all(Array.from({ length: limit }, worker));
  if (failure) throw failure.error;
  signal.throwIfAborted();
}
