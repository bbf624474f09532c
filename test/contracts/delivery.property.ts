// The law of delivery: the read model always ends as an in-order replay, whatever happens to messages and workers.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { millisOf } from '../../domain/kernel/clock.js';
import { type Commit, START } from '../../domain/kernel/commit.js';
import { type DomainEvent, eventTypesOf, type RecordedEvent } from '../../domain/kernel/event.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { categoryOf, type StreamId, streamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore } from '../../infra/event-store/memory.js';
import type { Document, Handler, Projection } from '../../projections/runtime/projection.js';
import { createProjector, type Logger, type Projector } from '../../projections/runtime/projector.js';
import type { Positions, Sink, SinkTable } from '../../projections/runtime/sink.js';
import { the } from '../the.js';

export interface DeliveryOptions {
  runs: number;
  /** A planted fault between the projector and its table, to check that the law detects it. */
  plant?: (table: SinkTable) => SinkTable;
  /** Searches the smallest counterexample. On a real engine the first one is reported. */
  shrink?: boolean;
}

/** Throws, with seed and counterexample, if a history breaks the law. */
export async function deliveryProperty(
  makeSink: () => Sink | Promise<Sink>,
  { runs, plant = (table) => table, shrink = false }: DeliveryOptions,
): Promise<void> {
  const law = fc.asyncProperty(anyScenario, async (scenario) => {
    const projection = { ...tally, name: `delivery-${randomBytes(5).toString('hex')}` };
    const table = await (await makeSink()).open(projection);
    const world = await createWorld(scenario.history);
    const open = (faults: Faults) =>
      createProjector({
        projection,
        table: plant(faulty(table, faults)),
        store: world.store,
        clock: () => 0,
        log: silent,
      });

    await Promise.all(scenario.workers.map((worker) => work(worker, world, open)));
    await heal(scenario.healing, world, open(noFaults()));

    expect(await stateOf(table, world)).to.deep.equal(replay(world));
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
type Action = { deliver: number[] } | { sweep: 'recent' | 'full'; watermark: number };
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
    arbitrary: fc.record({ sweep: fc.constantFrom('recent' as const, 'full' as const), watermark: fc.nat(30) }),
  },
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
    delay: async () => turns(the(worker.delays[calls++ % worker.delays.length])),
  });
  let projector = open(faults());
  for (const action of worker.actions) {
    try {
      await act(action, world, projector);
    } catch (error) {
      if (!(error instanceof Crashed)) throw error;
      projector = open(faults());
    }
  }
}

async function act(action: Action, world: World, projector: Projector): Promise<void> {
  if ('deliver' in action) {
    if (world.commits.length === 0) return;
    return projector.apply(action.deliver.map((place) => the(world.commits[place % world.commits.length])));
  }
  world.now = Math.max(world.now, action.watermark);
  return projector.sweep({ full: action.sweep === 'full' });
}

/** Lost commits are delivered again, or a sweep finds them. */
async function heal(healing: Healing, world: World, projector: Projector): Promise<void> {
  world.now = Number.MAX_SAFE_INTEGER / 1000;
  if (healing.kind === 'sweep') return projector.sweep();
  const rank = (place: number) => the(healing.order[place % healing.order.length]);
  const places = [...world.commits.keys()].sort((a, b) => rank(a) - rank(b));
  for (const place of places) await projector.apply([the(world.commits[place])]);
}

// ── The log ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface World {
  store: EventStore;
  /** In log order. */
  commits: Commit[];
  /** The watermark, in ms. */
  now: number;
}

async function createWorld(history: History): Promise<World> {
  const world: World = { store: undefined as never, commits: [], now: 0 };
  const clock = () => world.now;
  world.store = createMemoryEventStore({ codec: createCommitCodec(catalogue), clock, watermarkLagMs: 0 });
  const ends = STREAMS.map(() => START);
  for (let turn = 0; history.some((stream) => turn < stream.length); turn++) {
    for (const [index, stream] of STREAMS.entries()) {
      const happenings = the(history[index])[turn];
      if (!happenings) continue;
      const after = the(ends[index]);
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
function replay({ commits }: World): State {
  const state: State = { documents: {}, progress: {} };
  for (const commit of commits) {
    const { stream, position } = commit;
    const { commitNo, stuckAt } = state.progress[stream] ?? { commitNo: 0 };
    if (!tally.categories.includes(categoryOf(stream)) || stuckAt) continue;
    try {
      state.documents = ALL_KEYS.reduce((documents, key) => evolved(documents, key, commit), state.documents);
      state.progress[stream] = { commitNo: position.commitNo };
    } catch {
      state.progress[stream] = { commitNo, stuckAt: position.commitNo };
    }
  }
  return state;
}

function evolved(documents: State['documents'], key: string, { stream, position, events }: Commit): State['documents'] {
  const before = documents[key];
  const after = events.reduce((document, event) => {
    const handler = tally.on[event.type as Tallied['type']] as Handler<Document, DomainEvent> | undefined;
    if (!handler?.keys(event).includes(key)) return document;
    const next = handler.evolve(document ?? undefined, event, key, millisOf(position.at));
    return next === undefined ? document : next;
  }, before?.document);
  if (after === before?.document) return documents;
  const positions = { ...before?.positions, [stream]: position.commitNo };
  return { ...documents, [key]: { document: after ?? null, positions } };
}

async function stateOf(table: SinkTable, { commits }: World): Promise<State> {
  const documents = [...(await table.load(ALL_KEYS))].map(([key, { document, positions }]) => [
    key,
    { document, positions },
  ]);
  const streams = [...new Set(commits.map(({ stream }) => stream))];
  const progress = [...(await table.progress(streams))].map(([stream, { commitNo, quarantine }]) => [
    stream,
    quarantine ? { commitNo, stuckAt: quarantine.commitNo } : { commitNo },
  ]);
  return { documents: Object.fromEntries(documents), progress: Object.fromEntries(progress) };
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

/** The table of a worker that dies before, during or after some calls. */
function faulty(table: SinkTable, faults: Faults): SinkTable {
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
    load: (keys) => call(() => table.load(keys)),
    save: (writes) =>
      call(
        () => table.save(writes),
        () => table.save(firstHalf(writes)),
      ),
    progress: (streams) => call(() => table.progress(streams)),
    advance: (positions) =>
      call(
        () => table.advance(positions),
        () => table.advance(new Map(firstHalf([...positions]))),
      ),
    quarantine: (entry) => call(() => table.quarantine(entry)),
    quarantined: () => call(() => table.quarantined()),
    sweptTo: () => call(() => table.sweptTo()),
    setSweptTo: (at) => call(() => table.setSweptTo(at)),
  };
}

function firstHalf<T>(items: readonly T[]): T[] {
  return items.slice(0, Math.ceil(items.length / 2));
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

const silent: Logger = { info() {}, warn() {}, error() {} };
