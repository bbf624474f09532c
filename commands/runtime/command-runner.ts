// The command path: load → decide → append, with one writer at a time per stream. Concurrent commands on one stream in this
// process are decided one after the other in memory and committed together. So a hot stream needs one write for many commands.
import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { type Clock, type Hlc, hlcOf, millisOf, nextAt } from '../../domain/kernel/clock.js';
import { type CommandMeta, versionMismatch } from '../../domain/kernel/command.js';
import { type Position, START } from '../../domain/kernel/commit.js';
import type { Decider } from '../../domain/kernel/decider.js';
import { CommitTooLarge, orThrow, StreamBusy, Unavailable } from '../../domain/kernel/errors.js';
import type { DomainEvent, EventTypes, RecordedEvent } from '../../domain/kernel/event.js';
import type { EventStore, SnapshotStore } from '../../domain/kernel/event-store.js';
import {
  FIRST_CONFLICT_PAUSE_MS,
  LONGEST_CONFLICT_PAUSE_MS,
  MAX_CLOCK_SKEW_MS,
  MAX_CONFLICT_RETRIES,
  MAX_GROUP_COMMANDS,
  REMEMBERED_MS,
  RETRY_HORIZON_MS,
} from '../../domain/kernel/limits.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { isRejection, type Rejection, reject } from '../../domain/kernel/rejection.js';
import type { Loaded, States } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';

/** Up to four clocks are involved between the first issue of a command and its repeat. Each is off by at most the skew. */
const MAX_CLOCK_DIFFERENCE_MS = 4 * MAX_CLOCK_SKEW_MS;

const CACHED_STREAMS = 5_000;

/**
 * State size, in characters, per commit between two snapshots. A snapshot costs one DynamoDB write unit per 1,024 characters, and
 * a commit costs one, so a large state is saved less often.
 */
const SNAPSHOT_CHARS_PER_COMMIT = 1_024;

/** Commits in the first read of a stream's history. Each further read goes twice as far back. */
const FIRST_LOOK_COMMITS = 256;

export interface Outcome<S> extends Loaded<S> {
  /** True if the command was executed before. Then nothing happened now. */
  repeated: boolean;
}

export interface CommandRunner extends States {
  /**
   * Executes a command and returns the resulting state. Repeating it with the same `meta.id` does nothing. Returns a rejection if
   * the decider, the command's age, its size or its expected version forbids it. Throws `StreamBusy`, `Unavailable`.
   */
  execute<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    stream: StreamId,
    command: C,
    meta: CommandMeta,
  ): Promise<Outcome<NonNullable<S>> | Rejection>;
  /**
   * Calls back with the new state after each commit that this process appends to the stream, until the returned function is
   * called.
   */
  watch<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    stream: StreamId,
    onAppended: (loaded: Loaded<NonNullable<S>>) => void,
  ): () => void;
}

export interface CommandRunnerDeps {
  store: EventStore;
  eventTypes: EventTypes;
  personal: PersonalData;
  clock: Clock;
  snapshots?: SnapshotStore;
  /** Number of streams whose state is kept in memory. */
  cacheSize?: number;
  /** Waits after a conflict. */
  pause?: (ms: number) => Promise<unknown>;
  /** In [0, 1). */
  random?: () => number;
  /** Called when a snapshot could not be saved or loaded. Nothing else depends on it. */
  onSnapshotError?: (error: unknown) => undefined;
}

type AnyDecider = Decider<unknown, unknown, DomainEvent>;

/** A stream as this process knows it. */
interface Known {
  position: Position;
  state: unknown;
  /** Ids of the commands of at least the last `REMEMBERED_MS`, oldest first. */
  recent: Map<string, Hlc>;
  /** The commit of the last snapshot, and the size of that snapshot in characters. */
  snapshotAt: number;
  snapshotSize: number;
  /** When this was last known to be the whole stream, in ms: the time of the last read or append. */
  provenAt: number;
}

interface Job {
  decider: AnyDecider;
  /** When the job was queued, in ms. */
  since: number;
  /** Absent if only the state is wanted. The state may then have been proven current up to `maxAgeMs` before `since`. */
  request?: { command: unknown; meta: CommandMeta };
  maxAgeMs?: number;
  resolve(result: Outcome<unknown> | Rejection): void;
  reject(error: unknown): void;
}

/** The result of a batch of jobs, decided in memory on the known state. */
interface Draft {
  state: unknown;
  version: number;
  events: RecordedEvent[];
  commandIds: string[];
  answers: Answer[];
  /** Some answer rests on the cached state alone, with no append that proves the state current. */
  unproven: boolean;
}

type Answer = Rejection | { repeated: boolean };

export function createCommandRunner(deps: CommandRunnerDeps): CommandRunner {
  const { store, eventTypes, personal, clock, snapshots, cacheSize = CACHED_STREAMS } = deps;
  const { onSnapshotError = () => undefined, pause = delay, random = Math.random } = deps;
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

  /** A job without a command is never rejected. */
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
        // A failing command must not fail the others in its batch. Halving the batch isolates it.
        const half = Math.ceil(jobs.length / 2);
        await run(stream, jobs.slice(0, half));
        await run(stream, jobs.slice(half));
      }
    }
  }

  /** Decides and appends until the answers are certain, then sends them. */
  async function settle(stream: StreamId, jobs: Job[]): Promise<void> {
    const { decider, request, since } = jobs[0]!;
    const cached = cache.get(stream) ?? (request?.meta.newStream && unwritten(decider));
    const known = cached ?? (await load(decider, stream));
    // Ids are dropped only here, by the age of the longest waiting job. So every waiting job still finds the ids that were
    // remembered when it was queued.
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
        if (attempt > 0) await pause(random() * conflictPause(attempt));
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
    if (decision.length === 0) {
      if (draft.state === null)
        throw new Error(`The decider of ${stream} accepted a command without creating its state.`);
      draft.unproven = true;
    } else {
      draft.commandIds.push(meta.id);
    }
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
    const definition = eventTypes.definition(event.type);
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

  /** Most streams are short and need one read. A snapshot is loaded only for a stream that is long enough to have one. */
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

  /** A snapshot plus the commits after it. Undefined if there is none, or if it does not belong to this stream's history. */
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

  /** True if the command was executed longer ago than memory reaches. Then the stream's history is read. */
  async function wasExecuted(
    decider: AnyDecider,
    stream: StreamId,
    { id, issuedAt }: CommandMeta,
    now: number,
  ): Promise<boolean> {
    if (now - issuedAt <= REMEMBERED_MS - MAX_CLOCK_DIFFERENCE_MS) return false;
    return (await pastSince(decider, stream, issuedAt - MAX_CLOCK_DIFFERENCE_MS)).has(id);
  }

  /** Jobs that arrive during a read share it if it goes back far enough. All continue in the order in which they asked. */
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

  /** Reads backwards from the end, because the stream may be long. A command is never executed before it was first issued. */
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

/** A rejection rather than a fault: a retry would not make the command smaller. */
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

/** Ids of the commands that a stream has executed, at least those since `since`, in ms. */
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

/** Upper bound of the pause after this many further conflicts, in ms. */
function conflictPause(further: number): number {
  return Math.min(FIRST_CONFLICT_PAUSE_MS * 2 ** (further - 1), LONGEST_CONFLICT_PAUSE_MS);
}

function causes(jobs: Job[]): Hlc[] {
  return jobs.flatMap(({ request }) => request?.meta.cause?.at ?? []);
}

/** Every job gets the state after the whole batch, because the position names that state. */
function answer(jobs: Job[], { answers, state }: Draft, position: Position): void {
  for (const [index, job] of jobs.entries()) {
    const given = answers[index]!;
    job.resolve(isRejection(given) ? given : { state, position, ...given });
  }
}
