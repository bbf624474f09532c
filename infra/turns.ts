// Takes work in turns: so much at once, the rest waits in line however long it takes. Waiting here is not a failure of an
// engine, as waiting for a free connection of its pool would be.

/** At most `atOnce` of the works given to the result run at a time, the first come first. */
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
