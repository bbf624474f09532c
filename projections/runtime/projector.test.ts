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
import { the } from '../../test/the.js';
import type { Projection } from './projection.js';
import { createProjector, type ProjectorDeps } from './projector.js';
import type { SinkTable } from './sink.js';

const A: StreamId = 'note#a';
const B: StreamId = 'note#b';

describe('A projector', () => {
  describe('applies a batch', () => {
    it('with one look-up of positions, one load, one save and one advance', async () => {
      const { write, projector, calls } = await createWorld();
      const commits = [...(await write(A, 'x', 'y', 'x')), ...(await write(B, 'x'))];
      await projector.apply(commits);
      expect(calls()).to.deep.equal(['progress 2', 'load 2', 'save 2', 'advance 2']);
    });

    it('without a look-up where it knows the positions itself', async () => {
      const { write, projector, calls } = await createWorld();
      await projector.apply(await write(A, 'x'));
      const more = await write(A, 'y');
      calls();
      await projector.apply(more);
      await projector.apply(more);
      expect(calls()).to.deep.equal(['load 1', 'save 1', 'advance 1']);
    });

    it('without saving unchanged documents', async () => {
      const { write, projector, calls } = await createWorld();
      await projector.apply(await write(A, 'idle'));
      expect(calls()).to.deep.equal(['progress 1', 'load 1', 'advance 1']);
    });

    it('without a call if it follows none of the streams', async () => {
      const { write, projector, calls } = await createWorld();
      await projector.apply(await write('cart#1', 'x'));
      await projector.catchUp(new Map([['cart#1', 1]]));
      await projector.sweep();
      expect(calls()).to.deep.equal(['sweptTo', 'setSweptTo']);
    });

    it('and tells its listener which positions have moved', async () => {
      const moved: [StreamId, number][] = [];
      const { write, projector } = await createWorld({ onAdvance: (positions) => moved.push(...positions) });
      await projector.apply([...(await write(A, 'x', 'y')), ...(await write(B, 'x', 'poison'))]);
      expect(moved).to.deep.equal([
        [A, 2],
        [B, 1],
      ]);
    });
  });

  describe('repairs from the log', () => {
    it('the commits before one that has arrived', async () => {
      const { write, projector, textsOf } = await createWorld();
      const [, , third] = await write(A, 'x', 'x', 'y');
      await projector.apply([the(third)]);
      expect(await textsOf('x')).to.deep.equal([1, 2]);
      expect(await textsOf('y')).to.deep.equal([3]);
    });

    it('a long stream in rounds of bounded size', async () => {
      const { write, projector, calls, positionOf } = await createWorld();
      await write(A, ...Array.from({ length: 1_100 }, (_, n) => `key ${n}`));
      await projector.catchUp(new Map([[A, 1_100]]));
      expect(calls().filter((call) => call.startsWith('save'))).to.deep.equal(['save 500', 'save 500', 'save 100']);
      expect(await positionOf(A)).to.equal(1_100);
    });

    it('the lost end of a stream when it sweeps, and then knows that it has', async () => {
      const { write, projector, calls, clock, textsOf, table } = await createWorld();
      await projector.apply(await write(A, 'x'));
      await write(A, 'y');
      clock.now += 60_000;
      await projector.sweep();
      expect(await textsOf('y')).to.deep.equal([2]);
      expect(await table.sweptTo()).to.equal(hlcOf(clock.now));
      clock.now += 60_000;
      calls();
      await projector.sweep();
      expect(calls()).to.deep.equal(['sweptTo', 'setSweptTo']);
    });

    it('commits that a full sweep finds before the last sweep', async () => {
      const { write, projector, clock, table, textsOf } = await createWorld();
      await write(A, 'x');
      clock.now += 60_000;
      await table.setSweptTo(hlcOf(clock.now));
      await projector.sweep();
      expect(await textsOf('x')).to.deep.equal(undefined);
      await projector.sweep({ full: true });
      expect(await textsOf('x')).to.deep.equal([1]);
    });
  });

  describe('sets a stream aside', () => {
    it('at a commit that it cannot evolve; everything else continues', async () => {
      const { write, projector, textsOf, table, clock } = await createWorld();
      const commits = [...(await write(A, 'x', 'poison', 'x')), ...(await write(B, 'x'))];
      const since = new Date(clock.now).toISOString();
      await projector.apply(commits);
      await projector.apply(await write(A, 'y'));
      await projector.apply(await write(B, 'y'));
      expect(await textsOf('x')).to.deep.equal([1, 1]);
      expect(await textsOf('y')).to.deep.equal([2]);
      expect(await table.quarantined()).to.deep.equal([{ stream: A, commitNo: 2, error: 'poison', since }]);
    });

    it('until a sweep that retries, and no other, can process it', async () => {
      const world = await createWorld();
      await world.projector.apply(await world.write(A, 'x', 'poison'));
      world.antidote = true;
      await world.projector.sweep({ full: true });
      expect(await world.table.quarantined()).to.have.length(1);
      await world.projector.sweep({ retry: true });
      expect(await world.table.quarantined()).to.deep.equal([]);
      expect(await world.textsOf('x')).to.deep.equal([1]);
    });

    it('until a retry succeeds, which then reads the log to its end', async () => {
      const world = await createWorld();
      await world.projector.apply(await world.write(A, 'x', 'poison', 'x'));
      await world.write(A, 'y');
      expect(await world.projector.retry(A)).to.include({ stream: A, commitNo: 2 });

      world.antidote = true;
      expect(await world.projector.retry(A)).to.equal(undefined);
      expect(await world.table.quarantined()).to.deep.equal([]);
      expect(await world.textsOf('x')).to.deep.equal([1, 3]);
      expect(await world.textsOf('y')).to.deep.equal([4]);
    });

    it('at the commit whose document the store rejects, alone in its batch or not', async () => {
      const refusing = (table: SinkTable): SinkTable => ({
        ...table,
        async save(writes) {
          const isBad = ({ document }: { document: object | null }) => JSON.stringify(document).includes('refuse');
          const outcomes = await table.save(writes.filter((write) => !isBad(write)));
          return writes.map((write) =>
            isBad(write) ? { saved: false, stale: false, error: 'no' } : the(outcomes.shift()),
          );
        },
      });
      const { write, projector, positionOf, textsOf, table } = await createWorld({}, refusing);
      const first = await write(A, 'x', 'y', 'refuse', 'x');
      await projector.apply([...first, ...(await write(B, 'z', 'x'))]);
      expect([await positionOf(A), await positionOf(B)]).to.deep.equal([2, 2]);
      expect(await table.quarantined()).to.have.length(1);
      expect((await table.quarantined())[0]).to.include({ commitNo: 3, error: 'document refuse is refused: no' });
      expect(await textsOf('z')).to.deep.equal([1]);
    });

    it('at a commit that this program cannot read', async () => {
      const { write, createFor, store, table } = await createWorld();
      const newer: EventStore = {
        ...store,
        async *read(stream, after) {
          for await (const commit of store.read(stream, after)) {
            if (commit.position.commitNo === 2) throw new InvalidEvent('NoteWritten', 'has version 9');
            yield commit;
          }
        },
      };
      await write(A, 'x', 'x');
      await createFor(newer).catchUp(new Map([[A, 2]]));
      expect(await table.progress([A])).to.have.nested.property('size', 1);
      expect((await table.progress([A])).get(A)).to.deep.include({ commitNo: 1 });
      expect((await table.quarantined())[0]).to.include({ commitNo: 2, error: 'Event NoteWritten has version 9' });
    });

    it('if the log lacks a commit before one that was seen', async () => {
      const { write, createFor, store, table } = await createWorld();
      const [, , third] = await write(A, 'x', 'x', 'x');
      const lossy: EventStore = { ...store, async *read() {} };
      await createFor(lossy).apply([the(third)]);
      expect((await table.quarantined())[0]?.error).to.contain('the log has no such commit');
    });
  });

  describe('rejects', () => {
    it('while the sink or the log does not answer, and loses nothing', async () => {
      let away = true;
      const flaky = (table: SinkTable): SinkTable => ({
        ...table,
        save: (writes) => (away ? Promise.reject(new Unavailable('Memory', 'away')) : table.save(writes)),
      });
      const { write, projector, textsOf, positionOf, table } = await createWorld({}, flaky);
      const commits = await write(A, 'x', 'y');
      const error = await projector.apply(commits).catch((caught: unknown) => caught);
      expect(isProblem(error, 'unavailable')).to.equal(true);
      expect(await positionOf(A)).to.equal(undefined);
      expect(await table.quarantined()).to.deep.equal([]);

      away = false;
      await projector.apply(commits.slice(1));
      expect(await textsOf('x')).to.deep.equal([1]);
      expect(await positionOf(A)).to.equal(2);
    });

    it('a document that stays stale after every retry', async () => {
      const hopeless = (table: SinkTable): SinkTable => ({
        ...table,
        save: async (writes) => writes.map(() => ({ saved: false, stale: true })),
      });
      const { write, projector } = await createWorld({}, hopeless);
      const error = await projector.apply(await write(A, 'x')).catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(Unavailable).with.property('message').that.contains('still stale');
    });
  });

  describe('forgets the positions that it knows', () => {
    /** A sink that can lose its data, like one that was restored. */
    async function createRestorable() {
      const [kept, empty] = [await createMemorySink().open(NAME), await createMemorySink().open(NAME)];
      const sink = { table: kept, away: false };
      const on = <K extends keyof SinkTable>(call: K) =>
        ((argument: never) =>
          sink.away ? Promise.reject(new Unavailable('Memory', 'away')) : sink.table[call]!(argument)) as SinkTable[K];
      const calls = Object.keys(kept) as (keyof SinkTable)[];
      const table = Object.fromEntries(calls.map((call) => [call, on(call)])) as unknown as SinkTable;
      const versionsOf = async (key: string) => (await sink.table.load([key])).get(key)?.document?.versions;
      const restore = () => {
        sink.table = empty;
      };
      return { sink, table, versionsOf, restore };
    }

    it('when the sink fails, because it may come back with less data', async () => {
      const { sink, table, versionsOf, restore } = await createRestorable();
      const { write, projector } = await createWorld({}, () => table);
      await projector.apply(await write(A, 'x'));
      const next = await write(A, 'x');
      sink.away = true;
      expect(await projector.apply(next).catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
      sink.away = false;
      restore();
      await projector.apply(next);
      expect(await versionsOf('x')).to.deep.equal([1, 2]);
    });

    it('when it sweeps, because the sink may have lost data unnoticed', async () => {
      const { table, versionsOf, restore } = await createRestorable();
      const { write, projector, clock } = await createWorld({}, () => table);
      await projector.apply(await write(A, 'x'));
      restore();
      clock.now += 60_000;
      await projector.sweep();
      expect(await versionsOf('x')).to.deep.equal([1]);
    });
  });

  describe('reports its status', () => {
    it('counting the commits of the log that it has not applied', async () => {
      const { write, projector, clock } = await createWorld();
      await projector.apply(await write(A, 'x'));
      const oldest = clock.now;
      await write(A, 'x', 'x');
      await write('cart#1', 'x');
      clock.now += 30_000;
      await write(B, 'x');
      expect(await projector.status()).to.deep.equal({
        name: 'texts',
        version: 1,
        sweptTo: 0,
        lag: { commits: 3, seconds: (clock.now - oldest) / 1000, atLeast: false },
        quarantine: [],
      });
      await projector.sweep();
      expect((await projector.status()).lag).to.deep.equal({ commits: 0, seconds: 0, atLeast: false });
    });

    it('without the commits behind a quarantine, which it shows', async () => {
      const { write, projector } = await createWorld();
      await projector.apply(await write(A, 'poison', 'x'));
      const { lag, quarantine } = await projector.status();
      expect(lag.commits).to.equal(0);
      expect(quarantine.map(({ stream }) => stream)).to.deep.equal([A]);
    });
  });
});

/** One document per text, which lists the versions of the notes with that text. */
async function createWorld(more: Partial<ProjectorDeps> = {}, wrap = (table: SinkTable) => table) {
  const clock = { now: 1_767_323_045_000 };
  const store = createMemoryEventStore({ codec: createCommitCodec(notes), clock: () => clock.now, watermarkLagMs: 0 });
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
  const table = await createMemorySink().open(texts);
  const deps = { projection: texts, table: trace(wrap(table), traced), clock: () => clock.now, log: silent, ...more };

  const world = {
    antidote: false,
    clock,
    store,
    table,
    projector: createProjector({ ...deps, store }),
    createFor: (other: EventStore) => createProjector({ ...deps, store: other }),
    /** One commit per text. */
    async write(stream: StreamId, ...written: string[]): Promise<Commit[]> {
      const first = ends.get(stream) ?? START;
      for (const text of written) {
        const after = ends.get(stream) ?? START;
        const at = Math.max(hlcOf(clock.now), after.at + 1);
        const result = await store.append(stream, after, {
          ...noteCommit(after, `${stream}/${after.commitNo}`, { text }),
          at,
        });
        if (result.appended) ends.set(stream, result.position);
      }
      const commits: Commit[] = [];
      for await (const commit of store.read(stream, first.commitNo)) commits.push(commit);
      clock.now += 1;
      return commits;
    },
    /** The calls to the table since the last check, with the number of their entries. Calls without entries cost nothing. */
    calls: () => traced.splice(0),
    textsOf: async (key: string) => (await table.load([key])).get(key)?.document?.versions,
    positionOf: async (stream: StreamId) => (await table.progress([stream])).get(stream)?.commitNo,
  };
  return world;
}

function trace(table: SinkTable, calls: string[]): SinkTable {
  const traced = Object.entries(table).map(([name, call]) => [
    name,
    (entries?: { length?: number; size?: number }) => {
      const count = entries?.length ?? entries?.size;
      if (count !== 0) calls.push(count === undefined ? name : `${name} ${count}`);
      return (call as (argument: unknown) => unknown)(entries);
    },
  ]);
  return Object.fromEntries(traced);
}

const NAME = { name: 'texts', version: 1, categories: ['note'], fields: {}, on: {} };

const silent = { info() {}, warn() {}, error() {} };
