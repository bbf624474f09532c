// Keeps one projection up to date in one sink. Arriving commits are only a hint; the sink's positions and the log decide.
import { type Clock, type Hlc, millisOf } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import { InvalidEvent } from '../../domain/kernel/errors.js';
import type { EventStore, LogEntry } from '../../domain/kernel/event-store.js';
import { categoryOf, type StreamId } from '../../domain/kernel/stream.js';
import { createDocumentWriter, type Poison } from './document-writer.js';
import { createKnownPositions } from './known-positions.js';
import { type Projection, physicalName } from './projection.js';
import type { Quarantine, SinkTable } from './sink.js';

/** Most commits that one repair round reads from the log, over all streams. */
const ROUND_COMMITS = 500;

/** Streams that a repair reads in parallel. */
const PARALLEL_READS = 8;

/** Streams whose last commits a sweep holds in memory. */
const SWEEP_STREAMS = 2_000;

/** Index entries of the log that `status` reads before it reports `atLeast`. */
const STATUS_ENTRIES = 100_000;

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
}

export interface ProjectorDeps {
  projection: Projection<never, never>;
  table: SinkTable;
  store: EventStore;
  clock: Clock;
  log: Logger;
  metrics?: ProjectionMetrics;
  /** Called with the new positions after positions have moved. */
  onAdvance?: (positions: ReadonlyMap<StreamId, number>) => void;
}

export interface ProjectorStatus {
  name: string;
  version: number;
  /** Commit time up to which a sweep has compared the whole log. */
  sweptTo: Hlc;
  /**
   * Commits up to the log's watermark that are not applied, without those of quarantined streams, and the age of the oldest
   * in seconds. The numbers are exact unless `atLeast` is true: then the log after `sweptTo` was too long to read to its end.
   */
  lag: { commits: number; seconds: number; atLeast: boolean };
  quarantine: Quarantine[];
}

export interface SweepOptions {
  /** Starts at the beginning of the log instead of where the last sweep ended. */
  full?: boolean;
  /** Includes quarantined streams: a new version of the program or its configuration may be able to process them. */
  retry?: boolean;
}

/** Every method rejects while the sink or the log does not answer. The caller can simply call it again later. */
export interface Projector {
  /** Physical name. */
  name: string;
  /** Accepts commits in any order and any number of times. */
  apply(commits: readonly Commit[]): Promise<void>;
  /** Brings each stream to at least this commit, from the log. */
  catchUp(tails: ReadonlyMap<StreamId, number>): Promise<void>;
  /** Finds commits in the log that never arrived. */
  sweep(options?: SweepOptions): Promise<void>;
  /** Releases a stream from quarantine and repairs it from the log. If it fails again, returns the new quarantine entry. */
  retry(stream: StreamId): Promise<Quarantine | undefined>;
  status(): Promise<ProjectorStatus>;
  /** The part of the status that costs one query. */
  quarantined(): Promise<Quarantine[]>;
}

/** A stream whose position is lower than its target. */
interface Behind {
  position: number;
  target: number;
}

/** The next commits of a stream, and the reason why there are no more. */
interface ProjectorRun {
  commits: Commit[];
  poison?: Poison;
  /** The log has no later commits. */
  ended?: boolean;
}

type Arrived = ReadonlyMap<StreamId, ReadonlyMap<number, Commit>>;
const NOTHING: Arrived = new Map();

export function createProjector(deps: ProjectorDeps): Projector {
  const { projection, table, store, clock, log, metrics, onAdvance } = deps;
  const name = physicalName(projection);
  const followed = new Set(projection.categories);
  const writer = createDocumentWriter(projection, table);
  const positions = createKnownPositions();

  async function apply(commits: readonly Commit[]): Promise<void> {
    const arrived = new Map<StreamId, Map<number, Commit>>();
    const tails = new Map<StreamId, number>();
    for (const commit of commits) {
      const { stream, position } = commit;
      if (!isNews(stream, position.commitNo)) continue;
      entry(arrived, stream, () => new Map()).set(position.commitNo, commit);
      raise(tails, stream, position.commitNo);
    }
    await bringTo(tails, arrived);
  }

  async function sweep({ full = false, retry: retries = false }: SweepOptions = {}): Promise<void> {
    positions.clear(); // a sweep trusts only the sink's positions
    if (retries) for (const { stream } of await table.quarantined()) await retry(stream);
    const upTo = await store.watermark();
    const from = full ? 0 : await table.sweptTo();
    if (from < upTo) {
      for await (const tails of tailsOf(store.log(from, upTo), isNews)) await bringTo(tails);
      await table.setSweptTo(upTo);
    }
    metrics?.swept(name, Math.max(from, upTo));
  }

  async function retry(stream: StreamId): Promise<Quarantine | undefined> {
    if (!followed.has(categoryOf(stream))) return undefined;
    await bringTo(new Map([[stream, Number.POSITIVE_INFINITY]]), NOTHING, { evenQuarantined: true });
    return (await table.progress([stream])).get(stream)?.quarantine;
  }

  async function status(): Promise<ProjectorStatus> {
    const sweptTo = await table.sweptTo();
    const quarantine = await table.quarantined();
    const lag = await lagBehind(sweptTo, new Set(quarantine.map(({ stream }) => stream)));
    return { name: projection.name, version: projection.version, sweptTo, lag, quarantine };
  }

  function isNews(stream: StreamId, commitNo: number): boolean {
    return followed.has(categoryOf(stream)) && commitNo > (positions.get(stream) ?? 0);
  }

  /** The delivery rule: an arrived commit is applied if it follows the position; all others are read from the log. */
  async function bringTo(
    tails: ReadonlyMap<StreamId, number>,
    arrived: Arrived = NOTHING,
    { evenQuarantined = false } = {},
  ): Promise<void> {
    try {
      let behind = await streamsBehind(tails, arrived, evenQuarantined);
      while (behind.size > 0) {
        const runs = await nextRuns(behind, arrived);
        const stuck = await writer.write(new Map([...runs].map(([stream, { commits }]) => [stream, commits])));
        for (const [stream, { poison }] of runs) if (poison && !stuck.has(stream)) stuck.set(stream, poison);
        await settle(behind, runs, stuck);
        behind = stillBehind(behind, runs, stuck);
      }
    } catch (error) {
      positions.clear(); // after a failure the sink may have lost data
      throw error;
    }
  }

  async function streamsBehind(
    tails: ReadonlyMap<StreamId, number>,
    arrived: Arrived,
    evenQuarantined: boolean,
  ): Promise<Map<StreamId, Behind>> {
    const follows = (stream: StreamId) => arrived.get(stream)?.has((positions.get(stream) ?? Number.NaN) + 1);
    const unsure = [...tails.keys()].filter((stream) => !follows(stream));
    const progress = await table.progress(unsure);
    const behind = new Map<StreamId, Behind>();
    for (const [stream, target] of tails) {
      const { commitNo = 0, quarantine } = progress.get(stream) ?? {};
      positions.raise(stream, commitNo);
      const position = positions.get(stream)!;
      if (position < target && (!quarantine || evenQuarantined)) behind.set(stream, { position, target });
    }
    return behind;
  }

  async function nextRuns(
    behind: ReadonlyMap<StreamId, Behind>,
    arrived: Arrived,
  ): Promise<Map<StreamId, ProjectorRun>> {
    const runs = new Map<StreamId, ProjectorRun>();
    const budget = { commits: ROUND_COMMITS };
    const repairs: (() => Promise<void>)[] = [];
    for (const [stream, { position, target }] of behind) {
      const run: ProjectorRun = { commits: arrivedBehind(position, arrived.get(stream)) };
      runs.set(stream, run);
      if (position + run.commits.length < target) {
        repairs.push(() => readOn(stream, position + run.commits.length, target, run, budget));
      }
    }
    await inParallel(repairs, PARALLEL_READS);
    return runs;
  }

  /** Extends the run from the log up to the target, within the budget. */
  async function readOn(
    stream: StreamId,
    after: number,
    target: number,
    run: ProjectorRun,
    budget: { commits: number },
  ) {
    let last = after;
    try {
      if (budget.commits <= 0) return;
      for await (const commit of store.read(stream, after)) {
        run.commits.push(commit);
        last = commit.position.commitNo;
        budget.commits--;
        if (last >= target || budget.commits <= 0) return;
      }
      run.ended = true;
      if (target < Number.POSITIVE_INFINITY) {
        run.poison = { commitNo: last + 1, error: `the log has no such commit, though commit ${target} was seen` };
      }
    } catch (error) {
      if (!(error instanceof InvalidEvent)) throw error;
      run.poison = { commitNo: last + 1, error: error.message };
    }
  }

  /** Positions move once all documents are written. Then the streams that failed are quarantined. */
  async function settle(
    behind: ReadonlyMap<StreamId, Behind>,
    runs: ReadonlyMap<StreamId, ProjectorRun>,
    stuck: ReadonlyMap<StreamId, Poison>,
  ): Promise<void> {
    const advanced = new Map<StreamId, number>();
    let applied = 0;
    let newest = 0;
    for (const [stream, { commits }] of runs) {
      const { position } = behind.get(stream)!;
      const wellDone = commits.slice(0, (stuck.get(stream)?.commitNo ?? Number.POSITIVE_INFINITY) - 1 - position);
      const last = wellDone.at(-1)?.position;
      if (!last) continue;
      advanced.set(stream, last.commitNo);
      applied += wellDone.length;
      newest = Math.max(newest, last.at);
    }
    if (advanced.size > 0) {
      await table.advance(advanced);
      for (const [stream, commitNo] of advanced) positions.raise(stream, commitNo);
      metrics?.applied(name, applied, secondsSince(newest));
      onAdvance?.(advanced);
    }
    for (const [stream, { commitNo, error }] of stuck) {
      log.error(
        { projection: name, stream, commitNo, error },
        'a stream is quarantined; it is retried at the next start',
      );
      metrics?.quarantined(name);
      await table.quarantine({
        stream,
        commitNo,
        error: error.slice(0, MAX_ERROR_LENGTH),
        since: new Date(clock()).toISOString(),
      });
    }
  }

  async function lagBehind(sweptTo: Hlc, quarantined: ReadonlySet<StreamId>): Promise<ProjectorStatus['lag']> {
    let seen = 0;
    let missing = 0;
    let oldest: Hlc | undefined;
    for await (const entries of chunksOf(store.log(sweptTo), SWEEP_STREAMS)) {
      const open = entries.filter(({ stream, commitNo }) => isNews(stream, commitNo) && !quarantined.has(stream));
      const progress = await table.progress([...new Set(open.map(({ stream }) => stream))]);
      const lacking = open.filter(({ stream, commitNo }) => commitNo > (progress.get(stream)?.commitNo ?? 0));
      missing += lacking.length;
      oldest ??= lacking[0]?.at;
      seen += entries.length;
      if (seen >= STATUS_ENTRIES) break;
    }
    return { commits: missing, seconds: oldest ? secondsSince(oldest) : 0, atLeast: seen >= STATUS_ENTRIES };
  }

  const secondsSince = (at: Hlc) => Math.max(0, clock() - millisOf(at)) / 1000;

  return {
    name,
    apply,
    catchUp: (tails) => bringTo(newsOf(tails, isNews)),
    sweep,
    retry,
    status,
    quarantined: () => table.quarantined(),
  };
}

function arrivedBehind(position: number, arrived: ReadonlyMap<number, Commit> | undefined): Commit[] {
  const commits: Commit[] = [];
  for (let next = arrived?.get(position + 1); next; next = arrived?.get(next.position.commitNo + 1)) commits.push(next);
  return commits;
}

function stillBehind(
  behind: ReadonlyMap<StreamId, Behind>,
  runs: ReadonlyMap<StreamId, ProjectorRun>,
  stuck: ReadonlyMap<StreamId, Poison>,
): Map<StreamId, Behind> {
  const still = new Map<StreamId, Behind>();
  for (const [stream, { position, target }] of behind) {
    const { commits, ended } = runs.get(stream)!;
    const reached = position + commits.length;
    if (reached < target && !ended && !stuck.has(stream)) still.set(stream, { position: reached, target });
  }
  return still;
}

function newsOf(tails: ReadonlyMap<StreamId, number>, isNews: (stream: StreamId, commitNo: number) => boolean) {
  return new Map([...tails].filter(([stream, commitNo]) => isNews(stream, commitNo)));
}

/** The highest commit of each stream, in batches of some thousand streams. */
async function* tailsOf(
  entries: AsyncIterable<LogEntry>,
  isNews: (stream: StreamId, commitNo: number) => boolean,
): AsyncIterable<Map<StreamId, number>> {
  let tails = new Map<StreamId, number>();
  for await (const { stream, commitNo } of entries) {
    if (!isNews(stream, commitNo)) continue;
    raise(tails, stream, commitNo);
    if (tails.size < SWEEP_STREAMS) continue;
    yield tails;
    tails = new Map();
  }
  yield tails;
}

async function* chunksOf<T>(items: AsyncIterable<T>, size: number): AsyncIterable<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    if (chunk.push(item) < size) continue;
    yield chunk;
    chunk = [];
  }
  yield chunk;
}

async function inParallel(tasks: (() => Promise<void>)[], width: number): Promise<void> {
  const queue = tasks.values();
  const worker = async () => {
    for (const task of queue) await task();
  };
  await Promise.all(Array.from({ length: Math.min(width, tasks.length) }, worker));
}

function raise(tails: Map<StreamId, number>, stream: StreamId, commitNo: number): void {
  tails.set(stream, Math.max(commitNo, tails.get(stream) ?? 0));
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const found = map.get(key) ?? create();
  map.set(key, found);
  return found;
}
