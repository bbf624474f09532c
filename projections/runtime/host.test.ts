// The host of the projectors: one reader of the log for all of them, and a lane for each store that delays no other.
import { setMaxListeners } from 'node:events';
import { expect } from 'chai';
import { hlcOf } from '../../domain/kernel/clock.js';
import { type Commit, START } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { ChangeFeed } from '../../domain/kernel/feed.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore } from '../../infra/event-store/memory.js';
import { noteCommit, notes } from '../../test/contracts/notes.js';
import { createMemorySink } from '../../test/memory-sink.js';
import { runProjectors, SWEEP_EVERY_MS } from './host.js';
import type { Projection } from './projection.js';
import { createProjector, type Projector } from './projector.js';
import { type DocumentStore, positionFor } from './sink.js';
import { COMPARE_EVERY_MS } from './sweep.js';

describe('The host of the projectors', () => {
  it('passes every batch to every store', async () => {
    const { deliver, write, stop, stores } = await createHost();
    await deliver(...(await write('note#1', 2)));
    for (const { positionOf } of stores) expect(await positionOf('note#1')).to.equal(2);
    await stop();
  });

  it('delays no store while another does not answer at all, and no delivery waits', async () => {
    const { deliver, write, stop, stores, host } = await createHost();
    const [fast, frozen] = stores;
    frozen!.freeze();
    for (let n = 1; n <= 3; n++) {
      await deliver(...(await write('note#1', 1)));
      expect(await fast!.positionOf('note#1')).to.equal(n);
    }
    expect(await frozen!.positionOf('note#1')).to.equal(0);
    expect(host.readiness()).to.deep.equal([]);
    frozen!.thaw();
    await settled();
    expect(await frozen!.positionOf('note#1')).to.equal(3);
    await stop();
  });

  it('names the projections of a store that fails, and catches up from the log', async () => {
    const { deliver, write, stop, stores, host, tick } = await createHost();
    const [there, away] = stores;
    away!.isAway = true;
    await deliver(...(await write('note#1', 1)));
    await deliver(...(await write('note#1', 1)), ...(await write('note#2', 1)));
    expect(await there!.positionOf('note#2')).to.equal(1);
    const [{ since, ...told } = { since: '' }, ...more] = host.readiness();
    expect(told).to.deep.equal({ projection: 'notes-b_v1', waitsFor: 'Memory', error: 'Memory: away' });
    expect(more).to.deep.equal([]);
    await tick(200);
    expect(host.readiness()).to.deep.equal([{ ...told, since }]);

    away!.isAway = false;
    await tick(60_000);
    expect(host.readiness()).to.deep.equal([]);
    expect([await away!.positionOf('note#1'), await away!.positionOf('note#2')]).to.deep.equal([2, 1]);
    await deliver(...(await write('note#1', 1)));
    expect(await away!.positionOf('note#1')).to.equal(3);
    await stop();
  });

  it('reads an idle log once per interval, however many stores and projections there are', async () => {
    const { stop, tick, scans } = await createHost({ stores: 4 });
    const before = scans();
    await tick(10 * SWEEP_EVERY_MS);
    expect(scans() - before).to.be.within(9, 11);
    await stop();
  });

  it('finds at its start what an earlier process had not written, up to the newest commit', async () => {
    const first = await createHost();
    first.stores[1]!.freeze();
    await first.deliver(...(await first.write('note#1', 2)));
    const { world } = first;
    await first.stop({ isCrash: true });
    const second = await createHost({ world });
    expect(await second.stores[1]!.positionOf('note#1')).to.equal(2);
    await second.stop();
  });

  it('sweeps in pages and continues after the last one that is done', async () => {
    const { world, write, stop } = await createHost();
    await stop();
    for (let n = 0; n < 4_100; n++) {
      await write(`note#${n}`, 1);
      world.clock.now += 1;
    }
    world.clock.now += 60_000;
    const second = await createHost({
      world,
      prepare([, store]) {
        store!.failsAfter = 1; // page
      },
    });
    expect(await second.stores[0]!.positionOf('note#4099')).to.equal(1);
    expect(await second.stores[1]!.positionOf('note#4099')).to.equal(0);
    const { sweptTo } = (await second.stores[1]!.documents.sweepState())!;
    expect(sweptTo).to.be.greaterThan(0);
    second.stores[1]!.failsAfter = Number.POSITIVE_INFINITY;
    await second.tick(60_000);
    expect(await second.stores[1]!.positionOf('note#4099')).to.equal(1);
    expect(second.froms).to.include(sweptTo);
    await second.stop();
  });

  it('leaves streams that it cannot remember to a sweep, which comes soon after the store', async () => {
    const { deliver, write, stop, stores, tick } = await createHost();
    stores[1]!.isAway = true;
    const commits: Commit[] = [];
    for (let n = 0; n < 20_010; n++) commits.push(...(await write(`note#${n}`, 1)));
    await deliver(...commits);
    await tick(1);
    stores[1]!.isAway = false;
    await tick(20_000);
    expect(await stores[1]!.positionOf('note#20009')).to.equal(1);
    await stop();
  }).timeout(60_000);

  it('reads from the log what does not fit in the queue of a slow store', async () => {
    const { deliver, write, stop, stores } = await createHost();
    const [fast, slow] = stores;
    slow!.freeze();
    for (let n = 0; n < 5; n++) await deliver(...(await write(`note#${n}`, 1_000)));
    expect(await fast!.positionOf('note#4')).to.equal(1_000);
    slow!.thaw();
    for (let n = 0; n < 50; n++) await settled();
    expect(await slow!.positionOf('note#4')).to.equal(1_000);
    await stop();
  });

  it('takes what has come meanwhile as one batch', async () => {
    const { deliver, write, stop, stores } = await createHost();
    const store = stores[1];
    store!.freeze();
    for (let n = 0; n < 20; n++) await deliver(...(await write(`note#${n}`, 1)));
    store!.saves = 0;
    store!.thaw();
    for (let n = 0; n < 10; n++) await settled();
    expect(await store!.positionOf('note#19')).to.equal(1);
    expect(store!.saves).to.be.at.most(2);
    await stop();
  });

  it('spreads the retries of all stores, and they become rare', async () => {
    const { deliver, write, stop, stores, tick, world } = await createHost({ stores: 4 });
    for (const store of stores) store.isAway = true;
    await deliver(...(await write('note#1', 1)));
    const attempts: number[] = [];
    for (const store of stores) store.onAttempt = () => attempts.push(world.clock.now);
    await tick(180_000);
    expect(attempts.length).to.be.within(4, 4 * 45);
    const gaps = attempts.slice(1).map((at, n) => at - attempts[n]!);
    expect(Math.min(...gaps.slice(4))).to.be.at.least(200);
    await stop();
  });

  it('retries quarantined streams once: at its start, or as soon as the store answers', async () => {
    const { stop, tick, stores } = await createHost({
      prepare([store]) {
        store!.isAway = true;
      },
    });
    stores[0]!.isAway = false;
    await tick(5 * SWEEP_EVERY_MS);
    expect(stores.map(({ heldAsked }) => heldAsked)).to.deep.equal([1, 1]);
    await stop();
  });

  it('compares all documents once a day, some a second, and continues after a new start', async () => {
    const { world, deliver, write, stop, stores, tick } = await createHost({ stores: 1, comparePerSecond: 2 });
    for (let n = 0; n < 250; n++) {
      await deliver(...(await write(`note#${n}`, 1)));
      world.clock.now += 10;
    }
    world.clock.now += 60_000;
    await tick(SWEEP_EVERY_MS);
    stores[0]!.damage('note#240');
    world.clock.now += COMPARE_EVERY_MS;
    await tick(SWEEP_EVERY_MS);
    expect(await stores[0]!.documentOf('note#240'), 'not yet').to.deep.equal({ notes: -1 });
    await stop();
    expect((await stores[0]!.documents.sweepState())!.comparedTo).to.be.greaterThan(0);
    const second = await createHost({ world, stores: 1, comparePerSecond: 2 });
    await second.tick(5 * SWEEP_EVERY_MS);
    expect(await second.stores[0]!.documentOf('note#240')).to.deep.equal({ notes: 1 });
    const state = (await second.stores[0]!.documents.sweepState())!;
    expect(state.comparedTo).to.equal(0);
    expect(world.clock.now - state.comparedAt).to.be.lessThan(6 * SWEEP_EVERY_MS);
    await second.stop();
  });

  it('stops on abort, even while it compares what a lost store may lack', async () => {
    const { world, deliver, write, stop, tick } = await createHost({ stores: 1 });
    for (let n = 0; n < 250; n++) {
      await deliver(...(await write(`note#${n}`, 1)));
      world.clock.now += 10;
    }
    world.clock.now += 60_000;
    await tick(SWEEP_EVERY_MS);
    await stop();
    let compared = 0;
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const second = await createHost({
      world,
      stores: 1,
      prepare([store]) {
        store!.documents.lineage = async () => 'another';
        const { compare } = store!.projector;
        store!.projector.compare = async (streams) => {
          compared++;
          await held;
          return compare(streams);
        };
      },
    });
    const stopped = second.stop();
    goOn();
    await stopped;
    expect(compared, 'pages of streams').to.equal(1);
  });

  it('stops on abort, even while a store does not answer', async () => {
    const { deliver, write, stop, stores } = await createHost();
    stores[0]!.isAway = true;
    await deliver(...(await write('note#1', 1)));
    await stop();
  });
});

/** What outlives a process: the log, the stores and the time. */
function createWorld() {
  const clock = { now: 1_767_323_045_000 };
  const log = createMemoryEventStore({
    codec: createCommitCodec(notes),
    clock: () => clock.now,
    watermarkLagMs: 5_000,
  });
  return {
    clock,
    log,
    ends: new Map<StreamId, typeof START>(),
    sinks: new Map<string, ReturnType<typeof createMemorySink>>(),
  };
}

interface HostOptions {
  world?: ReturnType<typeof createWorld>;
  stores?: number;
  comparePerSecond?: number;
  prepare?: (stores: Awaited<ReturnType<typeof openStore>>[]) => void;
}

async function createHost({
  world = createWorld(),
  stores: count = 2,
  comparePerSecond = 1_000,
  prepare,
}: HostOptions = {}) {
  const { clock, log } = world;
  const froms: number[] = [];
  const scanned: EventStore = {
    ...log,
    log(after, upTo) {
      froms.push(after);
      return log.log(after, upTo);
    },
  };
  const stores = await Promise.all(['a', 'b', 'c', 'd'].slice(0, count).map((name) => openStore(name, world, scanned)));
  prepare?.(stores);
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  let handle: Parameters<ChangeFeed['run']>[1] = async () => {};
  const feed: ChangeFeed = {
    run(_consumer, deliver, signal) {
      handle = deliver;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  };
  const pauses = new Set<{ at: number; end: () => void }>();
  const pause = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const waiting = { at: clock.now + ms, end: resolve };
      if (ms < 50 || signal.aborted) return resolve();
      pauses.add(waiting);
      signal.addEventListener('abort', () => resolve());
    });
  const host = runProjectors({
    feed,
    consumer: 'test',
    projectors: stores.map(({ projector }) => projector),
    store: scanned,
    signal: stopping.signal,
    log: silent,
    comparePerSecond,
    clock: () => clock.now,
    pause,
    random: () => 0.5,
  });
  for (let turn = 0; turn < 5; turn++) await settled();

  return {
    world,
    host,
    stores,
    froms: froms as readonly number[],
    scans: () => froms.length,
    async deliver(...commits: Commit[]) {
      await handle(commits);
      await settled();
    },
    /** Commits of one note each. */
    async write(stream: StreamId, commits: number): Promise<Commit[]> {
      const first = world.ends.get(stream) ?? START;
      for (let n = 0; n < commits; n++) {
        const after = world.ends.get(stream) ?? START;
        const at = Math.max(hlcOf(clock.now), after.at + 1);
        const result = await log.append(stream, after, { ...noteCommit(after, `${stream}/${after.commitNo}`, {}), at });
        if (result.appended) world.ends.set(stream, result.position);
      }
      const written: Commit[] = [];
      for await (const commit of log.read(stream, first.commitNo)) written.push(commit);
      return written;
    },
    /** Lets time pass. */
    async tick(ms: number) {
      const until = clock.now + ms;
      for (;;) {
        const [next] = [...pauses].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
        if (!next) break;
        pauses.delete(next);
        clock.now = Math.max(clock.now, next.at);
        next.end();
        await settled();
      }
      clock.now = until;
    },
    async stop({ isCrash = false } = {}) {
      stopping.abort();
      if (!isCrash) await host.done;
    },
  };
}

/** A store whose answers a test can hold back or refuse. */
async function openStore(name: string, { clock, sinks }: ReturnType<typeof createWorld>, log: EventStore) {
  const table = `notes-${name}_v1`;
  const projection: Projection<{ notes: number }> = {
    name: `notes-${name}`,
    version: 1,
    categories: ['note'],
    fields: {},
    on: {
      NoteWritten: {
        keys: ({ commandId }) => [commandId.slice(0, commandId.lastIndexOf('/'))],
        evolve: (document) => ({ notes: (document?.notes ?? 0) + 1 }),
      },
    },
  };
  const sink = sinks.get(name) ?? createMemorySink();
  sinks.set(name, sink);
  const documents = await sink.open([projection]);
  let frozen: Promise<void> | undefined;
  let thaw = () => {};
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    stub.onAttempt();
    await frozen;
    if (stub.isAway) throw new Unavailable('Memory', 'away');
    return work();
  };
  const guarded: DocumentStore = {
    ...documents,
    load: (ids, streams) => call(() => documents.load(ids, streams)),
    save(writes, positions, session) {
      stub.saves++;
      return call(() => documents.save(writes, positions, session));
    },
    held() {
      return call(() => {
        stub.heldAsked++;
        return documents.held();
      });
    },
    keys: (name) => documents.keys(name),
    sweepState: () => call(() => documents.sweepState()),
    setSweepState: (state) =>
      call(async () => {
        if (state.sweptTo > 0 && stub.failsAfter-- <= 0) throw new Unavailable('Memory', 'full');
        await documents.setSweepState(state);
      }),
    lineage: () => call(() => documents.lineage()),
  };
  const projector: Projector = createProjector({
    engine: 'Memory',
    projections: [projection],
    documents: guarded,
    store: log,
    clock: () => clock.now,
    log: silent,
  });
  const stub = {
    projector,
    documents,
    isAway: false,
    saves: 0,
    heldAsked: 0,
    failsAfter: Number.POSITIVE_INFINITY,
    onAttempt: () => {},
    freeze() {
      frozen = new Promise((resolve) => {
        thaw = resolve;
      });
    },
    thaw() {
      frozen = undefined;
      thaw();
    },
    positionOf: async (stream: StreamId) =>
      positionFor(table, (await documents.load([], [stream])).positions.get(stream)),
    documentOf: async (key: string) => (await documents.load([{ table, key }], [])).documents[0]?.document,
    /** Changes a document in a way that no position shows. */
    damage(key: string) {
      const { documents: all, ...rest } = sink.snapshot();
      const found = all.get(`${table} ${key}`)!;
      const damaged = new Map(all).set(`${table} ${key}`, { ...found, document: { notes: -1 } });
      const lineage = documents.lineage();
      sink.restore({ ...rest, documents: damaged });
      documents.lineage = () => lineage;
    },
  };
  return stub;
}

/** Waits until all promises without pending work have settled. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const silent = { info() {}, warn() {}, error() {} };
