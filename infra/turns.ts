// Limits concurrent work: further work waits in a queue without a time limit. Waiting here is not an engine failure, unlike
// waiting for a free connection of the engine's pool.

/** At most `atOnce` of the given works run at a time, in order of arrival. */
export function createTurns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
