// A queueing simulation of a flash sale: orders arrive at random, at a multiple of their usual rate for a while. Commands wait for a
// free function; their commits wait in the shards of the stream for the projectors. The same seed gives the same result.
import { pairs } from '../../domain/kernel/collections.js';
import { quantile } from '../bench/measure.js';
import { randomOf } from '../random.js';

export interface FlashSale {
  /** Orders in a second before and after the sale. */
  usualRate: number;
  /** The rate during the sale is so many times the usual one. */
  times: number;
  /** Length of the sale, in seconds. The simulation goes on for as long again. */
  seconds: number;
  /** Functions that may run commands at once. */
  functions: number;
  /** Mean time of a checkout in a function, in ms. The real time is exponential above half of it. */
  commandMs: number;
  /** Batches that a projector takes at once: parallel batches of all shards. */
  lanes: number;
  /** Commits that an order brings to the stream. */
  commits: number;
  /** Time of a batch in a projector, in ms: for the batch, and for each of its commits. */
  batchMs: number;
  commitMs: number;
  /** Interval at which a shard is polled, and most commits of a batch. */
  pollMs: number;
  batchCommits: number;
  seed: number;
}

export interface FlashSaleResult {
  orders: number;
  /** From the request to the answer, in ms. */
  response: { p50: number; p99: number };
  /** From the answer until the read models show the order, in ms. */
  lag: { p50: number; p99: number; max: number };
}

export function simulate(sale: FlashSale): FlashSaleResult {
  const random = randomOf(sale.seed);
  const arrivals = arrivalsOf(sale, random);
  const answered = answersOf(arrivals, sale, random);
  const lanes = Array.from({ length: sale.lanes }, (): number[] => []);
  for (const at of [...answered].sort((a, b) => a - b)) lanes[Math.floor(random() * sale.lanes)]?.push(at);
  const lags = lanes.flatMap((orders) => lagsOf(orders, sale));
  const responses = pairs(arrivals, answered).map(([from, to]) => to - from);
  return {
    orders: arrivals.length,
    response: { p50: quantile(responses, 0.5), p99: quantile(responses, 0.99) },
    lag: { p50: quantile(lags, 0.5), p99: quantile(lags, 0.99), max: quantile(lags, 1) },
  };
}

/** In ms, in order: at the rate of the sale, and for the same time at the usual one. */
function arrivalsOf({ usualRate, times, seconds }: FlashSale, random: () => number): number[] {
  const arrivals: number[] = [];
  for (let at = 0; ; ) {
    const rate = at < seconds * 1_000 ? usualRate * times : usualRate;
    at += exponential(1_000 / rate, random);
    if (at >= seconds * 2_000) return arrivals;
    arrivals.push(at);
  }
}

/** When each order is answered: it takes the function that is free first. */
function answersOf(arrivals: readonly number[], { functions, commandMs }: FlashSale, random: () => number): number[] {
  const freeAt: number[] = [];
  return arrivals.map((at) => {
    const isFull = freeAt.length >= functions;
    const starts = isFull ? Math.max(at, takeLeast(freeAt)) : at;
    const ends = starts + commandMs / 2 + exponential(commandMs / 2, random);
    putInHeap(freeAt, ends);
    return ends;
  });
}

/** How long after its answer each order of a lane is in the read models. Orders are in the sequence of their answers. */
function lagsOf(answers: readonly number[], sale: FlashSale): number[] {
  const { commits, batchMs, commitMs, pollMs, batchCommits } = sale;
  const ordersPerBatch = Math.max(1, Math.floor(batchCommits / commits));
  const lags: number[] = [];
  let now = 0;
  for (let next = 0; next < answers.length; ) {
    const first = answers[next] ?? 0;
    now = Math.max(now, Math.ceil(first / pollMs) * pollMs);
    let end = next;
    while (end < answers.length && end - next < ordersPerBatch && (answers[end] ?? 0) <= now) end++;
    now += batchMs + (end - next) * commits * commitMs;
    for (; next < end; next++) lags.push(now - (answers[next] ?? 0));
  }
  return lags;
}

function exponential(mean: number, random: () => number): number {
  return -mean * Math.log(1 - random());
}

// ── A heap of times, the least first ─────────────────────────────────────────────────────────────────────────────────

function putInHeap(heap: number[], value: number): void {
  let place = heap.push(value) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent] ?? 0;
    if (above <= value) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = value;
}

function takeLeast(heap: number[]): number {
  const least = heap[0] ?? 0;
  const last = heap.pop() ?? 0;
  if (heap.length === 0) return least;
  let place = 0;
  for (;;) {
    const left = 2 * place + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const smaller = right < heap.length && (heap[right] ?? 0) < (heap[left] ?? 0) ? right : left;
    const below = heap[smaller] ?? 0;
    if (below >= last) break;
    heap[place] = below;
    place = smaller;
  }
  heap[place] = last;
  return least;
}
