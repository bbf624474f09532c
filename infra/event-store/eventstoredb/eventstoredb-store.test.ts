import { expect } from 'chai';
import { START } from '../../../domain/kernel/commit.js';
import { streamId } from '../../../domain/kernel/stream.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { describeWith, freshName } from '../../../test/engines.js';
import { STORE_GENERATION } from '../../stores/store.js';
import { createCommitCodec } from '../codec.js';
import { createEventStoreDb, type EventStoreDb } from './client.js';
import { prefixOf } from './commit-event.js';
import { createEventStoreDbEventStore } from './eventstoredb-event-store.js';
import { eventStoreDbStore } from './eventstoredb-store.js';

const codec = createCommitCodec(notes);

describeWith('eventstoredb', 'The place of a log in EventStoreDB', (engines) => {
  let db: EventStoreDb;
  let shop: string;
  before(() => {
    db = createEventStoreDb(engines.eventstoredb());
  });
  after(() => db.close());
  beforeEach(() => {
    shop = freshName('shop');
  });

  const storeOf = (name: string) => eventStoreDbStore({ db, address: 'here', shop: name });
  const markOf = (log: string) => ({ generation: STORE_GENERATION, log, key: 'key', eventStore: 'eventstoredb' });

  /** Writes one commit, and returns the streams of the log that still have one. */
  async function write(name: string, log: string): Promise<() => Promise<number>> {
    const store = createEventStoreDbEventStore({ db, prefix: prefixOf(name, log), codec });
    const stream = streamId('note', freshName('n'));
    await store.append(stream, START, noteCommit(START, 'c', {}));
    return async () => (await db.readStream(prefixOf(name, log) + stream, { from: 0, count: 1 })).length;
  }

  it('has the mark of the first of several processes', async () => {
    expect(await storeOf(shop).mark()).to.equal(undefined);
    const marks = ['a', 'b', 'c'].map(markOf);
    const left = await Promise.all(marks.map((mark) => storeOf(shop).leaveMark(mark)));
    const mark = await storeOf(shop).mark();
    expect(marks).to.deep.include(mark);
    expect(left).to.deep.equal([mark, mark, mark]);
  });

  it('is empty after it was erased, and can be used again and again', async () => {
    await storeOf(shop).erase();
    for (const log of ['first', 'second', 'third']) {
      await storeOf(shop).leaveMark(markOf(log));
      expect(await storeOf(shop).mark()).to.deep.equal(markOf(log));
      const left = await write(shop, log);
      expect(await left()).to.equal(1);
      await storeOf(shop).erase();
      expect(await storeOf(shop).mark()).to.equal(undefined);
      expect(await left().catch(({ type }: { type: string }) => type)).to.equal('stream-deleted');
    }
  });

  it('is not affected when another shop is erased, or a log that was erased before', async () => {
    await storeOf(shop).leaveMark(markOf('log'));
    const left = await write(shop, 'log');
    for (const neighbour of [`${shop}x`, shop.slice(0, -1), 'other']) {
      await storeOf(neighbour).leaveMark(markOf('log'));
      await write(neighbour, 'log');
      await storeOf(neighbour).erase();
    }
    expect(await left()).to.equal(1);
    expect(await storeOf(shop).mark()).to.deep.equal(markOf('log'));
  });
});
