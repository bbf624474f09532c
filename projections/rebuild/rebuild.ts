// One rebuild: brings a new build from its phase to the switch. Every phase may be killed at any instant and is then continued,
// by this process or another one: what it has done is in the list of builds, and doing it again changes nothing.
import type { Clock, Hlc } from '../../domain/kernel/clock.js';
import { chunksOf } from '../../domain/kernel/collections.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore, LogEntry } from '../../domain/kernel/event-store.js';
import { defined } from '../../domain/kernel/json.js';
import { categoryOf, type StreamId } from '../../domain/kernel/stream.js';
import type { BuildList } from '../runtime/build-list.js';
import {
  type Failure,
  failed,
  type NextBuild,
  type ProjectionBuilds,
  projectionOf,
  switched,
} from '../runtime/builds.js';
import { createComparer } from '../runtime/comparer.js';
import { createEvolution } from '../runtime/evolution.js';
import { type Interventions, NO_INTERVENTIONS } from '../runtime/interventions.js';
import { pauseAfter } from '../runtime/lane.js';
import { type Projection, physicalName } from '../runtime/projection.js';
import { createProjector, type Logger } from '../runtime/projector.js';
import { type DocumentId, DocumentRefused, type DocumentStore, type StreamPosition } from '../runtime/sink.js';
import { inParallel, pauseUnlessAborted } from '../runtime/waiting.js';
import { Indigestible, LOAD_SIZES, type LoadDeps, loadSlice, planLoad, readSegment } from './load.js';
import type { Spill, SpillPlan } from './spill.js';

/** Interval at which the runner says that it is alive, and how far it is. */
export const BEAT_MS = 1_000;

/** Index entries of the log whose positions are written at once, and whose commits are applied at once. */
const JOINED_ENTRIES = 5_000;
const APPLIED_ENTRIES = 500;

/** After this time every process has looked at the list of builds, and feeds a build that is to be followed. */
const FOLLOWED_AFTER_MS = 3_000;

/** Streams whose documents are compared with the log at once. */
const STREAMS_AT_ONCE = 20;
const LOOKS = 3;
const LOOK_AGAIN_MS = 300;

export interface RebuildDeps {
  documents: DocumentStore;
  builds: BuildList;
  store: EventStore;
  events: LoadDeps['events'];
  /** Where the build keeps events meanwhile, by its physical name. */
  spillOf(table: string): Spill;
  /** What operators have decided. Default: nothing. */
  interventions?: Interventions | undefined;
  clock: Clock;
  log: Logger;
  /** Called with the time that a piece of work took, in ms. Returns after a rest that leaves the machine to others. */
  rest(ms: number): Promise<void>;
  /** The engine, for messages. */
  engine: string;
  sizes?: LoadDeps['sizes'];
  /** Waits, at most until the signal aborts. */
  pause?(ms: number, signal: AbortSignal): Promise<void>;
}

/** The build was given up. The old one serves. */
export class RebuildFailed extends Error {
  override name = 'RebuildFailed';
  constructor(
    readonly projection: string,
    readonly failure: Failure,
  ) {
    super(failure.error);
  }
}

/** Another process has taken the build over. */
export class TakenOver extends Error {
  override name = 'TakenOver';
}

/**
 * Finishes the build that this runner has claimed. `onProgress` is called about once a second, and after each phase. Throws
 * `RebuildFailed`, `TakenOver`, or the signal's reason.
 */
export async function finishBuild(
  deps: RebuildDeps,
  definition: Projection<never, never>,
  runner: string,
  { signal, onProgress = () => {} }: { signal: AbortSignal; onProgress?: (next: NextBuild) => void },
): Promise<void> {
  const { builds, documents, store, clock, log, sizes = LOAD_SIZES, pause = pauseUnlessAborted } = deps;
  const { interventions = NO_INTERVENTIONS } = deps;
  const { isSkipped } = interventions;
  await interventions.ready();
  const { name } = definition;
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  let next = claimed((await builds.read())[name], runner);
  const projection = projectionOf(definition, next);
  const table = physicalName(projection);
  const spill = deps.spillOf(table);
  const loading: LoadDeps = { projection, store, events: deps.events, spill, rest: deps.rest, isSkipped, sizes };
  const projector = createProjector({
    engine: deps.engine,
    projections: [projection],
    documents,
    store,
    clock,
    log,
    interventions,
  });

  /** Progress in memory, which the next change writes. */
  let told: Partial<NextBuild> = {};
  let waitsFor: string | undefined;
  let began = { at: clock(), done: 0 };
  let changing: Promise<unknown> = Promise.resolve();

  const current = (): NextBuild => ({ ...next, ...told, ...defined({ waitsFor }) });

  /** Changes follow each other, so that none is lost. */
  function change(to: (mine: NextBuild) => Partial<NextBuild> = () => ({})): Promise<void> {
    const work = changing.then(async () => {
      const changed = await builds.change(name, (found) => {
        const mine = { ...claimed(found, runner), ...told };
        const runs = { id: runner, aliveAt: clock() };
        return { ...found, next: { ...withoutWait(mine), ...defined({ waitsFor }), ...to(mine), runner: runs } };
      });
      next = claimed(changed, runner);
      onProgress(current());
    });
    changing = work.catch(() => {});
    return work;
  }

  function report(done: number): void {
    const seconds = (clock() - began.at) / 1000;
    told = { ...told, done, perSecond: seconds > 0 ? Math.round((done - began.done) / seconds) : 0 };
  }

  function start(done = 0): void {
    began = { at: clock(), done };
    told = { ...told, done, perSecond: 0 };
  }

  async function enter(phase: NextBuild['phase'], members: Partial<NextBuild> = {}): Promise<void> {
    start();
    await patiently(() => change(() => ({ phase, ...members })));
    log.info({ projection: table, phase }, 'a rebuild has entered its next phase');
  }

  /** Repeats the work until the store, the log and the disk answer. */
  async function patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      stop.throwIfAborted();
      try {
        const result = await work();
        waitsFor = undefined;
        return result;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        if (waitsFor === undefined) log.warn({ projection: table, err: error }, 'a rebuild waits; it will continue');
        waitsFor = error.message;
        onProgress(current());
        await pause(pauseAfter(failures, Math.random), stop);
      }
    }
  }

  async function beat(): Promise<void> {
    while (!stop.aborted) {
      await pauseUnlessAborted(BEAT_MS, stop);
      if (stop.aborted) return;
      await change().catch((error) => {
        if (error instanceof TakenOver) ended.abort(error);
      });
    }
  }

  // ── The phases ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async function read(): Promise<void> {
    const plan = await planned();
    const written = await spill.segments();
    const open = plan.segments.flatMap((_, segment) => (written.has(segment) ? [] : [segment]));
    let done = Math.round(plan.commits * (1 - open.length / plan.segments.length));
    start(done);
    await patiently(() => change(() => ({ total: plan.commits, slices: plan.slices })));
    await inParallel(open, next.segments, (segment) =>
      patiently(async () => {
        let mine = 0;
        const onCommits = (commits: number) => {
          mine += commits;
          done += commits;
          report(done);
        };
        try {
          await readSegment(loading, plan, segment, onCommits);
        } catch (error) {
          done -= mine;
          throw error;
        }
      }),
    );
  }

  /** The log is read up to one watermark, whoever continues. */
  async function planned(): Promise<SpillPlan> {
    if (next.upTo === 0) {
      const upTo = await patiently(() => store.watermark());
      await patiently(() => change(() => ({ upTo })));
    }
    const kept = await spill.plan();
    if (kept?.segments.at(-1) === next.upTo) return kept;
    await spill.remove();
    const plan = await patiently(() => planLoad(loading, next.upTo));
    await patiently(() => spill.setPlan(plan));
    return plan;
  }

  async function load(): Promise<void> {
    const { bulk } = documents;
    const plan = await spill.plan();
    if (!plan || (await spill.segments()).size < plan.segments.length) {
      // The events are on the disk of another machine, or were deleted.
      await read();
      start();
    }
    await patiently(() => bulk.create(projection));
    const open = Array.from({ length: next.slices }, (_, slice) => slice).filter(
      (slice) => !next.written.includes(slice),
    );
    await inParallel(open, next.segments, async (slice) => {
      const count = await loadSlice(loading, slice, (some) => patiently(() => bulk.insert(table, some)));
      await patiently(() => change((mine) => withSlice(mine, slice, count)));
      report(Math.round((next.total * next.written.length) / next.slices));
    });
    // The one is work of the store, the other of this process.
    await Promise.all([patiently(() => bulk.complete(projection)), patiently(placeLoaded)]);
    const count = await patiently(() => documents.count(table));
    if (count === next.documents) return;
    throw new Error(`the store has ${count} documents of the ${next.documents} that were written`);
  }

  /** Says of each stream what the load has applied. Nobody feeds the build yet. */
  async function placeLoaded(): Promise<void> {
    for await (const page of pagesOf(store.log(current().joinedTo, next.upTo), JOINED_ENTRIES)) {
      const followed = [...page.tails].filter(([stream]) => isFollowed(stream));
      const places = followed.map(([stream, commitNo]) => [stream, { of: [table], commitNo }] as const);
      await patiently(() => documents.save([], new Map<StreamId, StreamPosition>(places)));
      told = { ...told, joinedTo: page.reached };
    }
    told = { ...told, joinedTo: next.upTo };
  }

  /** Applies what has happened since. */
  async function joinLog(): Promise<void> {
    const end = await store.watermark();
    for await (const page of pagesOf(store.log(Math.max(current().joinedTo, next.upTo), end), APPLIED_ENTRIES)) {
      await patiently(() => projector.catchUp(page.tails));
      told = { ...told, joinedTo: page.reached };
    }
    told = { ...told, joinedTo: end };
  }

  const isFollowed = (stream: StreamId) => projection.categories.includes(categoryOf(stream));

  /** The projectors feed it now. Brings what they did not know of. */
  async function applyNewest(): Promise<void> {
    for await (const page of pagesOf(store.newest(next.builtTo), APPLIED_ENTRIES)) await projector.catchUp(page.tails);
    // A position may have been written by a process that did not know the build yet.
    const behind = [...(await documents.held())].flatMap(([stream, { held, commitNo }]) =>
      held?.[table] && held[table].error === undefined ? [[stream, commitNo] as const] : [],
    );
    await projector.catchUp(new Map(behind));
    const [stuck] = await projector.quarantined();
    if (stuck) throw new Indigestible(stuck.stream, stuck.commitNo, stuck.error);
  }

  async function check(): Promise<void> {
    const followed = { name: table, evolution: createEvolution(projection, isSkipped) };
    const comparer = createComparer({
      documents,
      store,
      log,
      followersOf: (stream) => (isFollowed(stream) ? [followed] : []),
    });
    for await (const some of chunksOf(next.verify === 'full' ? everyStream() : sample(), STREAMS_AT_ONCE)) {
      const found = await differing(
        () => comparer.differences(some),
        () => pause(LOOK_AGAIN_MS, stop),
      );
      if (found[0]) throw new Error(`${found.length} documents differ from the log, such as ${found[0].key}`);
    }
  }

  async function* everyStream(): AsyncIterable<StreamId> {
    let entries = 0;
    for await (const { stream, commitNo } of store.log(0, next.builtTo)) {
      if (!isFollowed(stream)) continue;
      report(Math.min(++entries, next.total));
      if (commitNo === 1) yield stream;
    }
  }

  async function* sample(): AsyncIterable<StreamId> {
    const { sample } = await planned();
    for (const [index, stream] of sample.entries()) {
      report(Math.round((next.total * index) / sample.length));
      yield stream;
    }
  }

  async function run(): Promise<void> {
    if (next.phase === 'waiting') await enter('reading');
    if (next.phase === 'reading') {
      await patiently(read);
      await enter('loading');
    }
    if (next.phase === 'loading') {
      await patiently(load);
      await enter('joining');
    }
    if (next.phase === 'joining') {
      await patiently(joinLog);
      await enter('following', { builtTo: current().joinedTo });
    }
    if (next.phase === 'following') {
      await pause(FOLLOWED_AFTER_MS, stop);
      stop.throwIfAborted();
      await patiently(applyNewest);
      await enter('checking');
    }
    await patiently(check);
    await patiently(applyNewest);
    await changing;
    await patiently(() =>
      builds.change(name, (found) => {
        // The switch was written, but its acknowledgement was lost.
        if (found.serving.build === next.build) return undefined;
        claimed(found, runner);
        return switched(found, clock());
      }),
    );
  }

  const beating = beat();
  try {
    await run();
    log.info({ projection: table }, 'a rebuild is finished; its build serves');
    await spill.remove();
  } catch (error) {
    if (ended.signal.aborted) throw ended.signal.reason;
    if (signal.aborted || error instanceof TakenOver) throw error;
    const failure = failureOf(error, clock());
    ended.abort();
    await beating;
    const after = await builds.change(name, (current) => {
      claimed(current, runner);
      return failed(current, failure);
    });
    log.error({ projection: table, ...failure }, 'a rebuild has failed; the old build serves on');
    await spill.remove();
    throw new RebuildFailed(name, after.failure as Failure);
  } finally {
    ended.abort();
    await beating;
  }
}

/** The build in progress, if it is this runner's. */
function claimed(builds: ProjectionBuilds | undefined, runner: string): NextBuild {
  if (builds?.next?.runner?.id !== runner) throw new TakenOver('Another process continues this rebuild.');
  return builds.next;
}

function withSlice({ written, documents }: NextBuild, slice: number, count: number): Partial<NextBuild> {
  if (written.includes(slice)) return {};
  return { written: [...written, slice], documents: documents + count };
}

function withoutWait({ waitsFor: _, ...rest }: NextBuild): NextBuild {
  return rest;
}

/** Beside writers a document may differ for a moment; one that stays is a fault. */
async function differing(compare: () => Promise<DocumentId[]>, wait: () => Promise<void>): Promise<DocumentId[]> {
  for (let look = 1; ; look++) {
    const found = await compare();
    if (found.length === 0 || look === LOOKS) return found;
    await wait();
  }
}

function failureOf(error: unknown, at: number): Omit<Failure, 'version' | 'build'> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Indigestible) {
    const { stream, commitNo } = error;
    return { at, stream, commitNo, error: `it cannot process commit ${commitNo} of ${stream}: ${message}` };
  }
  return { at, error: error instanceof DocumentRefused ? `a store refuses it: ${message}` : message };
}

interface Page {
  entries: number;
  tails: Map<StreamId, number>;
  /** All entries up to this time are in this page or an earlier one. */
  reached: Hlc;
}

async function* pagesOf(entries: AsyncIterable<LogEntry>, size: number): AsyncIterable<Page> {
  let page: Page = { entries: 0, tails: new Map(), reached: 0 };
  for await (const { stream, commitNo, at } of entries) {
    // Entries of one time are not divided between pages.
    if (page.entries >= size && at > page.reached) {
      yield page;
      page = { entries: 0, tails: new Map(), reached: 0 };
    }
    page.entries++;
    page.tails.set(stream, Math.max(commitNo, page.tails.get(stream) ?? 0));
    page.reached = at;
  }
  if (page.entries > 0) yield page;
}
