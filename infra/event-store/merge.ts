// Merges ordered sources into one order, holding one element of each.

/** Sources that are asked for their first element at once. */
const OPENED_AT_ONCE = 16;

/** Few sources (tens): the least head is found by looking at each. */
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
