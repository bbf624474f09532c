// Compares the log with what the stores show: one scan of the log's index for the projections of all stores. A sweep compares
// positions; once a day a comparison reads documents. Both keep their progress in each store after every page, so they resume.
import type { Clock, Hlc } from '../../domain/kernel/clock.js';
import type { EventStore, LogEntry } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Projector } from './projector.js';
import type { SweepState } from './sink.js';

/** Index entries of one page of a sweep, and of a comparison. */
const SWEPT_ENTRIES = 500;
const COMPARED_ENTRIES = 100;

/** All documents are compared this often. */
export const COMPARE_EVERY_MS = 24 * 60 * 60_000;

/**
 * After a failover, the sweep compares the documents that commits have changed since this long before the last sweep. A replica
 * that takes over is seldom more than some seconds behind.
 */
const DOUBTFUL_MS = 10 * 60_000;

export interface SweepTarget {
  projector: Projector;
  /** Runs the work in turn with other work on the same store. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** The store or the log failed. The scan continues with the other stores. Default: the sweep rejects. */
  onFailure?(error: unknown): void;
}

interface Open {
  target: SweepTarget;
  state: SweepState;
  /** The store's lineage at the start. If it changes meanwhile, the next sweep notices. */
  lineage: string;
}

/** Brings every store to the log's watermark; with `toNewest` to the newest commits that are visible. */
export async function sweep(
  log: EventStore,
  targets: readonly SweepTarget[],
  { toNewest = false, signal }: { toNewest?: boolean; signal?: AbortSignal } = {},
): Promise<void> {
  const upTo = await log.watermark();
  let open = await openAll(targets);
  const from = Math.min(...open.map(({ state }) => state.sweptTo));
  if (open.length === 0) return;
  if (from < upTo) {
    for await (const { tails, reached } of pagesOf(log.log(from, upTo), SWEPT_ENTRIES, upTo)) {
      signal?.throwIfAborted();
      open = await eachOf(open, async ({ target: { projector, inTurn }, state }) => {
        if (state.sweptTo >= reached) return;
        await inTurn(() => projector.catchUp(tails));
        state.sweptTo = reached;
        await inTurn(() => projector.saveSweepState(state));
      });
    }
  }
  open = await eachOf(open, (each) => settleDoubt(log, each, signal));
  if (!toNewest) return;
  for await (const { tails } of pagesOf(log.newest(upTo), SWEPT_ENTRIES, upTo)) {
    open = await eachOf(open, ({ target: { projector, inTurn } }) => inTurn(() => projector.catchUp(tails)));
  }
}

/** If the store is not the one of the last sweep, the documents that it may have lost since are compared. */
async function settleDoubt(
  log: EventStore,
  { target: { projector, inTurn }, state, lineage }: Open,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (state.doubtedFrom === undefined) return;
  for await (const { tails } of pagesOf(log.newest(state.doubtedFrom), COMPARED_ENTRIES, state.doubtedFrom)) {
    signal?.throwIfAborted();
    await projector.compare([...tails.keys()]);
  }
  delete state.doubtedFrom;
  state.lineage = lineage;
  await inTurn(() => projector.saveSweepState(state));
}

export interface ComparisonDeps {
  clock: Clock;
  /** Documents that are compared in a second, over all stores. */
  perSecond: number;
  /** Ends at this time, in ms since 1970; the next call continues. */
  until: number;
  pause(ms: number): Promise<void>;
  signal: AbortSignal;
}

/**
 * Continues or begins the comparison of all documents, in the stores where it is due. Returns when it may be called again, in ms
 * since 1970.
 */
export async function compareAll(
  log: EventStore,
  targets: readonly SweepTarget[],
  { clock, perSecond, until, pause, signal }: ComparisonDeps,
): Promise<number> {
  let open = (await openAll(targets)).filter(
    ({ state }) => state.comparedTo > 0 || state.comparedAt + COMPARE_EVERY_MS <= clock(),
  );
  if (open.length === 0) return 0;
  const upTo = Math.min(...open.map(({ state }) => state.sweptTo));
  const from = Math.min(...open.map(({ state }) => state.comparedTo));
  if (upTo === 0) return 0;
  for await (const { tails, begun, reached } of pagesOf(log.log(from, upTo), COMPARED_ENTRIES, upTo)) {
    const documents: number[] = [];
    open = await eachOf(open, async ({ target: { projector, inTurn }, state }) => {
      if (state.comparedTo >= reached) return;
      await inTurn(() => projector.catchUp(tails));
      documents.push(await projector.compare(begun));
      state.comparedTo = reached;
      await inTurn(() => projector.saveSweepState(state));
    });
    const ms = (documents.reduce((sum, count) => sum + count, 0) / perSecond) * 1000;
    if (signal.aborted || open.length === 0) return 0;
    if (reached === upTo) break;
    if (clock() + ms >= until) return clock() + ms;
    await pause(ms);
  }
  await eachOf(open, ({ target: { projector, inTurn }, state }) =>
    inTurn(() => projector.saveSweepState({ ...state, comparedTo: 0, comparedAt: clock() })),
  );
  return 0;
}

async function openAll(targets: readonly SweepTarget[]): Promise<Open[]> {
  const open: Open[] = targets.map((target) => ({ target, state: undefined as never, lineage: '' }));
  return eachOf(open, async (each) => {
    const { projector, inTurn } = each.target;
    const state = await inTurn(() => projector.sweepState());
    each.lineage = await inTurn(() => projector.lineage());
    each.state = each.lineage === state.lineage ? { ...state } : doubted(state);
    // A lineage must be known before anything is lost.
    if (each.state.sweptTo === 0) await inTurn(() => projector.saveSweepState(each.state));
  });
}

/** The store may lack what it had acknowledged before the last sweep: documents, positions, or both. */
function doubted(state: SweepState): SweepState {
  const doubtedFrom = Math.max(0, (state.doubtedFrom ?? state.sweptTo) - DOUBTFUL_MS * 1000);
  return { ...state, doubtedFrom, sweptTo: Math.min(state.sweptTo, doubtedFrom) };
}

/** Does the work in all stores at once. Returns those where it succeeded. */
async function eachOf(open: readonly Open[], work: (each: Open) => Promise<void>): Promise<Open[]> {
  const done = open.map(async (each) => {
    try {
      await work(each);
      return [each];
    } catch (error) {
      if (!each.target.onFailure) throw error;
      each.target.onFailure(error);
      return [];
    }
  });
  return (await Promise.all(done)).flat();
}

interface Page {
  entries: number;
  /** The highest commit of each stream. */
  tails: Map<StreamId, number>;
  /** The streams whose first commit is in the page. */
  begun: StreamId[];
  /** All entries up to this time are in this page or an earlier one. */
  reached: Hlc;
}

async function* pagesOf(entries: AsyncIterable<LogEntry>, size: number, upTo: Hlc): AsyncIterable<Page> {
  const empty = (): Page => ({ entries: 0, tails: new Map(), begun: [], reached: 0 });
  let page = empty();
  for await (const { stream, commitNo, at } of entries) {
    // Entries of one time are not divided between pages.
    if (page.entries >= size && at > page.reached) {
      yield page;
      page = empty();
    }
    page.entries++;
    page.tails.set(stream, Math.max(commitNo, page.tails.get(stream) ?? 0));
    if (commitNo === 1) page.begun.push(stream);
    page.reached = at;
  }
  yield { ...page, reached: upTo };
}
