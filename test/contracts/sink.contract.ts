// The contract of every sink, for any store.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Document, Projection } from '../../projections/runtime/projection.js';
import type { DocumentWrite, Sink, SinkTable, StoredDocument } from '../../projections/runtime/sink.js';
import { runsOf } from '../every-case.js';
import { the } from '../the.js';
import { type DeliveryOptions, deliveryProperty } from './delivery.property.js';

/** A history creates its own tables, which is slow in some engines. */
const DELIVERY_TIMEOUT_MS = 60_000;

const ORDER: StreamId = 'order#1';
const STOCK: StreamId = 'stock#A.B%24@main';

/** Call it inside a `describe` with the engine's name. `makeSink` is called inside tests. */
export function sinkContract(makeSink: () => Sink, delivery: DeliveryOptions = { runs: runsOf(25) }): void {
  let projection: Projection<never, never>;
  let table: SinkTable;
  beforeEach(async () => {
    projection = { ...library, name: `library-${randomBytes(5).toString('hex')}` };
    table = await makeSink().open(projection);
  });

  const loadOne = async (key: string) => (await table.load([key])).get(key);
  const saveOne = async (write: Partial<DocumentWrite> & { key: string }) =>
    the((await table.save([{ document: {}, positions: {}, revision: undefined, ...write }]))[0]);

  describe('documents', () => {
    it('are absent until they are saved', async () => {
      expect(await table.load(['a', 'b'])).to.deep.equal(new Map());
      await saveOne({ key: 'a', document: { title: 'A' }, positions: { [ORDER]: 3 } });
      const loaded = await table.load(['b', 'a']);
      expect([...loaded.keys()]).to.deep.equal(['a']);
      expect(loaded.get('a')).to.deep.include({ key: 'a', document: { title: 'A' }, positions: { [ORDER]: 3 } });
    });

    it('are created once', async () => {
      expect(await saveOne({ key: 'a', document: { title: 'first' } })).to.deep.equal({ saved: true });
      expect(await saveOne({ key: 'a', document: { title: 'second' } })).to.deep.equal({ saved: false, stale: true });
      expect((await loadOne('a'))?.document).to.deep.equal({ title: 'first' });
    });

    it('are replaced only by the writer that has loaded the current version', async () => {
      await saveOne({ key: 'a', document: { title: 'first', brand: 'X' }, positions: { [ORDER]: 1 } });
      const { revision } = the(await loadOne('a'));
      const second = { key: 'a', document: { title: 'second' }, positions: { [ORDER]: 2, [STOCK]: 1 }, revision };
      expect(await saveOne(second)).to.deep.equal({ saved: true });
      expect(await saveOne({ ...second, document: { title: 'late' } })).to.deep.equal({ saved: false, stale: true });
      expect(await loadOne('a')).to.deep.include({ document: second.document, positions: second.positions });
    });

    it('succeed and fail independently, in the order of the writes', async () => {
      await saveOne({ key: 'b', document: { title: 'old' } });
      const writes = ['c', 'b', 'a'].map((key) => ({
        key,
        document: { title: key },
        positions: {},
        revision: undefined,
      }));
      expect(await table.save(writes)).to.deep.equal([{ saved: true }, { saved: false, stale: true }, { saved: true }]);
      const loaded = await table.load(['a', 'b', 'c']);
      expect(['a', 'b', 'c'].map((key) => loaded.get(key)?.document?.title)).to.deep.equal(['a', 'old', 'c']);
    });

    it('accept one of many concurrent writes', async () => {
      await saveOne({ key: 'a' });
      for (let round = 0; round < 3; round++) {
        const { revision } = the(await loadOne('a'));
        const racers = Array.from({ length: 16 }, (_, racer) => saveOne({ key: 'a', document: { racer }, revision }));
        const winners = (await Promise.all(racers)).flatMap(({ saved }, racer) => (saved ? [racer] : []));
        expect(winners).to.have.length(1);
        expect((await loadOne('a'))?.document).to.deep.equal({ racer: winners[0] });
      }
    });

    it('stay as tombstones, with their positions', async () => {
      await saveOne({ key: 'a', document: { title: 'A' }, positions: { [ORDER]: 1 } });
      const { revision } = the(await loadOne('a'));
      await saveOne({ key: 'a', document: null, positions: { [ORDER]: 2 }, revision });
      const tombstone = (await loadOne('a')) as StoredDocument;
      expect(tombstone).to.deep.include({ document: null, positions: { [ORDER]: 2 } });
      expect(await saveOne({ key: 'a', document: {} })).to.deep.equal({ saved: false, stale: true });
      expect(await saveOne({ key: 'a', document: {}, revision: tombstone.revision })).to.deep.equal({ saved: true });
    });

    it('come back exactly as they were saved', async () => {
      for (const [key, document] of Object.entries(oddDocuments))
        await saveOne({ key, document, positions: { [STOCK]: 7 } });
      const loaded = await table.load(Object.keys(oddDocuments));
      for (const [key, document] of Object.entries(oddDocuments)) {
        expect(loaded.get(key)?.document, key).to.deep.equal(document);
        expect(loaded.get(key)?.positions, key).to.deep.equal({ [STOCK]: 7 });
      }
    });

    it('are written by the hundred', async () => {
      const keys = Array.from({ length: 600 }, (_, n) => `document ${n}`);
      const saved = await table.save(
        keys.map((key) => ({ key, document: { key }, positions: {}, revision: undefined })),
      );
      expect(saved.filter((outcome) => outcome.saved)).to.have.length(600);
      const loaded = await table.load(keys);
      expect(keys.map((key) => loaded.get(key)?.document?.key)).to.deep.equal(keys);
    });
  });

  describe('progress', () => {
    it('is absent until a stream advances, and never falls back', async () => {
      expect(await table.progress([ORDER, STOCK])).to.deep.equal(new Map());
      await table.advance(
        new Map([
          [ORDER, 5],
          [STOCK, 2],
        ]),
      );
      await table.advance(
        new Map([
          [ORDER, 4],
          [STOCK, 3],
        ]),
      );
      expect(await table.progress([STOCK, ORDER])).to.deep.equal(
        new Map([
          [STOCK, { commitNo: 3 }],
          [ORDER, { commitNo: 5 }],
        ]),
      );
    });

    it('rises to the highest position of several concurrent workers', async () => {
      await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          table.advance(
            new Map([
              [ORDER, n + 1],
              [STOCK, 8 - n],
            ]),
          ),
        ),
      );
      const progress = await table.progress([ORDER, STOCK]);
      expect([progress.get(ORDER), progress.get(STOCK)]).to.deep.equal([{ commitNo: 8 }, { commitNo: 8 }]);
    });

    it('is written by the thousand', async () => {
      const streams = Array.from({ length: 1_500 }, (_, n): StreamId => `order#${n}`);
      await table.advance(new Map(streams.map((stream, n) => [stream, n + 1])));
      const progress = await table.progress(streams);
      expect(streams.every((stream, n) => progress.get(stream)?.commitNo === n + 1)).to.equal(true);
    });

    it('shows a quarantine until the stream has passed its commit', async () => {
      const entry = { stream: STOCK, commitNo: 3, error: 'it "broke"\n', since: '2026-01-02T03:04:05.678Z' };
      await table.quarantine({ ...entry, error: 'earlier' });
      await table.quarantine(entry);
      expect(await table.progress([STOCK])).to.deep.equal(new Map([[STOCK, { commitNo: 0, quarantine: entry }]]));
      await table.advance(new Map([[STOCK, 2]]));
      expect(await table.progress([STOCK])).to.deep.equal(new Map([[STOCK, { commitNo: 2, quarantine: entry }]]));
      expect(await table.quarantined()).to.deep.equal([entry]);

      await table.advance(new Map([[STOCK, 3]]));
      expect(await table.progress([STOCK])).to.deep.equal(new Map([[STOCK, { commitNo: 3 }]]));
      expect(await table.quarantined()).to.deep.equal([]);
    });

    it('accepts no quarantine for a commit that another worker has passed', async () => {
      await table.advance(new Map([[ORDER, 3]]));
      await table.quarantine({ stream: ORDER, commitNo: 3, error: 'late', since: '2026-01-02T03:04:05.678Z' });
      expect(await table.progress([ORDER])).to.deep.equal(new Map([[ORDER, { commitNo: 3 }]]));
      expect(await table.quarantined()).to.deep.equal([]);
    });

    it('keeps the sweep position', async () => {
      expect(await table.sweptTo()).to.equal(0);
      await table.setSweptTo(1_767_323_045_678_001);
      expect(await table.sweptTo()).to.equal(1_767_323_045_678_001);
    });
  });

  it("opens the same table for all concurrent callers, and another one for the projection's next version", async () => {
    const sink = makeSink();
    const fresh = { ...projection, name: `${projection.name}-b` };
    const [first, second] = await Promise.all([sink.open(fresh), makeSink().open(fresh)]);
    await first.save([{ key: 'a', document: {}, positions: {}, revision: undefined }]);
    expect((await second.load(['a'])).size).to.equal(1);
    expect((await (await sink.open({ ...fresh, version: 2 })).load(['a'])).size).to.equal(0);
  });

  it('accepts empty calls', async () => {
    expect(await table.load([])).to.deep.equal(new Map());
    expect(await table.save([])).to.deep.equal([]);
    expect(await table.progress([])).to.deep.equal(new Map());
    await table.advance(new Map());
  });

  it('ends as an in-order replay, whatever happens to messages and workers', async function () {
    this.timeout(DELIVERY_TIMEOUT_MS);
    await deliveryProperty(makeSink, delivery);
  });
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
