import type { StoredCommit } from '../../../domain/kernel/commit.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import { eventStoreContract } from '../../../test/contracts/event-store.contract.js';
import { notes } from '../../../test/contracts/notes.js';
import { describeWith, freshName } from '../../../test/engines.js';
import { createCommitCodec } from '../codec.js';
import { createEventStoreDb, type EventStoreDb } from './client.js';
import { fromEvent, prefixOf } from './commit-event.js';
import { createEventStoreDbEventStore } from './eventstoredb-event-store.js';

const codec = createCommitCodec(notes);

describeWith('eventstoredb', 'The log on EventStoreDB', (engines) => {
  const prefix = prefixOf(freshName('shop'), 'log');
  let db: EventStoreDb;
  before(() => {
    db = createEventStoreDb(engines.eventstoredb());
  });
  after(() => db.close());

  eventStoreContract('EventStoreDB', () => ({
    open: ({ loseReply, ...options } = {}) =>
      createEventStoreDbEventStore({ db: loseReply ? losingReplies(db, loseReply) : db, prefix, codec, ...options }),
    items: (stream) => items(db, prefix, stream),
  }));
});

/** The stored commits of a stream, read without the event store. */
async function items(db: EventStoreDb, prefix: string, stream: StreamId): Promise<StoredCommit[]> {
  const events = await db.readStream(prefix + stream, { from: 0, count: 1_000 });
  return events.map((event) => fromEvent(prefix, event));
}

/** Appends succeed but lose their answers, a given number of times. */
function losingReplies(db: EventStoreDb, loseReply: () => boolean): EventStoreDb {
  return {
    ...db,
    async append(...request) {
      const isStored = await db.append(...request);
      if (isStored && loseReply()) throw Object.assign(new Error('Channel has been shut down'));
      return isStored;
    },
  };
}
