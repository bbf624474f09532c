// The delivery rule by example: the cost of a batch, repairs, quarantine and status.
import { expect } from 'chai';
import { hlcOf } from '../../domain/kernel/clock.js';
import { type Commit, type Position, START } from '../../domain/kernel/commit.js';
import { InvalidEvent, isProblem, Unavailable } from '../../domain/kernel/errors.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore } from '../../infra/event-store/memory.js';
import { type Note, noteCommit, notes } from '../../test/contracts/notes.js';
import { createMemorySink } from '../../test/memory-sink.js';
import type { Interventions } from './interventions.js';
import type { Projection } from './projection.js';
import { createProjector, type ProjectorDeps } from './projector.js';
import { type DocumentStore, positionFor } from './sink.js';
import { sweep } from './sweep.js';

const A: StreamId = 'note#a';
const B: StreamId = 'note#b';

describe('A projector', () => {
  describe('applies a batch', () => {
    it('of all its projections with one load and one save, positions included', async () => {
      const { write, projector, calls } = await createWorld();
      const commits = [...(await write(A, 'x', 'y', 'x')), ...(await write(B, 'x'))];
      await projector.apply(commits);
      expect(calls()).to.deep.equal(['load 4 of 2', 'save 4 at 2']);
    });

    it('that it has applied before with one load', async () => {
      const { write, projector, calls } = await createWorld();
      const commits = await write(A, 'x');
      await projector.apply(commits);
      calls();
      await projector.apply(commits);
      expect(calls()).to.deep.equal(['load 2 of 1']);
    });

    it('without saving unchanged documents', async () => {
      const { write, projector, calls } = await createWorld();
      await projector.apply(await write(A, 'idle'));
      expect(calls()).to.deep.equal(['load 2 of 1', 'save 0 at 1']);
    });

    it('without a call if it follows none of the streams', async () => {
      const { write, projector, calls } = await createWorld();
      await projector.apply(await write('cart#1', 'x'));
      await projector.catchUp(new Map([['cart#1', 1]]));
      expect(calls()).to.deep.equal([]);
    });

    it('and tells its listener which positions have moved', async () => {
      const moved: [StreamId, number][] = [];
      const { write, projector } = await createWorld({ onAdvance: (positions) => moved.push(...positions) });
      await projector.apply([...(await write(A, 'x', 'y')), ...(await write(B, 'x', 'idle'))]);
      expect(moved).to.deep.equal([
        [A, 2],
        [B, 2],
      ]);
    });
  });

  describe('shares one position between its projections', () => {
    it('except those that cannot process a commit, until they can', async () => {
      const world = await createWorld();
      await world.projector.apply(await world.write(A, 'x', 'poison', 'x'));
      expect(await world.positionOf(A)).to.equal(1);
      expect(await world.positionOf(A, 'sizes_v1')).to.equal(3);
      world.antidote = true;
      await world.projector.retry();
      expect((await world.store.load([], [A])).positions.get(A)).to.deep.equal({ of: NAMES, commitNo: 3 });
      expect(await world.textsOf('x')).to.deep.equal([1, 3]);
    });

    it('and builds a new one from the beginning, while the others go on', async () => {
      const world = await createWorld();
      const commits = await world.write(A, 'x', 'x');
      await world.createWith(['texts_v1']).apply(commits);
      expect(await world.positionOf(A, 'sizes_v1')).to.equal(0);
      await world.projector.apply(await world.write(A, 'y'));
      expect(await world.sizesOf(A)).to.equal(3);
      expect(await world.textsOf('x')).to.deep.equal([1, 2]);
      expect((await world.store.load([], [A])).positions.get(A)).to.deep.equal({ of: NAMES, commitNo: 3 });
    });

    it('with those of an older program, which does not know the new one', async () => {
      const world = await createWorld();
      await world.projector.apply(await world.write(A, 'x'));
      await world.createWith(['texts_v1']).apply(await world.write(A, 'x'));
      await world.projector.apply(await world.write(A, 'x'));
      expect(await world.sizesOf(A)).to.equal(3);
      expect(await world.textsOf('x')).to.deep.equal([1, 2, 3]);
    });
  });

  describe('compares documents with the log', () => {
    it('and repairs one that was set back behind its position', async () => {
      const differences: number[] = [];
      const world = await createWorld({
        metrics: {
          applied() {},
          swept() {},
          quarantined() {},
          compared: (_projection, _documents, different) => differences.push(different),
        },
      });
      await world.projector.apply(await world.write(A, 'x'));
      const old = world.sink.snapshot();
      await world.projector.apply(await world.write(A, 'x'));
      world.sink.restore({ ...world.sink.snapshot(), documents: old.documents });
      await world.projector.apply(await world.write(A, 'x'));
      expect(await world.textsOf('x'), 'the second is lost').to.deep.equal([1, 3]);

      expect(await world.projector.compare([A])).to.equal(2);
      expect(await world.textsOf('x')).to.deep.equal([1, 2, 3]);
      expect(differences).to.deep.equal([1, 1]);
      await world.projector.compare([A]);
      expect(differences.slice(2)).to.deep.equal([0, 0]);
    });

    it('also one that is missing, and one with more events than the log', async () => {
      const world = await createWorld();
      await world.projector.apply(await world.write(A, 'x', 'y'));
      const { documents, ...rest } = world.sink.snapshot();
      const broken = [...documents]
        .filter(([id]) => id !== 'texts_v1 x')
        .map(([id, found]) => [id, { ...found, document: { ...found.document, more: true } }] as const);
      world.sink.restore({ ...rest, documents: new Map(broken) });
      await world.projector.compare([A]);
      expect([await world.textsOf('x'), await world.textsOf('y')]).to.deep.equal([[1], [2]]);
      const { documents: found } = await world.store.load([{ table: 'texts_v1', key: 'y' }], []);
      expect(found[0]!.document).to.deep.equal({ versions: [2] });
    });
  });

  describe('repairs from the log', () => {
    it('the commits before one that has arrived', async () => {
      const { write, projector, textsOf } = await createWorld();
      const [, , third] = await write(A, 'x', 'x', 'y');
      await projector.apply([third!]);
      expect(await textsOf('x')).to.deep.equal([1, 2]);
      expect(await textsOf('y')).to.deep.equal([3]);
    });

    it('a long stream in rounds of bounded size', async () => {
      const { write, projector, calls, positionOf } = await createWorld();
      await write(A, ...Array.from({ length: 1_100 }, (_, n) => `key ${n}`));
      await projector.catchUp(new Map([[A, 1_100]]));
      const saves = calls().filter((call) => call.startsWith('save'));
      expect(saves).to.deep.equal(['save 501 at 1', 'save 501 at 1', 'save 101 at 1']);
      expect(await positionOf(A)).to.equal(1_100);
    });

    it('the lost end of a stream when it sweeps, and then knows that it has', async () => {
      const { write, projector, sweepOnce, clock, textsOf } = await createWorld();
      await projector.apply(await write(A, 'x'));
      await write(A, 'y');
      clock.now += 60_000;
      await sweepOnce();
      expect(await textsOf('y')).to.deep.equal([2]);
      expect((await projector.sweepState()).sweptTo).to.equal(hlcOf(clock.now));
    });
  });

  describe('sets a stream aside', () => {
    it('at a commit that it cannot evolve; everything else continues', async () => {
      const { write, projector, textsOf, clock } = await createWorld();
      const commits = [...(await write(A, 'x', 'poison', 'x')), ...(await write(B, 'x'))];
      const since = new Date(clock.now).toISOString();
      await projector.apply(commits);
      await projector.apply(await write(A, 'y'));
      await projector.apply(await write(B, 'y'));
      expect(await textsOf('x')).to.deep.equal([1, 1]);
      expect(await textsOf('y')).to.deep.equal([2]);
      expect(await projector.quarantined()).to.deep.equal([
        { projection: 'texts_v1', name: 'texts', stream: A, commitNo: 2, error: 'poison', since },
      ]);
    });

    it('until a retry succeeds, which then reads the log to its end', async () => {
      const world = await createWorld();
      await world.projector.apply(await world.write(A, 'x', 'poison', 'x'));
      await world.write(A, 'y');
      await world.projector.retry();
      expect(await world.projector.quarantined()).to.have.length(1);

      world.antidote = true;
      await world.sweepOnce();
      expect(await world.projector.quarantined()).to.have.length(1);
      await world.projector.retry();
      expect(await world.projector.quarantined()).to.deep.equal([]);
      expect(await world.textsOf('x')).to.deep.equal([1, 3]);
      expect(await world.textsOf('y')).to.deep.equal([4]);
    });

    it('at the commit whose document the store rejects, alone in its batch or not', async () => {
      const refusing = (store: DocumentStore): DocumentStore => ({
        ...store,
        async save(writes, positions, session) {
          const isBad = ({ document }: { document: object | null }) => JSON.stringify(document).includes('refuse');
          if (!writes.some(isBad)) return store.save(writes, positions, session);
          const outcomes = await store.save(
            writes.filter((write) => !isBad(write)),
            new Map(),
            session,
          );
          return writes.map((write) =>
            isBad(write) ? { saved: false, stale: false, error: 'no' } : outcomes.shift()!,
          );
        },
      });
      const { write, projector, positionOf, textsOf } = await createWorld({}, refusing);
      const first = await write(A, 'x', 'y', 'refuse', 'x');
      await projector.apply([...first, ...(await write(B, 'z', 'x'))]);
      expect([await positionOf(A), await positionOf(B)]).to.deep.equal([2, 2]);
      expect(await positionOf(A, 'sizes_v1')).to.equal(4);
      const [stuck, ...more] = await projector.quarantined();
      expect(stuck).to.include({ commitNo: 3, error: 'document refuse is refused: no' });
      expect(more).to.deep.equal([]);
      expect(await textsOf('z')).to.deep.equal([1]);

      await projector.apply(await write('note#c', 'refuse'));
      expect(await positionOf('note#c')).to.equal(0);
      expect(await positionOf('note#c', 'sizes_v1')).to.equal(1);
    });

    it('at a commit that this program cannot read', async () => {
      const { write, createFor, log, store, projector } = await createWorld();
      const newer: EventStore = {
        ...log,
        async *read(stream, after) {
          for await (const commit of log.read(stream, after)) {
            if (commit.position.commitNo === 2) throw new InvalidEvent('NoteWritten', 'has version 9');
            yield commit;
          }
        },
      };
      await write(A, 'x', 'x');
      await createFor(newer).catchUp(new Map([[A, 2]]));
      expect((await store.load([], [A])).positions.get(A)).to.deep.include({ commitNo: 1 });
      expect((await projector.quarantined())[0]).to.include({ commitNo: 2, error: 'Event NoteWritten has version 9' });
    });

    it('if the log lacks a commit before one that was seen', async () => {
      const { write, createFor, log, projector } = await createWorld();
      const [, , third] = await write(A, 'x', 'x', 'x');
      const lossy: EventStore = { ...log, async *read() {} };
      await createFor(lossy).apply([third!]);
      expect((await projector.quarantined())[0]?.error).to.contain('the log has no such commit');
    });
  });

  describe('obeys operators', () => {
    const createRuled = async () => {
      const rules = { revision: 1, skipped: [] as string[], paused: [] as string[] };
      const interventions: Interventions = {
        ready: async () => {},
        refresh: async () => rules.revision,
        concerns: (stream) => stream === 'ops#shop',
        isPaused: (name) => rules.paused.includes(name),
        isSkipped: (...commit) => rules.skipped.includes(commit.join(' ')),
      };
      const world = await createWorld({ interventions });
      const decide = (change: Partial<typeof rules>) => Object.assign(rules, change, { revision: rules.revision + 1 });
      return { ...world, decide, heard: async () => world.projector.apply(await world.write('ops#shop', 'decided')) };
    };

    it('who skip a commit for one projection: it goes on, and stays without it in sweeps and comparisons', async () => {
      const { write, projector, decide, heard, textsOf, sizesOf, sweepOnce } = await createRuled();
      await projector.apply(await write(A, 'x', 'poison', 'x'));
      await projector.retryReleased();
      expect(await projector.quarantined()).to.have.length(1);
      decide({ skipped: ['texts note#a 2'] });
      await heard();
      expect(await projector.quarantined()).to.deep.equal([]);
      await projector.apply(await write(A, 'x', 'poison'));
      expect(await textsOf('x')).to.deep.equal([1, 3, 4]);
      expect((await projector.quarantined())[0]).to.include({ commitNo: 5 });
      await sweepOnce();
      await projector.compare([A]);
      expect(await textsOf('x')).to.deep.equal([1, 3, 4]);
      expect(await sizesOf(A)).to.equal(5);
    });

    it('who skip a commit that the store rejected, or that has been applied: the comparison removes what it has done', async () => {
      const { write, projector, decide, textsOf, sizesOf } = await createRuled();
      await projector.apply(await write(A, 'x', 'x'));
      decide({ skipped: ['texts note#a 2'] });
      await projector.compare([A]);
      expect(await textsOf('x')).to.deep.equal([1]);
      decide({ skipped: [] });
      await projector.compare([A]);
      expect(await textsOf('x')).to.deep.equal([1, 2]);
      expect(await sizesOf(A)).to.equal(2);
    });

    it('who skip a commit that this program cannot read', async () => {
      const { write, log, createFor, decide, textsOf, sizesOf, positionOf } = await createRuled();
      const newer: EventStore = {
        ...log,
        async *read(stream, after) {
          for await (const commit of log.read(stream, after)) {
            if (commit.position.commitNo === 2) throw new InvalidEvent('NoteWritten', 'has version 9');
            yield commit;
          }
        },
      };
      await write(A, 'x', 'y', 'x');
      const projector = createFor(newer);
      decide({ skipped: ['texts note#a 2'] });
      await projector.catchUp(new Map([[A, 3]]));
      expect([await positionOf(A), await positionOf(A, 'sizes_v1')]).to.deep.equal([3, 1]);
      decide({ skipped: ['texts note#a 2', 'sizes note#a 2'] });
      await projector.retryReleased();
      await projector.compare([A]);
      expect([await textsOf('x'), await textsOf('y'), await sizesOf(A)]).to.deep.equal([[1, 3], undefined, 2]);
      expect(await projector.quarantined()).to.deep.equal([]);
    });

    it('who pause a projection: it stays where it is, also for new streams, and catches up when it is resumed', async () => {
      const { write, projector, decide, heard, textsOf, sizesOf, sweepOnce, positionOf, clock } = await createRuled();
      await projector.apply(await write(A, 'x'));
      decide({ paused: ['texts'] });
      await projector.apply([...(await write(A, 'x')), ...(await write(B, 'x'))]);
      clock.now += 60_000;
      await sweepOnce();
      await projector.retry();
      expect(await textsOf('x')).to.deep.equal([1]);
      expect([await sizesOf(A), await sizesOf(B)]).to.deep.equal([2, 1]);
      expect([await positionOf(A), await positionOf(B)]).to.deep.equal([1, 0]);
      const [texts, sizes] = await projector.status();
      expect([texts!.paused, sizes!.paused]).to.deep.equal([true, false]);
      expect(await projector.quarantined()).to.deep.equal([]);

      decide({ paused: [] });
      await heard();
      expect(await textsOf('x')).to.deep.equal([1, 2, 1]);
      expect([await positionOf(A), await positionOf(B)]).to.deep.equal([2, 1]);
    });

    it('who pause all projections of a store, and one that has a stream in quarantine', async () => {
      const { write, projector, decide, textsOf, sizesOf, store } = await createRuled();
      await projector.apply(await write(A, 'poison'));
      decide({ paused: ['texts', 'sizes'] });
      await projector.apply([...(await write(A, 'x')), ...(await write(B, 'x'))]);
      await projector.retry();
      expect([await textsOf('x'), await sizesOf(A), await sizesOf(B)]).to.deep.equal([undefined, 1, undefined]);
      decide({ paused: [] });
      await projector.retryReleased();
      expect([await textsOf('x'), await sizesOf(A), await sizesOf(B)]).to.deep.equal([[1], 2, 1]);
      expect((await projector.quarantined()).map(({ commitNo }) => commitNo)).to.deep.equal([1]);
      expect((await store.load([], [B])).positions.get(B)).to.deep.equal({ of: NAMES, commitNo: 1 });
    });
  });

  describe('rejects', () => {
    it('while the sink or the log does not answer, and loses nothing', async () => {
      let away = true;
      const flaky = (store: DocumentStore): DocumentStore => ({
        ...store,
        save: (...batch) => (away ? Promise.reject(new Unavailable('Memory', 'away')) : store.save(...batch)),
      });
      const { write, projector, textsOf, positionOf } = await createWorld({}, flaky);
      const commits = await write(A, 'x', 'y');
      const error = await projector.apply(commits).catch((caught: unknown) => caught);
      expect(isProblem(error, 'unavailable')).to.equal(true);
      expect(await positionOf(A)).to.equal(0);
      expect(await projector.quarantined()).to.deep.equal([]);

      away = false;
      await projector.apply(commits.slice(1));
      expect(await textsOf('x')).to.deep.equal([1]);
      expect(await positionOf(A)).to.equal(2);
    });

    it('a document that stays stale after every retry', async () => {
      const hopeless = (store: DocumentStore): DocumentStore => ({
        ...store,
        save: async (writes) => writes.map(() => ({ saved: false, stale: true })),
      });
      const { write, projector } = await createWorld({}, hopeless);
      const error = await projector.apply(await write(A, 'x')).catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(Unavailable).with.property('message').that.contains('still stale');
    });
  });

  it('remembers no position: a store that comes back with less data is read as it is', async () => {
    const { write, projector, sink, textsOf } = await createWorld();
    await projector.apply(await write(A, 'x'));
    const old = sink.snapshot();
    await projector.apply(await write(A, 'x'));
    sink.restore(old);
    await projector.apply(await write(A, 'x'));
    expect(await textsOf('x')).to.deep.equal([1, 2, 3]);
  });

  describe('reports its status', () => {
    it('counting the commits of the log that each projection has not applied', async () => {
      const { write, projector, clock, sweepOnce } = await createWorld();
      await projector.apply(await write(A, 'x'));
      const oldest = clock.now;
      await write(A, 'x', 'x');
      await write('cart#1', 'x');
      clock.now += 30_000;
      await write(B, 'x');
      const [texts, sizes] = await projector.status();
      expect(texts).to.deep.equal({
        name: 'texts',
        version: 1,
        build: 1,
        sweptTo: 0,
        lag: { commits: 3, seconds: (clock.now - oldest) / 1000, atLeast: false },
        paused: false,
        quarantine: [],
      });
      expect(sizes).to.deep.equal({ ...texts, name: 'sizes' });
      await sweepOnce();
      for (const { lag } of await projector.status()) {
        expect(lag).to.deep.equal({ commits: 0, seconds: 0, atLeast: false });
      }
    });

    it('without the commits behind a quarantine, which it shows', async () => {
      const { write, projector } = await createWorld();
      await projector.apply(await write(A, 'poison', 'x'));
      const [texts, sizes] = await projector.status();
      expect(texts!.lag.commits).to.equal(0);
      expect(texts!.quarantine.map(({ stream, commitNo }) => [stream, commitNo])).to.deep.equal([[A, 1]]);
      expect(sizes!.quarantine).to.deep.equal([]);
    });
  });
});

const NAMES = ['sizes_v1', 'texts_v1'];

/** One document per text, which lists the versions of the notes with that text; and one per stream, with its number of notes. */
async function createWorld(more: Partial<ProjectorDeps> = {}, wrap = (store: DocumentStore) => store) {
  const clock = { now: 1_767_323_045_000 };
  const log = createMemoryEventStore({ codec: createCommitCodec(notes), clock: () => clock.now, watermarkLagMs: 0 });
  const ends = new Map<StreamId, Position>();
  const traced: string[] = [];

  const texts: Projection<{ versions: number[] }, DomainEvent<'NoteWritten', Note>> = {
    name: 'texts',
    version: 1,
    categories: ['note'],
    fields: {},
    on: {
      NoteWritten: {
        keys: ({ data }) => [data.text],
        evolve(document, { version, data }) {
          if (data.text === 'poison' && !world.antidote) throw new Error('poison');
          if (data.text === 'idle') return document;
          return {
            versions: [...(document?.versions ?? []), version],
            ...(data.text === 'refuse' && { refuse: true }),
          };
        },
      },
    },
  };
  const sizes: Projection<{ notes: number }, DomainEvent<'NoteWritten', Note>> = {
    ...texts,
    name: 'sizes',
    on: {
      NoteWritten: {
        keys: ({ commandId }) => [commandId.slice(0, commandId.lastIndexOf('/'))],
        evolve: (document, { data }) => (data.text === 'idle' ? document : { notes: (document?.notes ?? 0) + 1 }),
      },
    },
  };
  const projections = [texts, sizes];
  const sink = createMemorySink();
  const store = await sink.open(projections);
  const deps = {
    engine: 'Memory',
    projections,
    documents: trace(wrap(store), traced),
    clock: () => clock.now,
    log: silent,
    ...more,
  };
  const createFor = (other: EventStore) => createProjector({ ...deps, store: other });
  const projector = createFor(log);
  const find = async (table: string, key: string) => (await store.load([{ table, key }], [])).documents[0]?.document;

  const world = {
    antidote: false,
    clock,
    log,
    sink,
    store,
    projector,
    createFor,
    /** A projector of some of the projections, as another version of the program has it. */
    createWith: (names: readonly string[]) =>
      createProjector({
        ...deps,
        store: log,
        projections: projections.filter(({ name }) => names.includes(`${name}_v1`)),
      }),
    sweepOnce: () => sweep(log, [{ projector, inTurn: (work) => work() }]),
    /** One commit per text. */
    async write(stream: StreamId, ...written: string[]): Promise<Commit[]> {
      const first = ends.get(stream) ?? START;
      for (const text of written) {
        const after = ends.get(stream) ?? START;
        const at = Math.max(hlcOf(clock.now), after.at + 1);
        const result = await log.append(stream, after, {
          ...noteCommit(after, `${stream}/${after.commitNo}`, { text }),
          at,
        });
        if (result.appended) ends.set(stream, result.position);
      }
      const commits: Commit[] = [];
      for await (const commit of log.read(stream, first.commitNo)) commits.push(commit);
      clock.now += 1;
      return commits;
    },
    /** The calls to the store since the last check, with the number of their entries. Calls without entries cost nothing. */
    calls: () => traced.splice(0),
    textsOf: async (key: string) => (await find('texts_v1', key))?.versions,
    sizesOf: async (stream: StreamId) => (await find('sizes_v1', stream))?.notes,
    positionOf: async (stream: StreamId, table = 'texts_v1') =>
      positionFor(table, (await store.load([], [stream])).positions.get(stream)),
  };
  return world;
}

function trace(store: DocumentStore, calls: string[]): DocumentStore {
  return {
    ...store,
    load(documents, streams) {
      if (documents.length + streams.length > 0) calls.push(`load ${documents.length} of ${streams.length}`);
      return store.load(documents, streams);
    },
    save(writes, positions, session) {
      if (writes.length + positions.size > 0) calls.push(`save ${writes.length} at ${positions.size}`);
      return store.save(writes, positions, session);
    },
  };
}

const silent = { info() {}, warn() {}, error() {} };
