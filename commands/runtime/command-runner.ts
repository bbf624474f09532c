// The command path: load → decide → append, one writer at a time per stream. Commands on one stream that meet in this
// process are decided one after the other in memory and committed together, so a hot stream costs one write for many.
import { LRUCache } from 'lru-cache';
import { type Clock, type Hlc, hlcOf, millisOf, nextAt } from '../../domain/kernel/clock.js';
import { type CommandMeta, versionMismatch } from '../../domain/kernel/command.js';
import { type Position, START } from '../../domain/kernel/commit.js';
import type { Decider } from '../../domain/kernel/decider.js';
import { CommitTooLarge, orThrow, StreamBusy, Unavailable } from '../../domain/kernel/errors.js';
import type { DomainEvent, EventCatalogue, RecordedEvent } from '../../domain/kernel/event.js';
import type { EventStore, SnapshotStore } from '../../domain/kernel/event-store.js';
import {
  MAX_CLOCK_SKEW_MS,
  MAX_CONFLICT_RETRIES,
  MAX_GROUP_COMMANDS,
  REMEMBERED_MS,
  RETRY_HORIZON_MS,
} from '../../domain/kernel/limits.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { isRejection, type Rejection, reject } from '../../domain/kernel/rejection.js';
import type { StreamId } from '../../domain/kernel/stream.js';

/** Between issuing a command and asking for it again up to four clocks have a say, each off by the skew at most. */
const MAX_CLOCK_DIFFERENCE_MS = 4 * MAX_CLOCK_SKEW_MS;

const CACHED_STREAMS = 5_000;

/** A snapshot of a large state is taken more rarely: it costs a write unit of DynamoDB for so much, and each commit costs one. */
const SNAPSHOT_CHARS_PER_COMMIT = 1_024;

/** Commits of the first look into the past of a stream; each further one goes twice as far back. */
const FIRST_LOOK_COMMITS = 256;

export interface Loaded<S> {
  state: S;
  /** The end of the stream that the state was folded from; `commitNo` 0 where there is no such stream. */
  position: Position;
}

export interface Outcome<S> extends Loaded<S> {
  /** The command was executed before; nothing happened now. */
  repeated: boolean;
}

export interface CommandRunner {
  /**
   * Executes a command and returns the state behind it. Repeating it with the same `meta.id` does nothing. A command that the
   * decider, its age, its size or its expected version forbids is returned as a rejection. Throws `StreamBusy`, `Unavailable`.
   */
  execute<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    stream: StreamId,
    command: C,
    meta: CommandMeta,
  ): Promise<Outcome<S> | Rejection>;
  /** The state as of now, read from the store, or as it was known to be not longer than `maxAgeMs` ago. */
  load<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    stream: StreamId,
    options?: { maxAgeMs?: number },
  ): Promise<Loaded<S>>;
  /** Tells the state behind each commit that this process appends to the stream from now on, until the returned function is called. */
  watch<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    stream: StreamId,
    onAppended: (loaded: Loaded<S>) => void,
  ): () => void;
}

export interface CommandRunnerDeps {
  store: EventStore;
  catalogue: EventCatalogue;
  personal: PersonalData;
  clock: Clock;
  snapshots?: SnapshotStore;
  /** Streams whose state is kept in memory. */
  cacheSize?: number;
  /** Told when a snapshot could not be saved or loaded; nothing else depends on it. */
  onSnapshotError?: (error: unknown) => undefined;
}

type AnyDecider = Decider<unknown, unknown, DomainEvent>;

/** A stream as this process knows it. */
interface Known {
  position: Position;
  state: unknown;
  /** Ids of the commands of at least the last `REMEMBERED_MS`, oldest first. */
  recent: Map<string, Hlc>;
  /** The commit of the last snapshot, and how many characters it has. */
  snapshotAt: number;
  snapshotSize: number;
  /** When this was the whole stream, in ms: the store was read or appended to. */
  provenAt: number;
}

interface Job {
  decider: AnyDecider;
  /** When it was asked for, in ms. */
  since: number;
  /** Absent: only the state is wanted, and it may have been proven so long before `since`. */
  request?: { command: unknown; meta: CommandMeta };
  maxAgeMs?: number;
  resolve(result: Outcome<unknown> | Rejection): void;
  reject(error: unknown): void;
}

/** What a batch of jobs comes to, decided in memory on what is known of the stream. */
interface Draft {
  state: unknown;
  version: number;
  events: RecordedEvent[];
  commandIds: string[];
  answers: Answer[];
  /** An answer rests on the state alone, with no append that would prove the state current. */
  unproven: boolean;
}

type Answer = Rejection | { repeated: boolean };

export function createCommandRunner(deps: CommandRunnerDeps): CommandRunner {
  const { store, catalogue, personal, clock, snapshots, cacheSize = CACHED_STREAMS } = deps;
  const { onSnapshotError = () => undefined } = deps;
  const cache = new LRUCache<StreamId, Known>({ max: cacheSize });
  const queues = new Map<StreamId, Job[]>();
  const pasts = new Map<StreamId, Past>();
  const watchers = new Map<StreamId, Set<(loaded: Loaded<unknown>) => void>>();

  function enqueue(
    decider: AnyDecider,
    stream: StreamId,
    since: number,
    wanted: Pick<Job, 'request' | 'maxAgeMs'> = {},
  ): Promise<Outcome<unknown> | Rejection> {
    return new Promise((resolve, reject) => {
      const job: Job = { decider, since, resolve, reject, ...wanted };
      const queue = queues.get(stream);
      if (queue) {
        queue.push(job);
      } else {
        queues.set(stream, [job]);
        queueMicrotask(() => void drain(stream));
      }
    });
  }

  /** A job without a command is not rejected. */
  function known(
    decider: AnyDecider,
    stream: StreamId,
    since: number,
    wanted?: Pick<Job, 'maxAgeMs'>,
  ): Promise<Loaded<unknown>> {
    return enqueue(decider, stream, since, wanted).then(orThrow);
  }

  async function drain(stream: StreamId): Promise<void> {
    const queue = queues.get(stream)!;
    while (queue.length > 0) await run(stream, queue.splice(0, MAX_GROUP_COMMANDS));
    queues.delete(stream);
  }

  async function run(stream: StreamId, jobs: Job[]): Promise<void> {
    try {
      await settle(stream, jobs);
    } catch (error) {
      cache.delete(stream);
      const shared = error instanceof Unavailable || error instanceof StreamBusy;
      if (shared || jobs.length === 1) {
        for (const { resolve, reject } of jobs) {
          if (error instanceof CommitTooLarge) resolve(rejectionOf(error));
          else reject(error);
        }
      } else {
        // One command's fault is not its neighbours': it is found by halves.
        const half = Math.ceil(jobs.length / 2);
        await run(stream, jobs.slice(0, half));
        await run(stream, jobs.slice(half));
      }
    }
  }

  /** Decides and appends until the answers are certain, then gives them. */
  async function settle(stream: StreamId, jobs: Job[]): Promise<void> {
    const { decider, request, since } = jobs[0]!;
    const cached = cache.get(stream) ?? (request?.meta.newStream && unwritten(decider));
    const known = cached ?? (await load(decider, stream));
    // Only here, and by the job that has waited longest: whoever waits still finds what was remembered when it came.
    dropOldIds(known, since - REMEMBERED_MS);
    let current = cached === undefined;

    for (let attempt = 0; attempt <= MAX_CONFLICT_RETRIES; attempt++) {
      const at = nextAt(clock(), known.position.at, ...causes(jobs));
      const draft = await decide(stream, jobs, known, at);
      if (draft.events.length > 0) {
        const { events, commandIds } = draft;
        const sentAt = clock();
        const result = await store.append(stream, known.position, { at, commandIds, events });
        if (result.appended) {
          remember(stream, decider, known, draft, result.position, sentAt);
          return answer(jobs, draft, known.position);
        }
      } else if (current || !draft.unproven) {
        return answer(jobs, draft, known.position);
      }
      await catchUp(decider, stream, known);
      cache.set(stream, known);
      current = true;
    }
    throw new StreamBusy(stream);
  }

  async function decide(stream: StreamId, jobs: Job[], known: Known, at: Hlc): Promise<Draft> {
    const { state, position } = known;
    const draft: Draft = {
      state,
      version: position.version,
      events: [],
      commandIds: [],
      answers: [],
      unproven: false,
    };
    for (const job of jobs) draft.answers.push(await decideOne(stream, job, known, draft, at));
    return draft;
  }

  async function decideOne(stream: StreamId, job: Job, known: Known, draft: Draft, at: Hlc): Promise<Answer> {
    const { decider, request, since, maxAgeMs } = job;
    if (!request) {
      if (maxAgeMs === undefined || known.provenAt < since - maxAgeMs) draft.unproven = true;
      return { repeated: false };
    }
    const { command, meta } = request;
    if (known.recent.has(meta.id) || draft.commandIds.includes(meta.id)) return { repeated: true };
    const mismatch = versionMismatch(meta.expectedVersion, draft.version);
    if (mismatch) {
      draft.unproven = true;
      return mismatch;
    }

    const decision = decider.decide(command, draft.state, millisOf(at));
    if (isRejection(decision)) {
      draft.unproven = true;
      return decision;
    }
    if (decision.length === 0) draft.unproven = true;
    else draft.commandIds.push(meta.id);
    for (const [index, event] of decision.entries()) {
      const recorded = await record(event, index, stream, ++draft.version, meta, at);
      draft.events.push(recorded);
      draft.state = decider.evolve(draft.state, recorded, millisOf(at));
    }
    return { repeated: false };
  }

  async function record(
    event: DomainEvent,
    index: number,
    stream: StreamId,
    version: number,
    meta: CommandMeta,
    at: Hlc,
  ): Promise<RecordedEvent> {
    const definition = catalogue.definition(event.type);
    const { type, data } = definition.personal ? await personal.seal(event, stream, version) : event;
    return {
      id: `${meta.id}:${index}`,
      type,
      schemaVersion: definition.version,
      version,
      occurredAt: meta.occurredAt ?? new Date(millisOf(at)).toISOString(),
      commandId: meta.id,
      correlationId: meta.correlationId,
      causationId: meta.cause?.eventId ?? meta.id,
      actor: meta.actor,
      data,
    };
  }

  function remember(
    stream: StreamId,
    decider: AnyDecider,
    known: Known,
    draft: Draft,
    position: Position,
    sentAt: number,
  ): void {
    known.position = position;
    known.provenAt = sentAt;
    known.state = draft.state;
    for (const id of draft.commandIds) known.recent.set(id, position.at);
    cache.set(stream, known);
    for (const tell of watchers.get(stream) ?? []) tell({ state: known.state, position });
    if (decider.snapshot && position.commitNo - known.snapshotAt >= commitsBetween(decider.snapshot, known)) {
      void saveSnapshot(stream, decider.snapshot.foldVersion, known);
    }
  }

  async function load(decider: AnyDecider, stream: StreamId): Promise<Known> {
    const known = await readFromSnapshot(decider, stream);
    cache.set(stream, known);
    return known;
  }

  /** Most streams are short, and cost one read. Only one that is long enough to have a snapshot is asked for it. */
  async function readFromSnapshot(decider: AnyDecider, stream: StreamId): Promise<Known> {
    const known = unwritten(decider);
    known.provenAt = clock();
    for await (const commit of store.read(stream)) {
      fold(decider, known, commit);
      if (commit.position.commitNo !== decider.snapshot?.every) continue;
      const later = await loadSnapshot(decider, stream);
      if (later) return later;
    }
    return known;
  }

  /** A snapshot with what was committed behind it; undefined where there is none, or it is not of this stream's past. */
  async function loadSnapshot(decider: AnyDecider, stream: StreamId): Promise<Known | undefined> {
    const foldVersion = decider.snapshot?.foldVersion;
    if (foldVersion === undefined || !snapshots) return undefined;
    const snapshot = await snapshots.load(stream, foldVersion).catch(onSnapshotError);
    if (!snapshot) return undefined;
    const { state, recent } = snapshot.state as SnapshotState;
    const { position, size } = snapshot;
    const known: Known = {
      position,
      state,
      recent: new Map(recent),
      snapshotAt: position.commitNo,
      snapshotSize: size,
      provenAt: clock(),
    };
    let verified = false;
    for await (const commit of store.read(stream, position.commitNo - 1)) {
      if (verified) fold(decider, known, commit);
      else if (commit.position.hash === position.hash) verified = true;
      else return undefined;
    }
    return verified ? known : undefined;
  }

  async function catchUp(decider: AnyDecider, stream: StreamId, known: Known): Promise<void> {
    const askedAt = clock();
    for await (const commit of store.read(stream, known.position.commitNo)) fold(decider, known, commit);
    known.provenAt = askedAt;
  }

  function fold(decider: AnyDecider, known: Known, commit: FoldableCommit): void {
    const at = millisOf(commit.position.at);
    for (const event of commit.events) known.state = decider.evolve(known.state, event, at);
    for (const id of commit.commandIds) known.recent.set(id, commit.position.at);
    known.position = commit.position;
  }

  function dropOldIds(known: Known, before: number): void {
    for (const [id, at] of known.recent) {
      if (at >= hlcOf(before)) return;
      known.recent.delete(id);
    }
  }

  async function saveSnapshot(stream: StreamId, foldVersion: number, known: Known): Promise<void> {
    known.snapshotAt = known.position.commitNo;
    const state: SnapshotState = { state: known.state, recent: [...known.recent] };
    const size = await snapshots?.save(stream, foldVersion, { position: known.position, state }).catch(onSnapshotError);
    known.snapshotSize = size ?? known.snapshotSize;
  }

  /** True for a command that was executed longer before `now` than memory reaches: its stream's past says. */
  async function wasExecuted(
    decider: AnyDecider,
    stream: StreamId,
    { id, issuedAt }: CommandMeta,
    now: number,
  ): Promise<boolean> {
    if (now - issuedAt <= REMEMBERED_MS - MAX_CLOCK_DIFFERENCE_MS) return false;
    return (await pastSince(decider, stream, issuedAt - MAX_CLOCK_DIFFERENCE_MS)).has(id);
  }

  /** One read serves all who ask meanwhile for what is no older, and all go on in the order in which they asked. */
  function pastSince(decider: AnyDecider, stream: StreamId, since: number): Promise<ReadonlySet<string>> {
    const known = pasts.get(stream);
    if (known && known.since <= since) return known.ids;
    const before = known?.ids ?? Promise.resolve();
    const ids = before
      .then(() => commandIdsSince(decider, stream, since))
      .finally(() => {
        if (pasts.get(stream)?.ids === ids) pasts.delete(stream);
      });
    pasts.set(stream, { since, ids });
    return ids;
  }

  /** Backwards from the end of the stream, which may be long: a command is never executed before it was first issued. */
  async function commandIdsSince(decider: AnyDecider, stream: StreamId, since: number): Promise<ReadonlySet<string>> {
    const { position } = await known(decider, stream, clock(), { maxAgeMs: Number.POSITIVE_INFINITY });
    const ids = new Set<string>();
    let read = position.commitNo;
    for await (const { commandIds } of store.read(stream, read)) for (const id of commandIds) ids.add(id);
    for (let look = FIRST_LOOK_COMMITS, isOlder = false; read > 0 && !isOlder; look *= 2) {
      const start = Math.max(0, read - look);
      for await (const { position, commandIds } of store.read(stream, start)) {
        if (position.commitNo > read) break;
        isOlder ||= position.at < hlcOf(since);
        for (const id of commandIds) ids.add(id);
      }
      read = start;
    }
    return ids;
  }

  return {
    async execute(decider, stream, command, meta) {
      const now = clock();
      if (isExpired(meta, now)) return EXPIRED;
      const any = decider as unknown as AnyDecider;
      if (await wasExecuted(any, stream, meta, now)) {
        return { ...(await known(any, stream, now)), repeated: true } as Outcome<never>;
      }
      return enqueue(any, stream, now, { request: { command, meta } }) as Promise<Outcome<never> | Rejection>;
    },
    load: (decider, stream, options) =>
      known(decider as unknown as AnyDecider, stream, clock(), options) as Promise<Loaded<never>>,
    watch(_decider, stream, onAppended) {
      const tell = onAppended as (loaded: Loaded<unknown>) => void;
      const told = watchers.get(stream) ?? new Set();
      watchers.set(stream, told.add(tell));
      return () => {
        told.delete(tell);
        if (told.size === 0 && watchers.get(stream) === told) watchers.delete(stream);
      };
    },
  };
}

/** No repeat would make the command smaller. */
function rejectionOf({ message }: CommitTooLarge): Rejection {
  return reject('too_large', message);
}

function isExpired({ issuedAt, late }: CommandMeta, now: number): boolean {
  return late !== 'search' && now - issuedAt > RETRY_HORIZON_MS;
}

const EXPIRED = reject(
  'command_expired',
  `The command was first issued over ${RETRY_HORIZON_MS / 60_000} minutes ago; issue a new one.`,
);

/** Ids of the commands that a stream has executed, at least those since then, in ms. */
interface Past {
  since: number;
  ids: Promise<ReadonlySet<string>>;
}

interface SnapshotState {
  state: unknown;
  recent: [string, Hlc][];
}

interface FoldableCommit {
  position: Position;
  commandIds: string[];
  events: RecordedEvent[];
}

function unwritten(decider: AnyDecider): Known {
  return {
    position: START,
    state: decider.initialState,
    recent: new Map(),
    snapshotAt: 0,
    snapshotSize: 0,
    provenAt: Number.NEGATIVE_INFINITY,
  };
}

function commitsBetween({ every }: { every: number }, { snapshotSize }: Known): number {
  return Math.max(every, snapshotSize / SNAPSHOT_CHARS_PER_COMMIT);
}

function causes(jobs: Job[]): Hlc[] {
  return jobs.flatMap(({ request }) => request?.meta.cause?.at ?? []);
}

/** Every job sees the state behind all of them: that is what the position names. */
function answer(jobs: Job[], { answers, state }: Draft, position: Position): void {
  for (const [index, job] of jobs.entries()) {
    const given = answers[index]!;
    job.resolve(isRejection(given) ? given : { state, position, ...given });
  }
}
