// Merges ordered sources into one order. It holds one element of each source.

/** Sources whose first element is requested at once. */
const OPENED_AT_ONCE = 16;

/** For a few tens of sources: the smallest element is found by comparing all. */
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
