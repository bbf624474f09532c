// Keeps the projections of one store up to date, all of them in one batch. Arriving commits are only a hint; the positions in the
// store and the log decide. Nothing is remembered between batches: a store that comes back with less data is read as it is.
import { type Clock, type Hlc, millisOf } from '../../domain/kernel/clock.js';
import { chunksOf, pairs, unlessEmpty, valueAt } from '../../domain/kernel/collections.js';
import type { Commit } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { defined } from '../../domain/kernel/json.js';
import { categoryOf, type StreamId } from '../../domain/kernel/stream.js';
import { commitsOf } from './commits.js';
import { createComparer, type Followed } from './comparer.js';
import { createEvolution, type Draft, type Evolution, type Touches } from './evolution.js';
import { type Interventions, NO_INTERVENTIONS } from './interventions.js';
import { type Projection, physicalName } from './projection.js';
import {
  type DocumentId,
  type DocumentStore,
  type DocumentWrite,
  type Held,
  isHeldBack,
  isSamePosition,
  merged,
  positionFor,
  positionOf,
  type StoredDocument,
  type StreamPosition,
  type SweepState,
  type WriteOutcome,
} from './sink.js';
import { inParallel } from './waiting.js';

/** Most commits that one repair round reads from the log, over all streams. */
const ROUND_COMMITS = 500;

/** Streams that a repair reads in parallel. */
const PARALLEL_READS = 8;

/** How often a batch with stale documents is loaded and evolved again. In each round some other writer succeeds. */
const MAX_SAVE_ROUNDS = 50;

/** Index entries of the log that `status` reads before it reports `atLeast`. */
const STATUS_ENTRIES = 100_000;

/** Index entries that `status` compares with the positions at once. */
const STATUS_CHUNK = 2_000;

/** Length at which quarantine cuts an error, in characters. */
const MAX_ERROR_LENGTH = 1_000;

export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ProjectionMetrics {
  /** Commits that were added to the read model, and the age of the newest of them, in seconds. */
  applied(projection: string, commits: number, lagSeconds: number): void;
  /** A sweep has reached this commit time. */
  swept(projection: string, at: Hlc): void;
  quarantined(projection: string): void;
  /** Documents that the comparison with the log has read, and those that differed. */
  compared(projection: string, documents: number, differences: number): void;
}

export interface ProjectorDeps {
  /** Name of the engine. */
  engine: string;
  projections: readonly Projection<never, never>[];
  documents: DocumentStore;
  store: EventStore;
  clock: Clock;
  log: Logger;
  /** What operators have decided. Default: nothing. */
  interventions?: Interventions;
  metrics?: ProjectionMetrics;
  /** True for the physical names that positions forget. Default: none. */
  isGone?(table: string): boolean;
  /** By physical name: a rebuild has applied everything up to this time, so that the sweep need not begin earlier. */
  builtTo?: ReadonlyMap<string, Hlc>;
  /** Called with the new positions after positions have moved. */
  onAdvance?: (positions: ReadonlyMap<StreamId, number>) => void;
}

export interface Quarantine {
  /** Physical name. */
  projection: string;
  /** Name without the version. */
  name: string;
  stream: StreamId;
  /**
   * The commit that cannot be processed. The stream stops before it until a retry succeeds. A commit that cannot be evolved
   * changes nothing; if the store rejects one of a commit's documents, its other documents may already be written.
   */
  commitNo: number;
  error: string;
  /** RFC 3339. */
  since: string;
}

/** Of one build. */
export interface ProjectionStatus {
  name: string;
  version: number;
  build: number;
  /** Commit time up to which a sweep has compared the whole log. */
  sweptTo: Hlc;
  /**
   * Commits up to the log's watermark that are not applied, without those of quarantined streams, and the age of the oldest
   * in seconds. The numbers are exact unless `atLeast` is true: then the log after `sweptTo` was too long to read to its end.
   */
  lag: { commits: number; seconds: number; atLeast: boolean };
  paused: boolean;
  quarantine: Omit<Quarantine, 'projection' | 'name'>[];
}

/** Every method rejects while the store or the log does not answer. The caller can simply call it again later. */
export interface Projector {
  /** Name of the engine. */
  engine: string;
  /** Physical names of the projections. */
  names: readonly string[];
  /** Accepts commits in any order and any number of times. */
  apply(commits: readonly Commit[]): Promise<void>;
  /** Brings each stream to at least this commit, from the log. */
  catchUp(tails: ReadonlyMap<StreamId, number>): Promise<void>;
  /**
   * Releases this stream from quarantine, or all streams, and repairs them from the log. Those that fail again return to it. Also
   * repairs what `retryReleased` repairs.
   */
  retry(stream?: StreamId): Promise<void>;
  /** Reads the decisions of operators, and repairs the streams of projections that were resumed or may skip a commit now. */
  retryReleased(): Promise<void>;
  quarantined(): Promise<Quarantine[]>;
  /** One for each projection. */
  status(): Promise<ProjectionStatus[]>;
  /**
   * Compares the documents of these streams with the log and repairs them. Returns the number of documents. It may run beside the
   * other methods, because it writes by compare-and-set.
   */
  compare(streams: readonly StreamId[]): Promise<number>;

  /** The stored state. A state of other projections starts at 0. */
  sweepState(): Promise<SweepState>;
  saveSweepState(state: SweepState): Promise<void>;
  /** See `DocumentStore`. */
  lineage(): Promise<string>;
}

/** A commit that cannot be processed. */
interface Poison {
  commitNo: number;
  error: string;
}

/** A stream that is brought to its target. */
interface Work {
  stream: StreamId;
  target: number;
  /** The next commits as far as they are known, without gaps. */
  run: Commit[];
  /** By projection: where it stopped in this batch. */
  stuck: Map<string, Poison>;
  /** The projections whose stop is reported. */
  reported: Set<string>;
  /** The log has no commits that this program can read after this one. */
  endsAt?: Poison;
  /** A document was refused: take one commit at a time, to find out which. */
  isCareful: boolean;
}

type Arrived = ReadonlyMap<StreamId, ReadonlyMap<number, Commit>>;
const NOTHING: Arrived = new Map();

interface Follower extends Followed {
  projection: Projection<never, never>;
}

export function createProjector(deps: ProjectorDeps): Projector {
  const { engine, projections, documents, store, clock, log, metrics, isGone = () => false, builtTo, onAdvance } = deps;
  const { interventions = NO_INTERVENTIONS } = deps;
  const followed = projections.map(
    (projection): Follower => ({
      name: physicalName(projection),
      projection,
      evolution: createEvolution(projection, interventions.isSkipped),
    }),
  );
  const names = followed.map(({ name }) => name).sort();
  const byCategory = new Map<string, Follower[]>();
  for (const each of followed) {
    for (const category of each.projection.categories) entry(byCategory, category, () => []).push(each);
  }
  const followersOf = (stream: StreamId) => byCategory.get(categoryOf(stream)) ?? [];
  const touchesOf = rememberTouches();
  /** The decisions of operators that are taken into account. */
  let handled: number | undefined;
  const comparer = createComparer({
    documents,
    store,
    log,
    metrics,
    followersOf: (stream) => followersOf(stream).filter(({ projection }) => !projection.approximate),
  });

  async function apply(commits: readonly Commit[]): Promise<void> {
    const arrived = new Map<StreamId, Map<number, Commit>>();
    const tails = new Map<StreamId, number>();
    if (commits.some(({ stream }) => interventions.concerns(stream))) await retryReleased();
    for (const commit of commits) {
      const { stream, position } = commit;
      entry(arrived, stream, () => new Map()).set(position.commitNo, commit);
      raise(tails, stream, position.commitNo);
    }
    await bringTo(tails, arrived);
  }

  async function catchUp(tails: ReadonlyMap<StreamId, number>): Promise<void> {
    await bringTo(tails);
  }

  async function retry(only?: StreamId): Promise<void> {
    handled = await interventions.refresh();
    await release(only === undefined ? await streamsHeld(() => true) : [only]);
  }

  async function retryReleased(): Promise<void> {
    const revision = await interventions.refresh();
    if (revision === handled) return;
    const { isSkipped } = interventions;
    await release(await streamsHeld((stream, name, { commitNo }) => isSkipped(name, stream, commitNo + 1)));
    handled = revision;
  }

  /** The streams of projections that were resumed, and the wanted ones of those in quarantine. */
  async function streamsHeld(isWanted: (stream: StreamId, name: string, held: Held) => boolean): Promise<StreamId[]> {
    return [...(await documents.held())].flatMap(([stream, { held: places = {} }]) => {
      const isOne = followersOf(stream).some(({ name, projection }) => {
        const held = places[name];
        if (held?.error !== undefined) return isWanted(stream, projection.name, held);
        return held?.paused === true && !interventions.isPaused(projection.name);
      });
      return isOne ? [stream] : [];
    });
  }

  async function release(streams: readonly StreamId[]): Promise<void> {
    const toTheEnd = new Map(streams.map((stream) => [stream, Number.POSITIVE_INFINITY]));
    await bringTo(toTheEnd, NOTHING, { evenQuarantined: true });
  }

  /** The delivery rule: an arrived commit is applied if it follows the position; all others are read from the log. */
  async function bringTo(
    tails: ReadonlyMap<StreamId, number>,
    arrived: Arrived = NOTHING,
    { evenQuarantined = false } = {},
  ): Promise<void> {
    await interventions.ready();
    const open = new Map<StreamId, Work>();
    for (const [stream, target] of tails) {
      if (followersOf(stream).length === 0) continue;
      const run = lastRun(target, arrived.get(stream));
      open.set(stream, { stream, target, run, stuck: new Map(), reported: new Set(), isCareful: false });
    }
    for (let stale = 0; open.size > 0; ) {
      if (stale > MAX_SAVE_ROUNDS) throw contention(engine, open.size);
      if ((await round(open, evenQuarantined)) === 'stale') stale++;
      else stale = 0;
    }
  }

  /** Loads, evolves and saves what is known of the open streams, then reads more from the log. */
  async function round(open: Map<StreamId, Work>, evenQuarantined: boolean): Promise<'saved' | 'stale'> {
    const careful = [...open.values()].filter(({ isCareful }) => isCareful);
    const turn = careful.length < open.size ? [...open.values()].filter((work) => !work.isCareful) : [careful[0]!];
    const loaded = await documents.load(
      idsOf(turn),
      turn.map(({ stream }) => stream),
    );
    const plans = turn.map((work) => planOf(work, loaded.positions.get(work.stream), evenQuarantined));
    const evolved = plans.filter((plan) => !plan.lacks);
    const writes = evolve(evolved, loaded.documents);
    const positions = new Map<StreamId, StreamPosition>();
    for (const plan of evolved) {
      const next = nextPosition(plan);
      if (next) positions.set(plan.work.stream, next);
    }

    const outcomes = await documents.save(writes, positions, loaded.session);
    const isSaved = outcomes.every(({ saved }) => saved);
    if (isSaved) settle(open, evolved, positions);
    else takeRefusals(evolved, writes, outcomes);
    await readOn(plans.filter(({ work, lacks }) => lacks || (open.has(work.stream) && work.run.length === 0)));
    return isSaved || outcomes.some((outcome) => !outcome.saved && !outcome.stale) ? 'saved' : 'stale';
  }

  function idsOf(turn: readonly Work[]): DocumentId[] {
    const tables = new Map<string, Set<string>>();
    for (const { stream, run } of turn) {
      for (const { name, evolution } of followersOf(stream)) {
        const keys = entry(tables, name, () => new Set<string>());
        for (const commit of run) {
          const touches = touchesOf(name, evolution, commit);
          if (!(touches instanceof Error)) for (const key of touches.keys()) keys.add(key);
        }
      }
    }
    return [...tables].flatMap(([table, keys]) => [...keys].map((key) => ({ table, key })));
  }

  // ── What to do with each stream ────────────────────────────────────────────────────────────────────────────────────

  interface Plan {
    work: Work;
    stored: StreamPosition | undefined;
    /** The position of each projection, and why it stays there. */
    places: Map<string, Held>;
    /** The commits to apply. A projection skips those at or below its position. */
    commits: Commit[];
    /** Position of the projection that is most behind and not stopped. */
    base: number;
    /** The commits after `base` must be read from the log first. */
    lacks: boolean;
  }

  function planOf(work: Work, stored: StreamPosition | undefined, evenQuarantined: boolean): Plan {
    const places = new Map<string, Held>();
    const going: number[] = [];
    for (const { name, projection } of followersOf(work.stream)) {
      const commitNo = positionFor(name, stored);
      const { error, since } = (!evenQuarantined && stored?.held?.[name]) || {};
      const paused = interventions.isPaused(projection.name) || undefined;
      const place = { commitNo, ...defined({ error, since: error && since, paused }) };
      places.set(name, place);
      const stuck = work.stuck.get(name);
      if (!isHeldBack(place) && !(stuck && commitNo >= stuck.commitNo - 1)) going.push(commitNo);
    }
    const base = Math.min(...going, Number.POSITIVE_INFINITY);
    const [first] = work.run;
    const isDone = base >= work.target;
    const lacks = !isDone && !work.endsAt && !(first && first.position.commitNo <= base + 1);
    const news = isDone || lacks ? [] : work.run.filter(({ position }) => position.commitNo > base);
    const commits = work.isCareful ? news.slice(0, 1) : news;
    return { work, stored, places, commits, base, lacks };
  }

  // ── Evolving ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Applies the commits to the loaded documents. A projection that cannot process a commit stops before it. */
  function evolve(plans: readonly Plan[], found: readonly StoredDocument[]): DocumentWrite[] {
    const loaded = byTable(found);
    const drafts = new Map<string, Map<string, Draft>>();
    for (const { work, commits, places } of plans) {
      for (const commit of commits) {
        const { commitNo } = commit.position;
        for (const { name, evolution } of followersOf(work.stream)) {
          const place = places.get(name)!;
          if (isHeldBack(place) || commitNo <= place.commitNo || isBehind(work.stuck.get(name), commitNo)) continue;
          const mine = entry(drafts, name, () => new Map());
          try {
            const touches = orThrow(touchesOf(name, evolution, commit));
            const before = (key: string) => mine.get(key) ?? loaded.get(name)?.get(key);
            for (const [key, draft] of evolution.evolve(commit, touches, before)) mine.set(key, draft);
          } catch (error) {
            work.stuck.set(name, { commitNo, error: messageOf(error) });
          }
        }
      }
    }
    return [...drafts].flatMap(([table, mine]) =>
      [...mine].map(([key, { document, positions }]) => ({
        table,
        key,
        document: document ?? null,
        positions,
        revision: loaded.get(table)?.get(key)?.revision,
      })),
    );
  }

  /** The streams that touch a refused document are taken one commit at a time. Then the refused commit is known. */
  function takeRefusals(
    plans: readonly Plan[],
    writes: readonly DocumentWrite[],
    outcomes: readonly WriteOutcome[],
  ): void {
    const refused = new Map<string, Map<string, string>>();
    for (const [{ table, key }, outcome] of pairs(writes, outcomes)) {
      if (outcome.saved || outcome.stale) continue;
      entry(refused, table, () => new Map()).set(key, `document ${key} is refused: ${outcome.error}`);
    }
    if (refused.size === 0) return;
    const isSingle = plans.reduce((sum, { commits }) => sum + commits.length, 0) === 1;
    for (const { work, commits } of plans) {
      for (const [table, reasons] of refused) {
        const touching = commits.find((commit) => touchesAny(work.stream, table, commit, reasons));
        if (!touching) continue;
        const { commitNo } = touching.position;
        if (isSingle) work.stuck.set(table, { commitNo, error: [...reasons.values()].join('; ') });
        else work.isCareful = true;
      }
    }
  }

  function touchesAny(stream: StreamId, table: string, commit: Commit, keys: ReadonlyMap<string, unknown>): boolean {
    const follower = followersOf(stream).find(({ name }) => name === table);
    const touches = follower && touchesOf(table, follower.evolution, commit);
    return touches !== undefined && !(touches instanceof Error) && [...touches.keys()].some((key) => keys.has(key));
  }

  // ── Positions ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The position after the plan; undefined if it is the stored one. */
  function nextPosition({ work, stored, places, commits, base }: Plan): StreamPosition | undefined {
    const last = commits.at(-1)?.position.commitNo ?? (base === Number.POSITIVE_INFINITY ? 0 : base);
    const next = new Map<string, Held>();
    for (const [name, place] of places) {
      const poison =
        work.stuck.get(name) ?? (work.endsAt && !isHeldBack(place) && last < work.target ? work.endsAt : undefined);
      if (isHeldBack(place)) next.set(name, place);
      else if (poison && poison.commitNo > place.commitNo && poison.commitNo <= Math.max(last, place.commitNo) + 1) {
        next.set(name, {
          commitNo: poison.commitNo - 1,
          error: poison.error.slice(0, MAX_ERROR_LENGTH),
          since: new Date(clock()).toISOString(),
        });
      } else next.set(name, { commitNo: Math.max(place.commitNo, last) });
    }
    const gone = unlessEmpty(stored?.of.filter(isGone) ?? []);
    const own: StreamPosition = { ...positionOf(next), ...defined({ gone }) };
    const position = merged(stored, own);
    const isNothing = !stored && position.commitNo === 0 && !position.held;
    return isNothing || isSamePosition(stored, position) ? undefined : { ...position, ...defined({ gone: own.gone }) };
  }

  /** All documents and positions are saved. */
  function settle(
    open: Map<StreamId, Work>,
    plans: readonly Plan[],
    positions: ReadonlyMap<StreamId, StreamPosition>,
  ): void {
    const applied = new Map<string, { commits: number; newest: Hlc }>();
    for (const { work, commits, places, base } of plans) {
      const { stream, stuck, target } = work;
      const position = positions.get(stream);
      for (const [name, place] of places) {
        const now = positionFor(name, position);
        for (const { position: at } of commits) {
          if (at.commitNo <= place.commitNo || at.commitNo > now) continue;
          const sum = entry(applied, name, () => ({ commits: 0, newest: 0 }));
          sum.commits++;
          sum.newest = Math.max(sum.newest, at.at);
        }
        const held = position?.held?.[name];
        if (held?.error === undefined || place.error !== undefined || work.reported.has(name)) continue;
        work.reported.add(name);
        report(name, stream, held);
      }
      const reached = commits.at(-1)?.position.commitNo ?? base;
      const isStopped = [...places].every(([name, place]) => isHeldBack(place) || stuck.has(name));
      work.run = work.isCareful ? work.run.filter((commit) => commit.position.commitNo > reached) : [];
      const hasMore = work.isCareful && work.run.length > 0;
      if (reached >= target || isStopped || (work.endsAt && !hasMore)) open.delete(stream);
    }
    for (const [name, { commits, newest }] of applied) {
      // The time of a commit that cannot be read is not known.
      if (newest > 0) metrics?.applied(name, commits, secondsSince(newest));
    }
    if (positions.size > 0) onAdvance?.(new Map([...positions].map(([stream, { commitNo }]) => [stream, commitNo])));
  }

  function report(projection: string, stream: StreamId, { commitNo, error }: Held): void {
    log.error(
      { projection, stream, commitNo: commitNo + 1, error },
      'a stream is quarantined; it is retried at the next start',
    );
    metrics?.quarantined(projection);
  }

  // ── The log ────────────────────────────────────────────────────────────────────────────────────────────────────────

  async function readOn(plans: readonly Plan[]): Promise<void> {
    const budget = { commits: ROUND_COMMITS };
    await inParallel(plans, PARALLEL_READS, ({ work, base, commits }) =>
      readRun(work, commits.at(-1)?.position.commitNo ?? base, budget),
    );
  }

  /** The next commits of the stream, up to its target and within the budget. */
  async function readRun(work: Work, after: number, budget: { commits: number }): Promise<void> {
    if (budget.commits <= 0 || work.endsAt || after === Number.POSITIVE_INFINITY) return;
    const { stream, target } = work;
    const run: Commit[] = [];
    work.run = run;
    let last = after;
    for await (const commit of commitsOf(store, stream, after)) {
      run.push(commit);
      last = commit.position.commitNo;
      budget.commits--;
      if (last >= target || budget.commits <= 0) return;
    }
    const error = `the log has no such commit, though commit ${target} was seen`;
    work.endsAt = { commitNo: target < Number.POSITIVE_INFINITY ? last + 1 : Number.POSITIVE_INFINITY, error };
  }

  // ── Status ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  async function quarantined(): Promise<Quarantine[]> {
    return [...(await documents.held())].flatMap(([stream, { held = {} }]) =>
      followed.flatMap(({ name: projection, projection: { name } }) => {
        const { commitNo, error, since = '' } = held[projection] ?? {};
        return commitNo !== undefined && error !== undefined
          ? [{ projection, name, stream, commitNo: commitNo + 1, error, since }]
          : [];
      }),
    );
  }

  async function status(): Promise<ProjectionStatus[]> {
    await interventions.refresh();
    const { sweptTo } = await sweepState();
    const quarantine = await quarantined();
    const lags = await lagsBehind(
      sweptTo,
      new Set(quarantine.map(({ projection, stream }) => `${projection} ${stream}`)),
    );
    return followed.map(({ name, projection }) => ({
      name: projection.name,
      version: projection.version,
      build: projection.build ?? 1,
      sweptTo,
      lag: valueAt(lags, name),
      paused: interventions.isPaused(projection.name),
      quarantine: quarantine.flatMap(({ projection: stuck, name: _, ...rest }) => (stuck === name ? [rest] : [])),
    }));
  }

  async function lagsBehind(
    sweptTo: Hlc,
    quarantine: ReadonlySet<string>,
  ): Promise<Map<string, ProjectionStatus['lag']>> {
    const lags = new Map(names.map((name) => [name, { commits: 0, seconds: 0, atLeast: false }]));
    let seen = 0;
    for await (const entries of chunksOf(store.log(sweptTo), STATUS_CHUNK)) {
      const streams = [...new Set(entries.map(({ stream }) => stream))].filter(
        (stream) => followersOf(stream).length > 0,
      );
      const { positions } = await documents.load([], streams);
      for (const { stream, commitNo, at } of entries) {
        for (const { name } of followersOf(stream)) {
          if (quarantine.has(`${name} ${stream}`) || commitNo <= positionFor(name, positions.get(stream))) continue;
          const lag = valueAt(lags, name);
          if (lag.commits++ === 0) lag.seconds = secondsSince(at);
        }
      }
      seen += entries.length;
      if (seen < STATUS_ENTRIES) continue;
      for (const lag of lags.values()) lag.atLeast = true;
      break;
    }
    return lags;
  }

  async function sweepState(): Promise<SweepState> {
    const stored = await documents.sweepState();
    if (stored && names.every((name) => stored.of.includes(name))) return stored;
    if (!stored)
      return { of: names, lineage: await documents.lineage(), sweptTo: 0, comparedTo: 0, comparedAt: clock() };
    // It was stored by a process that did not know some of these projections.
    const added = names.filter((name) => !stored.of.includes(name)).map((name) => builtTo?.get(name) ?? 0);
    const sweptTo = Math.min(stored.sweptTo, ...added);
    if (sweptTo > 0) return { ...stored, of: names, sweptTo };
    const doubtedFrom = stored.doubtedFrom ?? stored.sweptTo;
    return { ...stored, of: names, lineage: '', sweptTo, doubtedFrom };
  }

  async function saveSweepState(state: SweepState): Promise<void> {
    await documents.setSweepState({ ...state, of: names });
    for (const name of names) metrics?.swept(name, state.sweptTo);
  }

  const secondsSince = (at: Hlc) => Math.max(0, clock() - millisOf(at)) / 1000;

  return {
    engine,
    names,
    apply,
    catchUp,
    retry,
    retryReleased,
    quarantined,
    status,
    async compare(streams) {
      await interventions.ready();
      return comparer.compare(streams);
    },
    sweepState,
    saveSweepState,
    lineage: () => documents.lineage(),
  };
}

/** The last commits that arrived without a gap, up to the target. */
function lastRun(target: number, arrived: ReadonlyMap<number, Commit> | undefined): Commit[] {
  const run: Commit[] = [];
  for (let next = arrived?.get(target); next; next = arrived?.get(next.position.commitNo - 1)) run.push(next);
  return run.reverse();
}

/** The touches of each commit by projection, or the error. They are computed once while the commit is in memory. */
function rememberTouches() {
  const known = new WeakMap<Commit, Map<string, Touches | Error>>();
  return (name: string, { touches }: Evolution, commit: Commit): Touches | Error => {
    const mine = known.get(commit) ?? new Map<string, Touches | Error>();
    known.set(commit, mine);
    return entry(mine, name, () => {
      try {
        return touches(commit);
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    });
  };
}

function orThrow(touches: Touches | Error): Touches {
  if (touches instanceof Error) throw touches;
  return touches;
}

function byTable(documents: readonly StoredDocument[]): Map<string, Map<string, StoredDocument>> {
  const tables = new Map<string, Map<string, StoredDocument>>();
  for (const found of documents) entry(tables, found.table, () => new Map()).set(found.key, found);
  return tables;
}

function isBehind(poison: Poison | undefined, commitNo: number): boolean {
  return poison !== undefined && poison.commitNo <= commitNo;
}

function contention(engine: string, streams: number): Unavailable {
  return new Unavailable(
    engine,
    `documents of ${streams} streams were still stale after ${MAX_SAVE_ROUNDS} rounds; fewer workers would help.`,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function raise(tails: Map<StreamId, number>, stream: StreamId, commitNo: number): void {
  tails.set(stream, Math.max(commitNo, tails.get(stream) ?? 0));
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const found = map.get(key) ?? create();
  map.set(key, found);
  return found;
}
