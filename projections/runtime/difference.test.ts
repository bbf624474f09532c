// The differences between a read model and the log, on documents that tens of streams feed.
import { expect } from 'chai';
import { type Position, START } from '../../domain/kernel/commit.js';
import { isProblem } from '../../domain/kernel/errors.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore } from '../../infra/event-store/memory.js';
import { type Note, noteCommit, notes } from '../../test/contracts/notes.js';
import { createMemorySink } from '../../test/memory-sink.js';
import { type DifferenceOptions, differences } from './difference.js';
import type { Document, Projection } from './projection.js';
import { createProjector } from './projector.js';

const silent = { info() {}, warn() {}, error() {} };

/** One document for each letter; each stream that has written it is a member. `none` removes the member. */
const letters: Projection<Record<string, unknown>, DomainEvent<'NoteWritten', Note>> = {
  name: 'letters',
  version: 1,
  categories: ['note'],
  fields: {},
  on: {
    NoteWritten: {
      keys: ({ data }) => [data.text.slice(0, 1)],
      evolve(before, { data, commandId }) {
        const stream = commandId.slice(0, commandId.lastIndexOf('/'));
        return data.text.endsWith('none') ? null : { ...before, [stream]: data.text };
      },
    },
  },
};

describe('The differences of a read model from the log', () => {
  async function createWorld() {
    const store = createMemoryEventStore({ codec: createCommitCodec(notes), clock: Date.now, watermarkLagMs: 0 });
    const sink = createMemorySink();
    const documents = await sink.open([letters]);
    const ends = new Map<StreamId, Position>();
    const deps = { projections: [letters], documents, store, log: silent, clock: Date.now };
    const projector = createProjector({ engine: 'Memory', ...deps });

    async function write(stream: StreamId, ...texts: string[]): Promise<void> {
      for (const text of texts) {
        const after = ends.get(stream) ?? START;
        const result = await store.append(stream, after, noteCommit(after, `${stream}/${after.commitNo}`, { text }));
        if (result.appended) ends.set(stream, result.position);
      }
    }
    for (let n = 0; n < 40; n++) await write(`note#${n}`, 'a1', 'a2', ...(n === 7 ? ['b'] : []), `c${n}`);
    await write('note#gone', 'd', 'd none');
    await projector.catchUp(new Map([...ends].map(([stream, { commitNo }]) => [stream, commitNo])));

    const stored = async (key: string) => (await documents.load([{ table: 'letters_v1', key }], [])).documents[0];
    const put = async (key: string, document: Document | null, positions = {}) => {
      const { revision, positions: known } = (await stored(key)) ?? {};
      await documents.save(
        [{ table: 'letters_v1', key, document, positions: { ...known, ...positions }, revision }],
        new Map(),
      );
    };
    const lose = (key: string) => {
      const { documents: all, ...rest } = sink.snapshot();
      sink.restore({ ...rest, documents: new Map([...all].filter(([id]) => id !== `letters_v1 ${key}`)) });
    };
    const find = async (options: Partial<DifferenceOptions> = {}, skipped: readonly string[] = []) => {
      const isSkipped = (...commit: unknown[]) => skipped.includes(commit.join(' '));
      const found = [];
      const all = differences(
        { documents, store, log: silent, projection: letters, isSkipped },
        { repair: false, ...options },
      );
      for await (const one of all) found.push(one);
      return found.sort((one, other) => (one.key < other.key ? -1 : 1));
    };
    return { write, put, lose, find, stored };
  }

  it('are none if a projector has kept it, with tombstones', async () => {
    const { find } = await createWorld();
    expect(await find()).to.deep.equal([]);
  });

  it('name one document as different, with the fold of all of its forty streams', async () => {
    const { put, find, stored } = await createWorld();
    const right = (await stored('a'))?.document;
    await put('a', { ...right, 'note#9': 'a1' });
    const [difference, ...more] = await find();
    expect(more).to.deep.equal([]);
    expect(difference).to.include({ key: 'a', kind: 'different', streams: 40, repaired: false });
    expect(difference?.expected).to.deep.equal(right);
    expect((await stored('a'))?.document, 'nothing is repaired').to.include({ 'note#9': 'a1' });
    expect(await find({ key: 'c' })).to.deep.equal([]);
    expect(await find({ key: 'a' })).to.deep.equal([difference]);
  });

  it('cannot be asked of a document that neither the store nor the log knows', async () => {
    const { find, lose } = await createWorld();
    const error = await find({ key: 'nope' }).catch((reason: unknown) => reason);
    expect(isProblem(error, 'not_found')).to.equal(true);
    expect(String(error)).to.include('There is no document nope in letters, and none in the log.');
    lose('a');
    expect(await find({ key: 'a' }), 'known to the log').to.have.length(1);
  });

  it('name missing and surplus documents, lost tombstones and revived ones, and repair them all', async () => {
    const { put, lose, find, stored } = await createWorld();
    const right = { a: (await stored('a'))?.document, b: (await stored('b'))?.document };
    lose('a');
    lose('b');
    lose('d');
    await put('x', { made: 'up' });
    await put('y', { made: 'up' }, { 'note#1': 1 });
    const kinds = (found: Awaited<ReturnType<typeof find>>) =>
      found.map(({ key, kind, streams }) => [key, kind, streams]);
    const wrong = [
      ['a', 'missing', 40],
      ['b', 'missing', 1],
      ['d', 'missing', 1],
      ['x', 'surplus', 0],
      ['y', 'surplus', 1],
    ];
    expect(kinds(await find())).to.deep.equal(wrong);
    const repaired = await find({ repair: true });
    expect(kinds(repaired)).to.deep.equal(wrong);
    expect(repaired.every((one) => one.repaired)).to.equal(true);
    expect(await find()).to.deep.equal([]);
    expect([(await stored('a'))?.document, (await stored('b'))?.document]).to.deep.equal([right.a, right.b]);
    expect([(await stored('d'))?.document, (await stored('x'))?.document]).to.deep.equal([null, null]);

    await put('d', { made: 'up' });
    expect(await find({ repair: true })).to.have.length(1);
    expect((await stored('d'))?.document).to.equal(null);
  });

  it('are found in a missing document by its key alone, although nothing tells its streams', async () => {
    const { lose, find } = await createWorld();
    lose('c');
    expect(await find({ key: 'c' })).to.have.length(1);
  });

  it('leave out skipped commits, and commits that are not applied yet', async () => {
    const { write, find } = await createWorld();
    await write('note#1', 'a3');
    expect(await find()).to.deep.equal([]);
    const found = await find({}, ['letters note#7 3']);
    expect(found.map(({ key, kind }) => [key, kind])).to.deep.equal([['b', 'surplus']]);
  });

  it('are not looked for in a read model that counts approximately: neither by operators nor in the background', async () => {
    const approximate = { ...letters, approximate: true } as const;
    const store = createMemoryEventStore({ codec: createCommitCodec(notes), clock: Date.now, watermarkLagMs: 0 });
    const documents = await createMemorySink().open([approximate]);
    const deps = { documents, store, log: silent, clock: Date.now };
    const projector = createProjector({ engine: 'Memory', projections: [approximate], ...deps });
    const stream = 'note#1' as const;
    await store.append(stream, START, noteCommit(START, `${stream}/0`, { text: 'a' }));
    await projector.catchUp(new Map([[stream, 1]]));
    const load = async () => (await documents.load([{ table: 'letters_v1', key: 'a' }], [])).documents;
    const [stored] = await load();
    expect(stored).to.deep.include({ document: { [stream]: 'a' }, positions: {} });

    const other = {
      table: 'letters_v1',
      key: 'a',
      document: { counted: 2 },
      positions: {},
      revision: stored?.revision,
    };
    await documents.save([other], new Map());
    expect(await projector.compare([stream])).to.equal(0);
    expect((await load())[0]?.document).to.deep.equal({ counted: 2 });
    const found = differences({ ...deps, projection: approximate, isSkipped: () => false }, { repair: false });
    const error = await found.next().catch((caught: Error) => caught.message);
    expect(error).to.include('letters keeps approximate counts').and.include('Rebuild it');
  });
});
