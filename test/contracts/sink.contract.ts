// The contract of every sink, for any store.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { type Commit, START } from '../../domain/kernel/commit.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { type StreamId, streamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore } from '../../infra/event-store/memory.js';
import type { BuildsState } from '../../projections/runtime/builds.js';
import { type Document, type Projection, physicalName } from '../../projections/runtime/projection.js';
import { createProjector } from '../../projections/runtime/projector.js';
import type {
  DocumentStore,
  DocumentWrite,
  NewDocument,
  Sink,
  StoredDocument,
  StreamPosition,
} from '../../projections/runtime/sink.js';
import { runsOf } from '../every-case.js';
import { type DeliveryOptions, deliveryProperty } from './delivery.property.js';
import { type Note, noteCommit, notes } from './notes.js';

/** A history creates its own tables, which is slow in some engines and on a busy machine. */
export const DELIVERY_TIMEOUT_MS = 300_000;

const STOCK: StreamId = 'stock#A.B%24@main';

/** Call it inside a `describe` with the engine's name. `makeSink` is called inside tests. */
export function sinkContract(makeSink: () => Sink, delivery: DeliveryOptions = { runs: runsOf(25) }): void {
  let projection: Projection<never, never>;
  let other: Projection<never, never>;
  let table: string;
  let store: DocumentStore;
  /** Positions are shared by all projections of a store, so each test has its own streams. */
  let ORDER: StreamId;
  let ITEM: StreamId;
  beforeEach(async () => {
    const fresh = randomBytes(5).toString('hex');
    projection = { ...library, name: `library-${fresh}` };
    other = { ...library, name: `other-library-${fresh}` };
    table = physicalName(projection);
    ORDER = `order#${fresh}`;
    ITEM = `stock#A.B%24@${fresh}`;
    store = await makeSink().open([projection, other]);
  });

  const load = async (...keys: string[]) => {
    const { documents } = await store.load(
      keys.map((key) => ({ table, key })),
      [],
    );
    return new Map(documents.map((found) => [found.key, found]));
  };
  const loadOne = async (key: string) => (await load(key)).get(key);
  const written = (write: Partial<DocumentWrite> & { key: string }): DocumentWrite => ({
    table,
    document: {},
    positions: {},
    revision: undefined,
    ...write,
  });
  const saveOne = async (write: Partial<DocumentWrite> & { key: string }) =>
    (await store.save([written(write)], new Map()))[0]!;
  const place = (...positions: [StreamId, StreamPosition][]) => store.save([], new Map(positions));
  const placesOf = async (...streams: StreamId[]) => (await store.load([], streams)).positions;
  const at = (commitNo: number, ...of: string[]): StreamPosition => ({ of: of.length > 0 ? of : ['a_v1'], commitNo });

  describe('documents', () => {
    it('are absent until they are saved', async () => {
      expect(await load('a', 'b')).to.deep.equal(new Map());
      await saveOne({ key: 'a', document: { title: 'A' }, positions: { [STOCK]: 3 } });
      const loaded = await load('b', 'a');
      expect([...loaded.keys()]).to.deep.equal(['a']);
      expect(loaded.get('a')).to.deep.include({ key: 'a', document: { title: 'A' }, positions: { [STOCK]: 3 } });
    });

    it('are created once', async () => {
      expect(await saveOne({ key: 'a', document: { title: 'first' } })).to.deep.equal({ saved: true });
      expect(await saveOne({ key: 'a', document: { title: 'second' } })).to.deep.equal({ saved: false, stale: true });
      expect((await loadOne('a'))?.document).to.deep.equal({ title: 'first' });
    });

    it('are replaced only by the writer that has loaded the current version', async () => {
      await saveOne({ key: 'a', document: { title: 'first', brand: 'X' }, positions: { [STOCK]: 1 } });
      const { revision } = (await loadOne('a'))!;
      const second = { key: 'a', document: { title: 'second' }, positions: { 'order#1': 2, [STOCK]: 1 }, revision };
      expect(await saveOne(second)).to.deep.equal({ saved: true });
      expect(await saveOne({ ...second, document: { title: 'late' } })).to.deep.equal({ saved: false, stale: true });
      expect(await loadOne('a')).to.deep.include({ document: second.document, positions: second.positions });
    });

    it('succeed and fail independently, in the order of the writes', async () => {
      await saveOne({ key: 'b', document: { title: 'old' } });
      const writes = ['c', 'b', 'a'].map((key) => written({ key, document: { title: key } }));
      expect(await store.save(writes, new Map())).to.deep.equal([
        { saved: true },
        { saved: false, stale: true },
        { saved: true },
      ]);
      const loaded = await load('a', 'b', 'c');
      expect(['a', 'b', 'c'].map((key) => loaded.get(key)?.document?.title)).to.deep.equal(['a', 'old', 'c']);
    });

    it('accept one of many concurrent writes', async () => {
      await saveOne({ key: 'a' });
      for (let round = 0; round < 3; round++) {
        const { revision } = (await loadOne('a'))!;
        const racers = Array.from({ length: 16 }, (_, racer) => saveOne({ key: 'a', document: { racer }, revision }));
        const winners = (await Promise.all(racers)).flatMap(({ saved }, racer) => (saved ? [racer] : []));
        expect(winners).to.have.length(1);
        expect((await loadOne('a'))?.document).to.deep.equal({ racer: winners[0] });
      }
    });

    it('stay as tombstones, with their positions', async () => {
      await saveOne({ key: 'a', document: { title: 'A' }, positions: { [STOCK]: 1 } });
      const { revision } = (await loadOne('a'))!;
      await saveOne({ key: 'a', document: null, positions: { [STOCK]: 2 }, revision });
      const tombstone = (await loadOne('a')) as StoredDocument;
      expect(tombstone).to.deep.include({ document: null, positions: { [STOCK]: 2 } });
      expect(await saveOne({ key: 'a', document: {} })).to.deep.equal({ saved: false, stale: true });
      expect(await saveOne({ key: 'a', document: {}, revision: tombstone.revision })).to.deep.equal({ saved: true });
    });

    it('are listed by key, tombstones included, and without those of another projection', async () => {
      const keys = ['a*', 'a[b]', '\\', 'ü ', ...Array.from({ length: 1_050 }, (_, n) => `key ${n}`)];
      const writes = keys.map((key) => written({ key, document: key === 'a*' ? null : {} }));
      for (let from = 0; from < writes.length; from += 250) await store.save(writes.slice(from, from + 250), new Map());
      await store.save([{ ...written({ key: 'theirs' }), table: physicalName(other) }], new Map());
      const found: string[] = [];
      for await (const page of store.keys(table)) found.push(...page);
      expect([...new Set(found)].sort()).to.deep.equal([...keys].sort());
    });

    it('come back exactly as they were saved', async () => {
      for (const [key, document] of Object.entries(oddDocuments))
        await saveOne({ key, document, positions: { [STOCK]: 7 } });
      const loaded = await load(...Object.keys(oddDocuments));
      for (const [key, document] of Object.entries(oddDocuments)) {
        expect(loaded.get(key)?.document, key).to.deep.equal(document);
        expect(loaded.get(key)?.positions, key).to.deep.equal({ [STOCK]: 7 });
      }
    });

    it('are written by the hundred', async () => {
      const keys = Array.from({ length: 600 }, (_, n) => `document ${n}`);
      const saved = await store.save(
        keys.map((key) => written({ key, document: { key } })),
        new Map(),
      );
      expect(saved.filter((outcome) => outcome.saved)).to.have.length(600);
      const loaded = await load(...keys);
      expect(keys.map((key) => loaded.get(key)?.document?.key)).to.deep.equal(keys);
    });

    it('of several projections are read and written at once', async () => {
      const there = physicalName(other);
      const ids = [
        { table, key: 'a' },
        { table: there, key: 'a' },
        { table: there, key: 'b' },
      ];
      const outcomes = await store.save(
        ids.map((id, n) => written({ ...id, document: { n } })),
        new Map([[ORDER, at(1)]]),
      );
      expect(outcomes.every(({ saved }) => saved)).to.equal(true);
      const loaded = await store.load([...ids, { table, key: 'b' }], [ORDER, ITEM]);
      const found = loaded.documents.map((each) => [each.table, each.key, each.document?.n]);
      expect(found).to.have.deep.members(ids.map((id, n) => [id.table, id.key, n]));
      expect(loaded.positions).to.deep.equal(new Map([[ORDER, at(1)]]));
    });
  });

  describe('positions', () => {
    it('are absent until they are written, and do not fall back', async () => {
      expect(await placesOf(ORDER, ITEM)).to.deep.equal(new Map());
      await place([ORDER, at(5)], [ITEM, at(2)]);
      await place([ORDER, at(4)], [ITEM, at(3)]);
      expect(await placesOf(ITEM, ORDER)).to.deep.equal(
        new Map([
          [ORDER, at(5)],
          [ITEM, at(3)],
        ]),
      );
    });

    it('are merged with what the stored one says of other projections', async () => {
      await place([ORDER, at(5, 'a_v1')], [ITEM, at(3, 'a_v1', 'c_v1')]);
      await place([ORDER, at(4, 'a_v1', 'b_v1')], [ITEM, at(7, 'b_v1')]);
      expect(await placesOf(ORDER, ITEM)).to.deep.equal(
        new Map([
          [ORDER, { ...at(5, 'a_v1', 'b_v1'), held: { b_v1: { commitNo: 4 } } }],
          [ITEM, { ...at(7, 'a_v1', 'b_v1', 'c_v1'), held: { a_v1: { commitNo: 3 }, c_v1: { commitNo: 3 } } }],
        ]),
      );
    });

    it('keep what several writers say at once of different projections', async () => {
      const names = ['a_v1', 'b_v1', 'c_v1', 'd_v1'];
      await Promise.all(names.map((name, n) => place([ORDER, at(n + 1, name)], [ITEM, at(5, name)])));
      const held = { a_v1: { commitNo: 1 }, b_v1: { commitNo: 2 }, c_v1: { commitNo: 3 } };
      expect(await placesOf(ORDER, ITEM)).to.deep.equal(
        new Map([
          [ORDER, { ...at(4, ...names), held }],
          [ITEM, at(5, ...names)],
        ]),
      );
    });

    it('forget projections that are gone', async () => {
      await place([ORDER, { ...at(5, 'a_v1', 'b_v1'), held: { a_v1: { commitNo: 2 } } }]);
      await place([ORDER, { ...at(6, 'b_v1'), gone: ['a_v1', 'z_v1'] }]);
      expect((await placesOf(ORDER)).get(ORDER)).to.deep.equal(at(6, 'b_v1'));
    });

    it('keep an error that a late writer does not know', async () => {
      const stuck = { ...at(4), held: { a_v1: { commitNo: 4, error: 'broken' } } };
      await place([ORDER, stuck], [ITEM, at(4)]);
      await place([ORDER, at(4)], [ITEM, stuck]);
      const places = await placesOf(ORDER, ITEM);
      expect([places.get(ORDER), places.get(ITEM)]).to.deep.equal([stuck, stuck]);
    });

    it('are written only with all documents of their batch', async () => {
      await saveOne({ key: 'taken' });
      const writes = [written({ key: 'free' }), written({ key: 'taken' })];
      const outcomes = await store.save(writes, new Map([[ORDER, at(1)]]));
      expect(outcomes).to.deep.equal([{ saved: true }, { saved: false, stale: true }]);
      expect(await placesOf(ORDER)).to.deep.equal(new Map());
      expect(await store.save([written({ key: 'other' })], new Map([[ORDER, at(1)]]))).to.deep.equal([{ saved: true }]);
      expect(await placesOf(ORDER)).to.deep.equal(new Map([[ORDER, at(1)]]));
    });

    it('rise to the highest of several concurrent workers', async () => {
      await Promise.all(Array.from({ length: 8 }, (_, n) => place([ORDER, at(n + 1)], [ITEM, at(8 - n)])));
      const places = await placesOf(ORDER, ITEM);
      expect([places.get(ORDER), places.get(ITEM)]).to.deep.equal([at(8), at(8)]);
    });

    it('are written by the thousand', async () => {
      const streams = Array.from({ length: 1_500 }, (_, n): StreamId => `${ORDER}-${n}`);
      await place(...streams.map((stream, n): [StreamId, StreamPosition] => [stream, at(n + 1)]));
      const places = await placesOf(...streams);
      expect(streams.every((stream, n) => places.get(stream)?.commitNo === n + 1)).to.equal(true);
    });

    it('say which projections are held back, until they are not', async () => {
      const error = 'it "broke"\n';
      const held = { b_v1: { commitNo: 2, error, since: '2026-01-02T03:04:05.678Z' }, c_v2: { commitNo: 0 } };
      const position = { ...at(4, 'a_v1', 'b_v1', 'c_v2'), held };
      await place([ITEM, position], [ORDER, at(1)]);
      expect((await placesOf(ITEM)).get(ITEM)).to.deep.equal(position);
      expect((await store.held()).get(ITEM)).to.deep.equal(position);
      expect((await store.held()).has(ORDER)).to.equal(false);
      await place([ITEM, at(4, 'a_v1', 'b_v1', 'c_v2')]);
      expect((await placesOf(ITEM)).get(ITEM)).to.deep.equal(at(4, 'a_v1', 'b_v1', 'c_v2'));
      expect((await store.held()).has(ITEM)).to.equal(false);
    });

    it('keep the progress of the sweep', async () => {
      const state = {
        of: ['a_v1', 'b_v1'],
        lineage: await store.lineage(),
        sweptTo: 1_767_323_045_678_001,
        comparedTo: 7,
        comparedAt: 1_767_323_045_678,
      };
      await store.setSweepState({ ...state, sweptTo: 0 });
      await store.setSweepState(state);
      expect(await store.sweepState()).to.deep.equal(state);
      expect(await store.lineage()).to.equal(state.lineage);
    });
  });

  describe('builds', () => {
    const state = (build: number): BuildsState => ({ a: { serving: { version: 1, build, builtTo: 7 }, last: build } });

    it('are written by one of several writers, which must know the current ones', async () => {
      const before = (await store.builds())?.revision;
      const first = await Promise.all([1, 2, 3].map((build) => store.setBuilds(state(build), before)));
      expect(first.filter(Boolean)).to.have.length(1);
      const found = (await store.builds())!;
      expect(found.state).to.deep.equal(state(first.indexOf(true) + 1));
      const next = await Promise.all([4, 5, 6].map((build) => store.setBuilds(state(build), found.revision)));
      expect(next.filter(Boolean)).to.have.length(1);
      expect((await store.builds())?.state).to.deep.equal(state(next.indexOf(true) + 4));
      expect(await store.setBuilds(state(7), found.revision)).to.equal(false);
      expect([...(await store.held()).keys()].every((stream) => stream.includes('#'))).to.equal(true);
    });

    it('have documents of their own, which are counted and dropped', async () => {
      const build = { ...projection, build: 2 };
      const there = physicalName(build);
      await store.create(build);
      await store.create(build);
      expect(await store.count(there)).to.equal(0);
      const writes = ['a', 'b', '*'].map((key) => written({ table: there, key, document: key === 'b' ? null : {} }));
      await store.save([...writes, written({ key: 'a' })], new Map());
      expect(await store.count(there)).to.equal(3);
      expect(await store.count(table)).to.equal(1);
      await store.drop(there);
      await store.drop(there);
      expect(await store.count(table)).to.equal(1);
      await store.create(build);
      expect(await store.count(there)).to.equal(0);
    });

    it('are filled in bulk, and a repeat after a crash changes nothing', async () => {
      const build = { ...projection, build: 2 };
      const there = physicalName(build);
      const load = store.bulk;
      await load.create(build);
      await load.create(build);
      const documents: NewDocument[] = Object.entries(oddDocuments).map(([key, document]) => {
        return { key, document, positions: { [STOCK]: 7 } };
      });
      documents.push({ key: 'gone', document: null, positions: { [STOCK]: 3 } });
      const many = Array.from({ length: 2_000 }, (_, n) => ({ key: `many ${n}`, document: { n }, positions: {} }));
      await load.insert(there, documents.slice(0, 3));
      await Promise.all([load.insert(there, documents), load.insert(there, many)]);
      await load.insert(there, []);
      await load.complete(build);
      await load.complete(build);
      await store.refresh?.(there);
      expect(await store.count(there)).to.equal(documents.length + many.length);
      const found = await store.load(
        documents.map(({ key }) => ({ table: there, key })),
        [],
      );
      const shown = found.documents.map(({ key, document, positions }) => ({ key, document, positions }));
      expect(shown).to.have.deep.members(documents);
      const [one] = found.documents;
      const [outcome] = await store.save([{ ...one!, document: { changed: true } }], new Map());
      expect(outcome).to.deep.equal({ saved: true });
      await store.drop(there);
    });
  });

  it("opens the same table for all concurrent callers, and another one for the projection's next version", async () => {
    const fresh = { ...projection, name: `${projection.name}-b` };
    const id = { table: physicalName(fresh), key: 'a' };
    const [first, second] = await Promise.all([makeSink().open([fresh]), makeSink().open([fresh])]);
    await first.save([written(id)], new Map());
    expect((await second.load([id], [])).documents).to.have.length(1);
    const next = { ...fresh, version: 2 };
    expect(
      (await (await makeSink().open([next])).load([{ table: physicalName(next), key: 'a' }], [])).documents,
    ).to.have.length(0);
  });

  it('accepts empty calls', async () => {
    expect(await store.load([], [])).to.deep.include({ documents: [], positions: new Map() });
    expect(await store.save([], new Map())).to.deep.equal([]);
  });

  it('takes nothing from a projector that saves late, after the projector of a new leader has gone on', async () => {
    const texts: Projection<{ texts: string[] }, DomainEvent<'NoteWritten', Note>> = {
      name: projection.name,
      version: 2,
      categories: ['note'],
      fields: {},
      on: {
        NoteWritten: {
          keys: () => ['all'],
          evolve: (before, { data }) => ({ texts: [...(before?.texts ?? []), data.text] }),
        },
      },
    };
    const log = createMemoryEventStore({ codec: createCommitCodec(notes) });
    const documents = await makeSink().open([texts]);
    const projectorOn = (on: DocumentStore) =>
      createProjector({ engine: 'it', projections: [texts], documents: on, store: log, clock: Date.now, log: SILENT });
    const stream = streamId('note', projection.name);
    const commits = await notesIn(log, stream, ['one', 'two', 'three']);

    let replaces = true;
    const hanging: DocumentStore = {
      ...documents,
      async save(...batch) {
        if (replaces) {
          replaces = false;
          await projectorOn(documents).apply(commits);
        }
        return documents.save(...batch);
      },
    };
    await projectorOn(hanging).apply(commits.slice(0, 1));
    expect(replaces).to.equal(false);

    const { documents: found, positions } = await documents.load(
      [{ table: physicalName(texts), key: 'all' }],
      [stream],
    );
    expect(found[0]).to.deep.include({ document: { texts: ['one', 'two', 'three'] }, positions: { [stream]: 3 } });
    expect(positions.get(stream)).to.deep.equal({ of: [physicalName(texts)], commitNo: 3 });
  });

  it('ends as an in-order replay, whatever happens to messages and workers', async function () {
    this.timeout(DELIVERY_TIMEOUT_MS);
    await deliveryProperty(makeSink, delivery);
  });
}

const SILENT = { info() {}, warn() {}, error() {} };

/** Appends a note for each text to a new stream. */
async function notesIn(log: EventStore, stream: StreamId, texts: readonly string[]): Promise<Commit[]> {
  let end = START;
  for (const text of texts) {
    const result = await log.append(stream, end, noteCommit(end, text, { text }));
    if (result.appended) end = result.position;
  }
  const commits: Commit[] = [];
  for await (const commit of log.read(stream)) commits.push(commit);
  return commits;
}

/** A projection with a field of each kind. */
const library: Projection<never, never> = {
  name: 'library',
  version: 1,
  categories: [],
  fields: {
    title: 'keyword',
    subjects: 'keywords',
    words: 'text',
    pages: 'number',
    sold: 'numbers',
    lent: 'boolean',
    at: 'time',
  },
  indexes: [
    ['title', 'at'],
    ['lent', 'subjects', 'pages'],
  ],
  on: {},
};

const oddDocuments: Record<string, Document> = {
  'every kind of field': {
    title: 'The "Odyssey"',
    subjects: ['epic', 'sea'],
    words: 'running ships',
    pages: 541,
    sold: { GB: 12, FR: 0.5 },
    lent: true,
    at: '2026-01-02T03:04:05.678Z',
  },
  'key with #@:/\\ "$." and ünïcödé 🛒': {},
  $key: { nothing: null, empty: { list: [], text: '', object: {} } },
  '.': { text: '\\ " \' {},NULL \n\t \u007f 🛒 \u2028', nested: [[1, [2]], [{ deep: [null, false] }]] },
  numbers: { big: Number.MAX_SAFE_INTEGER, small: Number.MIN_SAFE_INTEGER, fraction: 0.1, tiny: 5e-324, huge: 1.5e300 },
  'dots and dollars': { inner: { 'a.b': 1, c$d: { 'e.f': 2 } } },
};
