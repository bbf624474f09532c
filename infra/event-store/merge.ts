// Ordered sources: merges several into one order, and works on one in batches.

/** Sources whose first element is requested at once. */
const OPENED_AT_ONCE = 16;

/** For a few tens of sources. It holds one element of each: the smallest element is found by comparing all. */
export async function* mergeOrdered<T>(
  sources: readonly AsyncIterator<T>[],
  compare: (a: T, b: T) => number,
): AsyncGenerator<T> {
  const heads: { value: T; source: AsyncIterator<T> }[] = [];
  for (let from = 0; from < sources.length; from += OPENED_AT_ONCE) {
    const opened = sources.slice(from, from + OPENED_AT_ONCE).map(async (source) => {
      const { done, value } = await source.next();
      if (!done) heads.push({ value, source });
    });
    await Promise.all(opened);
  }

  while (heads.length > 0) {
    let least = 0;
    for (let index = 1; index < heads.length; index++) {
      if (compare(heads[index]!.value, heads[least]!.value) < 0) least = index;
    }
    const head = heads[least]!;
    yield head.value;
    const { done, value } = await head.source.next();
    if (done) heads.splice(least, 1);
    else head.value = value;
  }
}

/** Works on the items in lists of this size, on some lists at a time. The results are in the order of the items. */
export async function* inBatches<T, R>(
  items: AsyncIterable<T>,
  { size, atOnce }: { size: number; atOnce: number },
  work: (batch: readonly T[]) => Promise<readonly R[]>,
): AsyncGenerator<R> {
  const running: Promise<readonly R[]>[] = [];
  let batch: T[] = [];
  const begin = () => {
    const results = work(batch);
    // A list may fail while an earlier one is still awaited. The error is thrown when its turn comes.
    results.catch(() => {});
    running.push(results);
    batch = [];
  };

  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    begin();
    if (running.length === atOnce) yield* await running.shift()!;
  }
  if (batch.length > 0) begin();
  for (const results of running) yield* await results;
}
