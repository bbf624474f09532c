// Lists and maps whose entries belong together, so that a missing entry is a bug; and long sequences in parts.

/** The items at the same places of two lists of the same length. */
export function pairs<A, B>(left: readonly A[], right: readonly B[]): [A, B][] {
  if (left.length !== right.length)
    throw new Error(`A list of ${left.length} was paired with a list of ${right.length}.`);
  return left.map((item, index) => [item, right[index] as B]);
}

/** The list, unless it is empty: a member that `defined` then leaves out. */
export function unlessEmpty<L extends readonly unknown[]>(list: L): L | undefined {
  return list.length > 0 ? list : undefined;
}

/** The last item of a list that has at least one. */
export function lastOf<T>(list: readonly T[]): T {
  const last = list.at(-1);
  if (last === undefined) throw new Error('A list that must have an item is empty.');
  return last;
}

/** The value of a key that the map must have. */
export function valueAt<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`There is no value for ${key}.`);
  return value;
}

/** The items in lists of this size; the last one may be shorter. */
export async function* chunksOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    if (chunk.push(item) < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
