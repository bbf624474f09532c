// The law of delivery: the read model always ends as an in-order replay, whatever happens to messages and workers.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { millisOf } from '../../domain/kernel/clock.js';
import { type Commit, START } from '../../domain/kernel/commit.js';
import { isProblem } from '../../domain/kernel/errors.js';
import { type DomainEvent, eventTypesOf, type RecordedEvent } from '../../domain/kernel/event.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { categoryOf, type StreamId, streamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore } from '../../infra/event-store/memory.js';
import { type Document, type Handler, type Projection, physicalName } from '../../projections/runtime/projection.js';
import { createProjector, type Logger, type Projector } from '../../projections/runtime/projector.js';
import { type DocumentStore, type Positions, positionFor, type Sink } from '../../projections/runtime/sink.js';
import { sweep } from '../../projections/runtime/sweep.js';

export interface DeliveryOptions {
  runs: number;
  /** A planted fault between the projector and its store, to check that the law detects it. */
  plant?: (store: DocumentStore) => DocumentStore;
  /** Searches the smallest counterexample. On a real engine the first one is reported. */
  shrink?: boolean;
  /** Sets the store back to an earlier state, as a failover does. Present if the store can be set back. */
  travel?: (sink: Sink) => { remember(): void; setBack(what: 'everything' | 'documents'): void };
}

/** Throws, with seed and counterexample, if a history breaks the law. */
export async function deliveryProperty(
  makeSink: () => Sink | Promise<Sink>,
  { runs, plant = (store) => store, shrink = false, travel }: DeliveryOptions,
): Promise<void> {
  const law = fc.asyncProperty(anyScenario, async (scenario) => {
    const fresh = randomBytes(5).toString('hex');
    const all = [tally, orderTally, tallyOfNextVersion].map((one) => ({ ...one, name: `${one.name}-${fresh}` }));
    const sink = await makeSink();
    const documents = await sink.open(all);
    const world = await createWorld(scenario.history);
    const open = (projections: readonly Projection<never, never>[], faults: Faults) =>
      createProjector({
        engine: sink.engine,
        projections,
        documents: plant(faulty(documents, faults)),
        store: world.store,
        clock: () => 0,
        log: silent,
      });

    const sets = [all.slice(0, 2), scenario.isMixed ? all.slice(1) : all.slice(0, 2)];
    await sweepOf(open(sets[0]!, noFaults()), world); // as every program does at its start
    world.travel = travel?.(sink);
    await Promise.all(scenario.workers.map((worker, n) => work(worker, world, (faults) => open(sets[n]!, faults))));
    const expected = scenario.isMixed ? all : all.slice(0, 2);
    const last = open(expected, noFaults());
    await heal(scenario.healing, world, last);

    for (const one of expected) {
      const [is, wanted] = [await stateOf(documents, one, last, world), replay(one, world)];
      // On a document that was lost, an event that changed nothing may count as a change.
      if (world.wasSetBack) for (const state of [is, wanted]) withoutPositions(state);
      expect(is, physicalName(one)).to.deep.equal(wanted);
    }
  });
  await fc.assert(law, { numRuns: runs, endOnFailure: !shrink });
}

// ── The events: streams that feed their own documents, and shared documents ──────────────────────────────────────────

type Happening = { type: 'Marked' | 'Struck' | 'Idled' | 'Unheard' | 'Poisoned'; shared: number[] };
type History = Happening[][][];

const STREAMS: readonly StreamId[] = [
  streamId('order', '1'),
  streamId('order', 'é.2$'),
  streamId('stock', 'A.B', 'main'),
  streamId('cart', 'of a category that the projection does not follow'),
];
const SHARED_KEYS = ['shared', 'shared/$2.é'];
const ownKey = (stream: StreamId) => `own ${stream}`;
const ALL_KEYS = [...SHARED_KEYS, ...STREAMS.map(ownKey)];

const touched = z.strictObject({ stream: z.string(), shared: z.array(z.string()) });
const definition = { version: 1, data: touched };
const catalogue = eventTypesOf({
  Marked: definition,
  Struck: definition,
  Idled: definition,
  Unheard: definition,
  Poisoned: definition,
});

type Tallied = {
  [T in 'Marked' | 'Struck' | 'Idled' | 'Poisoned']: DomainEvent<T, { stream: StreamId; shared: string[] }>;
}['Marked' | 'Struck' | 'Idled' | 'Poisoned'];

/** Each document lists the versions of its events for each stream, so that lost, duplicated and disordered events show. */
const tally: Projection<Document, Tallied> = {
  name: 'tally',
  version: 1,
  categories: ['order', 'stock'],
  fields: {},
  on: {
    Marked: { keys: ({ data }) => [ownKey(data.stream), ...data.shared], evolve: mark },
    Struck: { keys: ({ data }) => [ownKey(data.stream)], evolve: () => null },
    Idled: { keys: ({ data }) => [ownKey(data.stream), ...data.shared], evolve: (document) => document },
    Poisoned: {
      keys: ({ data }) => [ownKey(data.stream), ...data.shared],
      evolve(document, event, key) {
        if (SHARED_KEYS.includes(key)) throw new Error('poison');
        return mark(document, event);
      },
    },
  },
};

/** Another projection in the same store, which follows fewer streams and processes what the other cannot. */
const orderTally: Projection<Document, Tallied> = {
  ...tally,
  name: 'order-tally',
  categories: ['order'],
  on: { ...tally.on, Poisoned: { keys: ({ data }) => [ownKey(data.stream), ...data.shared], evolve: mark } },
};

/** Added while the others are in use. */
const tallyOfNextVersion: Projection<Document, Tallied> = { ...tally, version: 2 };

function mark(document: Document | undefined, { data, version }: RecordedEvent<Tallied>): Document {
  return { ...document, [data.stream]: [...((document?.[data.stream] as number[] | undefined) ?? []), version] };
}

const anyHappening: fc.Arbitrary<Happening> = fc.record({
  type: fc.oneof(
    { weight: 12, arbitrary: fc.constant('Marked' as const) },
    { weight: 2, arbitrary: fc.constantFrom('Struck' as const, 'Idled' as const, 'Unheard' as const) },
    { weight: 1, arbitrary: fc.constant('Poisoned' as const) },
  ),
  shared: fc.subarray([0, 1]),
});
const anyHistory: fc.Arbitrary<History> = fc.array(
  fc.array(fc.array(anyHappening, { minLength: 1, maxLength: 3 }), { maxLength: 7 }),
  { minLength: STREAMS.length, maxLength: STREAMS.length },
);

// ── Disturbances by the feed and the machines ────────────────────────────────────────────────────────────────────────

/** Commits by their position in the log, modulo its length: repeated, reordered and omitted at random. */
type Action =
  | { deliver: number[] }
  | { sweep: true; watermark: number }
  | { remember: true }
  | { setBack: 'everything' | 'documents' };
type Healing = { kind: 'sweep' } | { kind: 'redeliver'; order: number[] };
type Crash = { call: number; when: 'before' | 'midway' | 'after' };
interface Worker {
  actions: Action[];
  /** Table calls that kill the worker. Another worker takes over. */
  crashes: Crash[];
  /** Turns of the event loop before each call, repeated cyclically. */
  delays: number[];
}

const anyAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ deliver: fc.array(fc.nat(40), { maxLength: 8 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ sweep: fc.constant(true as const), watermark: fc.nat(30) }),
  },
  { weight: 1, arbitrary: fc.constant({ remember: true as const }) },
  { weight: 1, arbitrary: fc.record({ setBack: fc.constantFrom('everything' as const, 'documents' as const) }) },
);
const anyWorker: fc.Arbitrary<Worker> = fc.record({
  actions: fc.array(anyAction, { maxLength: 8 }),
  crashes: fc.array(
    fc.record({ call: fc.nat(30), when: fc.constantFrom('before' as const, 'midway' as const, 'after' as const) }),
    { maxLength: 6 },
  ),
  delays: fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
});
const anyScenario = fc.record({
  history: anyHistory,
  workers: fc.tuple(anyWorker, anyWorker),
  /** The second worker is a program of another version, with other projections. */
  isMixed: fc.boolean(),
  healing: fc.oneof(
    fc.record({ kind: fc.constant('sweep' as const) }),
    fc.record({ kind: fc.constant('redeliver' as const), order: fc.array(fc.nat(), { minLength: 1, maxLength: 9 }) }),
  ),
});

async function work(worker: Worker, world: World, open: (faults: Faults) => Projector): Promise<void> {
  let calls = 0;
  const faults = (): Faults => ({
    dead: false,
    crashAt: () => worker.crashes.find(({ call }) => call === calls)?.when,
    delay: async () => turns(worker.delays[calls++ % worker.delays.length]!),
  });
  let projector = open(faults());
  for (const action of worker.actions) {
    try {
      await act(action, world, projector);
    } catch (error) {
      if (!(error instanceof Crashed) && !isProblem(error, 'unavailable')) throw error;
      projector = open(faults());
    }
  }
}

async function act(action: Action, world: World, projector: Projector): Promise<void> {
  if ('deliver' in action) {
    if (world.commits.length === 0) return;
    return projector.apply(action.deliver.map((place) => world.commits[place % world.commits.length]!));
  }
  if ('remember' in action) return world.travel?.remember();
  if ('setBack' in action) {
    world.wasSetBack ||= world.travel !== undefined;
    return world.travel?.setBack(action.setBack);
  }
  world.now = Math.max(world.now, action.watermark);
  return sweepOf(projector, world);
}

function sweepOf(projector: Projector, { store }: World): Promise<void> {
  return sweep(store, [{ projector, inTurn: (work) => work() }]);
}

/** Lost commits are delivered again, or a sweep finds them. */
async function heal(healing: Healing, world: World, projector: Projector): Promise<void> {
  world.now = Number.MAX_SAFE_INTEGER / 1000;
  // Data that a store has lost without notice is not delivered again.
  if (healing.kind === 'sweep' || world.wasSetBack) return sweepOf(projector, world);
  const rank = (place: number) => healing.order[place % healing.order.length]!;
  const places = [...world.commits.keys()].sort((a, b) => rank(a) - rank(b));
  for (const place of places) await projector.apply([world.commits[place]!]);
}

// ── The log ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface World {
  store: EventStore;
  /** In log order. */
  commits: Commit[];
  /** The watermark, in ms. */
  now: number;
  travel: ReturnType<NonNullable<DeliveryOptions['travel']>> | undefined;
  wasSetBack: boolean;
}

async function createWorld(history: History): Promise<World> {
  const world: World = { store: undefined as never, commits: [], now: 0, travel: undefined, wasSetBack: false };
  const clock = () => world.now;
  world.store = createMemoryEventStore({ codec: createCommitCodec(catalogue), clock, watermarkLagMs: 0 });
  const ends = STREAMS.map(() => START);
  for (let turn = 0; history.some((stream) => turn < stream.length); turn++) {
    for (const [index, stream] of STREAMS.entries()) {
      const happenings = history[index]![turn];
      if (!happenings) continue;
      const after = ends[index]!;
      const at = (world.commits.length + 1) * 1000;
      const events = happenings.map((happening, n) => recorded(stream, happening, after.version + 1 + n));
      const result = await world.store.append(stream, after, { at, commandIds: [], events });
      if (result.appended) ends[index] = result.position;
      for await (const commit of world.store.read(stream, after.commitNo)) world.commits.push(commit);
    }
  }
  return world;
}

function recorded(stream: StreamId, { type, shared }: Happening, version: number): RecordedEvent {
  const id = `${stream}/${version}`;
  return {
    id,
    type,
    schemaVersion: 1,
    version,
    occurredAt: '2026-01-02T03:04:05.678Z',
    commandId: id,
    correlationId: id,
    causationId: id,
    actor: { type: 'staff', id: 'ann' },
    data: { stream, shared: shared.map((index) => SHARED_KEYS[index]) },
  };
}

// ── The expected and the actual result ───────────────────────────────────────────────────────────────────────────────

interface State {
  documents: Record<string, { document: Document | null; positions: Positions }>;
  progress: Record<StreamId, { commitNo: number; stuckAt?: number }>;
}

/** The pure fold: each stream in order, up to the commit that cannot be processed. */
function replay(projection: Projection<never, never>, { commits }: World): State {
  const state: State = { documents: {}, progress: {} };
  for (const commit of commits) {
    const { stream, position } = commit;
    const { commitNo, stuckAt } = state.progress[stream] ?? { commitNo: 0 };
    if (!projection.categories.includes(categoryOf(stream)) || stuckAt) continue;
    try {
      state.documents = ALL_KEYS.reduce(
        (documents, key) => evolved(projection, documents, key, commit),
        state.documents,
      );
      state.progress[stream] = { commitNo: position.commitNo };
    } catch {
      state.progress[stream] = { commitNo, stuckAt: position.commitNo };
    }
  }
  return state;
}

function evolved(
  projection: Projection<never, never>,
  documents: State['documents'],
  key: string,
  { stream, position, events }: Commit,
): State['documents'] {
  const handlers = projection.on as Record<string, Handler<Document, DomainEvent> | undefined>;
  const before = documents[key];
  const after = events.reduce((document, event) => {
    const handler = handlers[event.type];
    if (!handler?.keys(event).includes(key)) return document;
    const next = handler.evolve(document ?? undefined, event, key, millisOf(position.at));
    return next === undefined ? document : next;
  }, before?.document);
  if (after === before?.document) return documents;
  const positions = { ...before?.positions, [stream]: position.commitNo };
  return { ...documents, [key]: { document: after ?? null, positions } };
}

function withoutPositions({ documents }: State): void {
  for (const found of Object.values(documents)) found.positions = {};
}

async function stateOf(
  store: DocumentStore,
  projection: Projection<never, never>,
  projector: Projector,
  { commits }: World,
): Promise<State> {
  const table = physicalName(projection);
  const streams = [...new Set(commits.map(({ stream }) => stream))];
  const found = await store.load(
    ALL_KEYS.map((key) => ({ table, key })),
    streams,
  );
  const stuck = new Map(
    (await projector.quarantined()).flatMap((entry) => (entry.projection === table ? [[entry.stream, entry]] : [])),
  );
  const progress = streams.flatMap((stream) => {
    const commitNo = positionFor(table, found.positions.get(stream));
    const stuckAt = stuck.get(stream)?.commitNo;
    return commitNo === 0 && stuckAt === undefined ? [] : [[stream, stuckAt ? { commitNo, stuckAt } : { commitNo }]];
  });
  return {
    documents: Object.fromEntries(
      found.documents.map(({ key, document, positions }) => [key, { document, positions }]),
    ),
    progress: Object.fromEntries(progress),
  };
}

// ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────

class Crashed extends Error {}

interface Faults {
  /** A crashed worker makes no further call. */
  dead: boolean;
  crashAt(): Crash['when'] | undefined;
  delay(): Promise<void>;
}

function noFaults(): Faults {
  return { dead: false, crashAt: () => undefined, delay: async () => {} };
}

/** The store of a worker that dies before, during or after some calls. */
function faulty(store: DocumentStore, faults: Faults): DocumentStore {
  async function call<T>(whole: () => Promise<T>, half: () => Promise<unknown> = whole): Promise<T> {
    const crash = faults.crashAt();
    await faults.delay();
    if (crash === 'midway') await half();
    if (crash === 'after') await whole();
    if (crash) faults.dead = true;
    if (faults.dead) throw new Crashed();
    return whole();
  }
  return {
    ...store,
    load: (documents, streams) => call(() => store.load(documents, streams)),
    save: (writes, positions, session) =>
      call(
        () => store.save(writes, positions, session),
        // Some documents are written, or all of them and some positions.
        () =>
          writes.length > 1
            ? store.save(firstHalf(writes), new Map(), session)
            : store.save(writes, new Map(firstHalf([...positions])), session),
      ),
    held: () => call(() => store.held()),
    keys: (table) => store.keys(table),
    sweepState: () => call(() => store.sweepState()),
    setSweepState: (state) => call(() => store.setSweepState(state)),
    lineage: () => call(() => store.lineage()),
  };
}

function firstHalf<T>(items: readonly T[]): T[] {
  return items.slice(0, Math.ceil(items.length / 2));
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

const silent: Logger = { info() {}, warn() {}, error() {} };
