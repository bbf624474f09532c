// Some engines reject a whole batch because of one document. Halving finds that document and saves the others.
import type { WriteOutcome } from '../../projections/runtime/sink.js';

export async function saveHalving<W>(
  writes: readonly W[],
  saveAll: (writes: readonly W[]) => Promise<WriteOutcome[]>,
  isRefusal: (error: unknown) => error is Error,
): Promise<WriteOutcome[]> {
  if (writes.length === 0) return [];
  try {
    return await saveAll(writes);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (writes.length === 1) return [{ saved: false, stale: false, error: error.message }];
    const middle = Math.ceil(writes.length / 2);
    const first = await saveHalving(writes.slice(0, middle), saveAll, isRefusal);
    return [...first, ...(await saveHalving(writes.slice(middle), saveAll, isRefusal))];
  }
}
