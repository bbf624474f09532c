// What the adapters rely on in EventStoreDB, seen through the vendor's client. With EVENTSTORE_URL the same tests run against a real
// server, so that the one in this folder means something.
import { randomUUID, type UUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AllStreamSubscription,
  type AppendExpectedRevision,
  BACKWARDS,
  binaryEvent,
  END,
  ErrorType,
  EventStoreDBClient,
  jsonEvent,
  type Position,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import { expect } from 'chai';
import { describeWith, freshName } from '../engines.js';
import { the } from '../the.js';
import { type EventStoreDbServer, startEventStoreDbServer } from './server.js';

const eventOf = (type: string, id = randomUUID()) => jsonEvent({ id, type, data: { type }, metadata: { by: 'test' } });

describeWith('eventstoredb', 'EventStoreDB', (engines) => {
  serverContract('the server', () => engines.eventstoredb());
});

describeWith([], 'EventStoreDB without batches', () => {
  let server: EventStoreDbServer;
  before(async () => {
    server = await startEventStoreDbServer({ hasBatchAppend: false });
  });
  after(() => server.kill());
  serverContract('an older server', () => server.url);
});

function serverContract(name: string, url: () => string): void {
  describe(name, () => {
    let client: EventStoreDBClient;
    let stream: string;
    before(() => {
      client = EventStoreDBClient.connectionString(url());
    });
    after(() => client.dispose());
    beforeEach(() => {
      stream = freshName('stream');
    });

    const append = async (type: string, expectedRevision: AppendExpectedRevision, id?: UUID) =>
      (await client.appendToStream(stream, eventOf(type, id), { expectedRevision })).nextExpectedRevision;
    const typesOf = async (options: Parameters<EventStoreDBClient['readStream']>[1] = {}) =>
      (await all(client.readStream(stream, options))).map(({ event }) => event?.type);

    describe('an append', () => {
      it('is accepted with the revision of the last event, and only with that', async () => {
        expect(await append('A', 'no_stream')).to.equal(0n);
        expect(await append('B', 0n)).to.equal(1n);
        for (const expected of ['no_stream', 0n, 2n, 9n] as const) {
          const error = await failure(append('X', expected));
          expect(error, `${expected}`).to.include({ type: ErrorType.WRONG_EXPECTED_VERSION, actualVersion: 1n });
        }
        expect(await append('C', 'any')).to.equal(2n);
        expect(await append('D', 'stream_exists')).to.equal(3n);
        expect(await typesOf()).to.deep.equal(['A', 'B', 'C', 'D']);
      });

      it('to a stream that does not exist is refused if it expects events', async () => {
        for (const expected of ['stream_exists', 0n, 4n] as const) {
          expect(await failure(append('X', expected))).to.include({ type: ErrorType.WRONG_EXPECTED_VERSION });
        }
        expect(await append('A', 'any')).to.equal(0n);
      });

      it('of several events writes all or none', async () => {
        const events = ['A', 'B', 'C'].map((type) => eventOf(type));
        const { nextExpectedRevision } = await client.appendToStream(stream, events, { expectedRevision: 'no_stream' });
        expect(nextExpectedRevision).to.equal(2n);
        const others = ['D', 'E'].map((type) => eventOf(type));
        await failure(client.appendToStream(stream, others, { expectedRevision: 'no_stream' }));
        expect(await typesOf()).to.deep.equal(['A', 'B', 'C']);
      });

      it('is won by one of many that race for the same revision', async () => {
        const racing = Array.from({ length: 20 }, (_, n) => append(`R${n}`, 'no_stream'));
        const results = await Promise.allSettled(racing);
        expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
        expect(await typesOf()).to.have.length(1);
      });

      it('that is repeated with the same event ids is answered as before, and writes nothing', async () => {
        const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
        await append('A', 'no_stream', a);
        await append('B', 0n, b);
        await append('C', 'any', c);
        expect(await append('A', 'no_stream', a)).to.equal(0n);
        expect(await append('B', 0n, b)).to.equal(1n);
        expect(await append('C', 'any', c)).to.equal(2n);
        expect(await append('C', 'stream_exists', c)).to.equal(2n);
        expect(await typesOf()).to.deep.equal(['A', 'B', 'C']);
      });

      it('that repeats only some of its events, or an event of another revision, is refused', async () => {
        const first = eventOf('A');
        await client.appendToStream(stream, first, { expectedRevision: 'no_stream' });
        await append('B', 0n);
        const partly = client.appendToStream(stream, [first, eventOf('X')], { expectedRevision: 'no_stream' });
        expect(await failure(partly)).to.include({ type: ErrorType.WRONG_EXPECTED_VERSION });
        expect(await failure(append('B', 'no_stream', randomUUID()))).to.include({
          type: ErrorType.WRONG_EXPECTED_VERSION,
        });
        expect(await typesOf()).to.deep.equal(['A', 'B']);
      });

      it('keeps bytes and metadata as they were sent', async () => {
        const data = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
        const event = binaryEvent({ type: 'bytes', data, metadata: { text: 'Straße ☕ \u0000' } });
        await client.appendToStream(stream, event);
        const [read] = await all(client.readStream(stream));
        expect(Buffer.from(the(read?.event).data as Uint8Array)).to.deep.equal(data);
        expect(the(read?.event)).to.deep.include({
          id: event.id,
          metadata: { text: 'Straße ☕ \u0000' },
          revision: 0n,
        });
        expect(the(read?.event).created.getTime()).to.be.closeTo(Date.now(), 60_000);
      });

      it('above the size limit is refused', async () => {
        const event = binaryEvent({ type: 'large', data: Buffer.alloc(1_200_000) });
        expect(await failure(client.appendToStream(stream, event))).to.include({
          type: ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED,
        });
      });
    });

    describe('a read', () => {
      beforeEach(async () => {
        await client.appendToStream(
          stream,
          ['A', 'B', 'C', 'D'].map((type) => eventOf(type)),
        );
      });

      it('of a stream goes both ways, from a revision, and ends at its limit', async () => {
        expect(await typesOf()).to.deep.equal(['A', 'B', 'C', 'D']);
        expect(await typesOf({ fromRevision: 1n, maxCount: 2 })).to.deep.equal(['B', 'C']);
        expect(await typesOf({ fromRevision: 9n })).to.deep.equal([]);
        expect(await typesOf({ direction: BACKWARDS, fromRevision: END, maxCount: 2 })).to.deep.equal(['D', 'C']);
        expect(await typesOf({ direction: BACKWARDS, fromRevision: 2n })).to.deep.equal(['C', 'B', 'A']);
      });

      it('of a stream that does not exist says so', async () => {
        expect(await failure(all(client.readStream(freshName('none'))))).to.include({
          type: ErrorType.STREAM_NOT_FOUND,
        });
      });

      it('of $all goes forwards from a position, and backwards from the event before it', async () => {
        const last = await all(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 4 }));
        const events = last.map(({ event }) => the(event)).reverse();
        expect(events.map(({ type }) => type)).to.deep.equal(['A', 'B', 'C', 'D']);
        const { position } = the(events[1]);
        const forwards = await all(client.readAll({ fromPosition: the(position), maxCount: 2 }));
        expect(forwards.map(({ event }) => event?.type)).to.deep.equal(['B', 'C']);
        const backwards = await all(client.readAll({ direction: BACKWARDS, fromPosition: the(position), maxCount: 1 }));
        expect(backwards.map(({ event }) => event?.type)).to.deep.equal(['A']);
        const positions = events.map((event) => the(event.position).commit);
        expect([...positions].sort((a, b) => Number(a - b))).to.deep.equal(positions);
        const times = events.map(({ created }) => created.getTime());
        expect([...times].sort((a, b) => a - b)).to.deep.equal(times);
      });
    });

    describe('a subscription to $all', () => {
      let subscription: AllStreamSubscription;
      let received: string[];
      let checkpoints: Position[];
      afterEach(() => subscription.unsubscribe());

      function subscribe(fromPosition: Position | 'start' | 'end', prefix = stream): void {
        [received, checkpoints] = [[], []];
        const checkpointReached = async (_: unknown, position: Position) => void checkpoints.push(position);
        const filter = streamNameFilter({
          prefixes: [prefix],
          maxSearchWindow: 4,
          checkpointInterval: 2,
          checkpointReached,
        });
        subscription = client.subscribeToAll({ fromPosition, filter });
        subscription.on('error', () => {});
        subscription.on('data', ({ event }) => void received.push(`${event?.streamId} ${event?.type}`));
      }

      it('delivers what is there, then what comes, and only what its filter names', async () => {
        await append('A', 'any');
        subscribe('start');
        await until(() => received.length === 1);
        await client.appendToStream(freshName('other'), eventOf('X'));
        await append('B', 'any');
        await until(() => received.length === 2);
        expect(received).to.deep.equal([`${stream} A`, `${stream} B`]);
      });

      it('continues after a position', async () => {
        await append('A', 'any');
        const { position } = await client.appendToStream(stream, eventOf('B'));
        await append('C', 'any');
        subscribe(the(position));
        await until(() => received.length === 1);
        expect(received).to.deep.equal([`${stream} C`]);
      });

      it('says how far it has searched while nothing matches', async () => {
        subscribe(END);
        await delay(50);
        for (let n = 0; n < 20; n++) await client.appendToStream(freshName('other'), eventOf('X'));
        await until(() => checkpoints.length > 0);
        await append('A', 'any');
        await until(() => received.length === 1);
      });

      it('shows when the readable part of a stream is changed', async () => {
        await append('A', 'any');
        subscribe(START, `$$${stream}`);
        await client.setStreamMetadata(stream, { maxCount: 1 });
        await until(() => received.length === 1);
        expect(received).to.deep.equal([`$$${stream} $metadata`]);
      });
    });

    describe('a deletion', () => {
      beforeEach(async () => {
        for (const type of ['A', 'B', 'C']) await append(type, 'any');
      });

      it('that is soft hides the stream until it is written again, and its revisions continue', async () => {
        await client.deleteStream(stream);
        expect(await failure(all(client.readStream(stream)))).to.include({ type: ErrorType.STREAM_NOT_FOUND });
        expect(await append('D', 'no_stream')).to.equal(3n);
        expect(await typesOf()).to.deep.equal(['D']);
        expect(await append('E', 3n)).to.equal(4n);
      });

      it('by a tombstone ends the stream for ever', async () => {
        await client.tombstoneStream(stream);
        expect(await failure(all(client.readStream(stream)))).to.include({ type: ErrorType.STREAM_DELETED });
        for (const expected of ['any', 'no_stream', 2n] as const)
          expect(await failure(append('D', expected))).to.include({ type: ErrorType.STREAM_DELETED });
      });

      it('of the oldest events is what a limit on their number does', async () => {
        await client.setStreamMetadata(stream, { maxCount: 2 });
        expect(await typesOf()).to.deep.equal(['B', 'C']);
        expect(await append('D', 2n)).to.equal(3n);
        expect(await typesOf()).to.deep.equal(['C', 'D']);
        await client.setStreamMetadata(stream, { truncateBefore: 3 });
        expect(await typesOf()).to.deep.equal(['D']);
      });

      it('is refused with a wrong revision', async () => {
        expect(await failure(client.deleteStream(stream, { expectedRevision: 7n }))).to.include({
          type: ErrorType.WRONG_EXPECTED_VERSION,
        });
        expect(await typesOf()).to.deep.equal(['A', 'B', 'C']);
      });
    });
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}
