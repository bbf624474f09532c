// The place of a shop's log in EventStoreDB: the stream with its mark, and the streams of its commits.
import { randomUUID } from 'node:crypto';
import type { Mark, Store } from '../../stores/store.js';
import { leftMark } from '../../stores/store.js';
import { createTurns } from '../../turns.js';
import { type EventStoreDb, pagesAfter } from './client.js';
import { prefixOf } from './commit-event.js';

/** Streams that are deleted at a time. */
const DELETIONS_IN_FLIGHT = 16;

/** The stream of the mark. It holds one event, and more only after a log was erased. */
export function markStreamOf(shop: string): string {
  return `${shop}/mark`;
}

/** `shop` begins the names of all streams of the shop. */
export function eventStoreDbStore({ db, address, shop }: { db: EventStoreDb; address: string; shop: string }): Store {
  const stream = markStreamOf(shop);

  async function read(): Promise<Mark | undefined> {
    const [event] = await db.readStream(stream, { from: 'end', count: 1 });
    return event && (JSON.parse(Buffer.from(event.data as Uint8Array).toString()) as Mark);
  }

  return {
    name: `EventStoreDB at ${address}, streams ${shop}/*`,
    // The streams of a log have its id in their names, so there is no log without a mark.
    mark: read,

    async leaveMark(mark) {
      const event = { id: randomUUID(), type: 'mark', data: Buffer.from(JSON.stringify(mark)), metadata: {} };
      return (await db.append(stream, -1, event)) === undefined ? leftMark(await read()) : mark;
    },

    /** The mark is deleted last, so that the data of an interrupted run still has an owner. The log's own streams never return. */
    async erase() {
      const mark = await read();
      if (!mark) return;
      const inTurn = createTurns(DELETIONS_IN_FLIGHT);
      const streams = await streamsWith(db, prefixOf(shop, mark.log));
      await Promise.all(streams.map((name) => inTurn(() => db.end(name))));
      await db.hide(stream);
    },
  };
}

/** The server has no list of streams, so this reads everything. */
async function streamsWith(db: EventStoreDb, prefix: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const page of pagesAfter('start', db.readAll)) {
    for (const { streamId } of page) if (streamId.startsWith(prefix)) found.add(streamId);
  }
  return [...found];
}
