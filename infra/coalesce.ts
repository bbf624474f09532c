// Joins writes that wait at the same time into one statement, so that many callers share one round trip and one commit.
import { pairs } from '../domain/kernel/collections.js';
import { Unavailable } from '../domain/kernel/errors.js';

export interface CoalesceOptions<T, R> {
  /**
   * Writes the batch. Outcomes have the order of the batch; an `Error` is the outcome of one item. If it throws anything but
   * `Unavailable`, each item is retried alone.
   */
  write(batch: readonly T[]): Promise<(R | Error)[]>;
  /** Items with the same key never share a batch. */
  keyOf(item: T): string;
  bytesOf(item: T): number;
  /** How long an item may wait, in ms, to be written together with an item of patience 0. Default: 0 for every item. */
  patienceOf?(item: T): number;
  maxInFlight: number;
  /** So many items or fewer are not split between two writes. Fewer items wait until no write is in flight. */
  minItems: number;
  maxItems: number;
  maxBytes: number;
}

interface Waiting<T, R> {
  item: T;
  /** Undefined once the patience of the item is over. */
  patience?: NodeJS.Timeout | undefined;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Items without patience that arrive together leave at the end of the current tick; others collect while writes are in flight.
 * The queue is divided among all free writes. If one write took the whole queue, all callers would get their answers and send new
 * items at the same time, and the engine would be idle in between. Items with the same key leave in their order.
 */
export function coalesce<T, R>(options: CoalesceOptions<T, R>): (item: T) => Promise<R> {
  const { write, keyOf, bytesOf, patienceOf = () => 0, maxInFlight, minItems, maxItems, maxBytes } = options;
  let queue: Waiting<T, R>[] = [];
  let inFlight = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || !isWorthWriting()) return;
    scheduled = true;
    // Runs after all promises that are settled now, and before the next answer of the engine is read.
    process.nextTick(() => {
      scheduled = false;
      while (isWorthWriting()) void flush(takeBatch());
    });
  }

  function isWorthWriting(): boolean {
    const isEnough = inFlight === 0 || (inFlight < maxInFlight && queue.length >= minItems);
    return isEnough && queue.some(({ patience }) => patience === undefined);
  }

  function takeBatch(): Waiting<T, R>[] {
    const share = Math.ceil(queue.length / (maxInFlight - inFlight));
    const most = Math.min(Math.max(share, minItems), maxItems);
    const batch = new Map<string, Waiting<T, R>>();
    const left: Waiting<T, R>[] = [];
    const keysLeft = new Set<string>();
    let bytes = 0;
    for (const waiting of queue) {
      const size = bytesOf(waiting.item);
      const fits = batch.size === 0 || (batch.size < most && bytes + size <= maxBytes);
      const key = keyOf(waiting.item);
      if (fits && !batch.has(key) && !keysLeft.has(key)) {
        batch.set(key, waiting);
        clearTimeout(waiting.patience);
        bytes += size;
      } else {
        left.push(waiting);
        keysLeft.add(key);
      }
    }
    queue = left;
    return [...batch.values()];
  }

  async function flush(batch: Waiting<T, R>[]): Promise<void> {
    inFlight++;
    try {
      const outcomes = await write(batch.map(({ item }) => item));
      for (const [{ resolve, reject }, outcome] of pairs(batch, outcomes)) {
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      }
    } catch (error) {
      if (batch.length === 1 || error instanceof Unavailable) for (const { reject } of batch) reject(error);
      else for (const waiting of batch) await flush([waiting]);
    } finally {
      inFlight--;
      schedule();
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      const waiting: Waiting<T, R> = { item, resolve, reject };
      queue.push(waiting);
      const patienceMs = patienceOf(item);
      if (patienceMs === 0) return schedule();
      waiting.patience = setTimeout(() => {
        waiting.patience = undefined;
        schedule();
      }, patienceMs);
    });
}
