import { expect } from 'chai';
import fc from 'fast-check';
import { type Hlc, hlcOf, nextAt } from '../../../domain/kernel/clock.js';
import { type Position, START, type StoredCommit } from '../../../domain/kernel/commit.js';
import { Unavailable } from '../../../domain/kernel/errors.js';
import {
  compareLogEntries,
  type EventStore,
  entryOf,
  type LogEntry,
  UnreadableCommit,
} from '../../../domain/kernel/event-store.js';
import { WATERMARK_LAG_MS } from '../../../domain/kernel/limits.js';
import { type StreamId, streamId } from '../../../domain/kernel/stream.js';
import { eventStoreContract } from '../../../test/contracts/event-store.contract.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { describeWith, freshName } from '../../../test/engines.js';
import { createServerLog, type Proposed } from '../../../test/eventstoredb/log.js';
import { type EventStoreDbServer, startEventStoreDbServer } from '../../../test/eventstoredb/server.js';
import { runsOf } from '../../../test/every-case.js';
import { the } from '../../../test/the.js';
import { createCommitCodec, positionOf } from '../codec.js';
import { LoadConflict } from '../log-loader.js';
import { createEventStoreDb, type EventStoreDb } from './client.js';
import { fromEvent, HiddenEvents, NotACommit, prefixOf, toEvent } from './commit-event.js';
import { createEventStoreDbEventStore } from './eventstoredb-event-store.js';
import { createEventStoreDbLoader, LOADED_TOGETHER } from './loader.js';

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

  it('has the text of the events as its data, byte for byte, and all other fields as its metadata', async () => {
    const stream = newStream();
    const store = createEventStoreDbEventStore({ db, prefix, codec });
    const commit = noteCommit(START, 'c1', { text: 'Straße ☕ "\\\ud800' });
    await store.append(stream, START, commit);
    const [event] = await db.readStream(prefix + stream, { from: 0, count: 10 });
    const { ev, ...rest } = codec.encode(stream, START, commit);
    expect(the(event)).to.deep.include({ streamId: prefix + stream, revision: 0n, type: 'commit', metadata: rest });
    expect(Buffer.from(the(event).data as Uint8Array)).to.deep.equal(Buffer.from(ev));
  });
});

describeWith([], 'The log on a server of EventStoreDB that fails', () => {
  let server: EventStoreDbServer;
  let db: EventStoreDb;
  let prefix: string;
  let store: EventStore;
  before(async () => {
    server = await startEventStoreDbServer();
    db = createEventStoreDb(server.url);
  });
  after(async () => {
    await db.close();
    server.kill();
  });
  beforeEach(() => {
    prefix = prefixOf(freshName('shop'), 'log');
    store = createEventStoreDbEventStore({ db, prefix, codec, watermarkLagMs: 0 });
  });
  afterEach(() => server.inject(() => undefined));

  it('has each commit once, however often the server is killed, refuses requests and loses its answers', async () => {
    let requests = 0;
    server.inject((method) => {
      if (method !== 'append') return undefined;
      return requests++ % 7 === 3 ? 'unavailable' : requests % 5 === 2 ? 'reply lost' : undefined;
    });
    const streams = Array.from({ length: 10 }, newStream);
    const writing = streams.map(async (stream) => {
      for (let end = START, n = 1; n <= 10; n++) end = await append(stream, end, `c${n}`);
    });
    for (let kill = 0; kill < 3; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      server.kill();
      await server.start();
    }
    await Promise.all(writing);
    for (const stream of streams) {
      const stored = await items(db, prefix, stream);
      expect(stored.map(({ sk, cs }) => `${sk} ${cs}`)).to.deep.equal(stored.map((_, n) => `${n + 1} c${n + 1}`));
      expect(stored).to.have.length(10);
    }
  });

  it('takes an append that gets no answer as lost, and finds it at the next attempt', async () => {
    let hangs = true;
    server.inject((method) => {
      if (method !== 'append' || !hangs) return undefined;
      hangs = false;
      return 'no answer';
    });
    const stream = newStream();
    const end = await append(stream, START, 'c1');
    expect((await items(db, prefix, stream)).map(positionOf)).to.deep.equal([end]);
  });

  it('throws Unavailable when the server does not come back', async () => {
    const nowhere = createEventStoreDb('esdb://127.0.0.1:1?tls=false');
    let now = Date.now();
    const clock = () => {
      now += 2_000;
      return now;
    };
    const away = createEventStoreDbEventStore({ db: nowhere, prefix, codec, clock });
    const attempts = [
      () => away.append(newStream(), START, noteCommit(START, 'c', {})),
      () => away.read(newStream())[Symbol.asyncIterator]().next(),
      () => away.stored()[Symbol.asyncIterator]().next(),
      () => away.watermark(),
    ];
    for (const attempt of attempts) {
      const error = await failure(attempt());
      expect(error).to.be.instanceOf(Unavailable);
      expect(error)
        .to.have.property('message')
        .that.matches(/EventStoreDB: no success .*ECONNREFUSED/);
    }
    await nowhere.close();
  });

  it('refuses a delayed commit that the watermark may have passed', async () => {
    const commit = { ...noteCommit(START, 'c', {}), at: hlcOf(Date.now() - WATERMARK_LAG_MS) };
    const error = await failure(store.append(newStream(), START, commit));
    expect(error)
      .to.be.instanceOf(Unavailable)
      .with.property('message')
      .that.matches(/too old/);
  });

  it('says which commit somebody else has put into a stream, wherever it is read', async () => {
    const stream = newStream();
    const end = await append(stream, START, 'c1');
    const { id, data } = toEvent(codec.encode(stream, end, noteCommit(end, 'c2', {})));
    await db.append(prefix + stream, 0, { id, type: 'commit', data, metadata: { by: 'somebody' } });
    const entry = { stream, commitNo: 2 };
    expect(await failure(all(store.read(stream)))).to.be.instanceOf(NotACommit);
    await untilShown(store);
    const stored: unknown[] = [];
    const error = await failure(
      (async () => {
        for await (const commit of store.stored()) stored.push(commit);
      })(),
    );
    expect(stored).to.have.length(1);
    expect(error).to.be.instanceOf(UnreadableCommit);
    expect((error as UnreadableCommit).entry).to.include(entry);
    expect(await all(store.stored({ after: (error as UnreadableCommit).entry }))).to.deep.equal([]);
    expect((await all(store.newest(0))).map(({ commitNo }) => commitNo)).to.deep.equal([1, 2]);
  });

  it('says that commits are hidden, instead of taking their stream for a shorter or a new one', async () => {
    const [cut, hidden] = [newStream(), newStream()];
    for (const stream of [cut, hidden]) await append(stream, await append(stream, START, 'c1'), 'c2');
    const data = Buffer.from(JSON.stringify({ $tb: 1 }));
    const limit = { id: crypto.randomUUID(), type: '$metadata', contentType: 'application/json', data };
    server.log.append(`$$${prefix}${cut}`, 'any', [{ ...limit, metadata: new Uint8Array() }]);
    await db.hide(prefix + hidden);
    await db.end(prefix + (await endedAfterOne()));
    expect(await all(store.newest(0))).to.have.length(5);
    expect(await failure(all(store.read(cut)))).to.be.instanceOf(HiddenEvents);
    expect(await all(store.read(cut, 1))).to.have.length(1);
    expect(await failure(append(hidden, START, 'c3'))).to.be.instanceOf(HiddenEvents);
    expect(await failure(all(store.read(hidden)))).to.be.instanceOf(HiddenEvents);
  });

  it('is loaded byte for byte, repeatably, and not over another log', async () => {
    const commits = chainsOf(30, 5);
    const loader = createEventStoreDbLoader({ db, prefix });
    expect(await loader.isEmpty()).to.equal(true);
    let requests = 0;
    server.inject((method) => (method === 'append' && requests++ % 9 === 4 ? 'reply lost' : undefined));
    await loader.load(commits.slice(0, 80));
    await loader.load(commits);
    expect(await loader.isEmpty()).to.equal(false);
    expect(await all(store.stored())).to.deep.equal(commits);
    const [first] = commits;
    const other = codec.encode(the(first).pk, START, noteCommit(START, 'other', {}));
    expect(await failure(loader.load([other]))).to.be.instanceOf(LoadConflict);
  });

  async function endedAfterOne(): Promise<StreamId> {
    const stream = newStream();
    await append(stream, START, 'c1');
    return stream;
  }

  async function append(stream: StreamId, after: Position, command: string): Promise<Position> {
    const result = await store.append(stream, after, noteCommit(after, command, {}));
    if (!result.appended) throw new Error('a conflict with nobody');
    return result.position;
  }
});

describe('The order of the log on EventStoreDB', () => {
  const prefix = prefixOf('shop', 'log');
  const now = Date.now();

  /** Some pages of commits. Each arrives some ms after the last one, and was decided some ms before. */
  const anyHistory = fc.array(
    fc.record({
      pause: fc.oneof({ weight: 300, arbitrary: fc.nat(20) }, fc.constant(40_000)),
      delay: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -2_000, max: 10_000 }) }, fc.constant(29_000)),
      isForeign: fc.boolean(),
    }),
    { minLength: 2_000, maxLength: 3_500, size: 'max' },
  );
  const anyRanges = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 3, maxLength: 5 });

  it('is that of time, stream and number for every range, however late commits arrive', async () => {
    const property = fc.asyncProperty(anyHistory, anyRanges, async (history, ranges) => {
      let time = 0;
      const arrivals = history.map(({ pause, delay, isForeign }, n) => {
        time += pause;
        return { time, at: hlcOf(now - 3_600_000 + time - delay) + n, isForeign };
      });
      await check(arrivals, ranges);
    });
    await fc.assert(property, { numRuns: runsOf(8), endOnFailure: true });
  });

  it('is the same for a log that was loaded, whose commits arrive together and hours apart by their own time', async () => {
    const property = fc.asyncProperty(anyRanges, async (ranges) => {
      const chunks = Array.from({ length: 30 }, (_, chunk) =>
        Array.from({ length: LOADED_TOGETHER }, (_, n) => {
          const at = hlcOf(1_600_000_000_000 + (chunk * LOADED_TOGETHER + n) * 3_600_000);
          return { time: chunk, at, isForeign: false };
        }).reverse(),
      );
      await check(chunks.flat(), ranges);
    });
    await fc.assert(property, { numRuns: runsOf(5), endOnFailure: true });
  });

  async function check(arrivals: { time: number; at: Hlc; isForeign: boolean }[], ranges: [number, number][]) {
    let time = 0;
    const log = createServerLog({ clock: () => now - 3_600_000 + time });
    const entries: LogEntry[] = [];
    for (const [n, arrival] of arrivals.entries()) {
      time = arrival.time;
      const stored = codec.encode(streamId('note', `${n}`), START, { ...noteCommit(START, 'c', {}), at: arrival.at });
      log.append(arrival.isForeign ? `other/${stored.pk}` : prefix + stored.pk, 'any', [toLogEvent(stored)]);
      if (!arrival.isForeign) entries.push(entryOf(stored));
    }
    entries.sort(compareLogEntries);
    const store = createEventStoreDbEventStore({ db: readingFrom(log.all), prefix, codec });
    const timeOf = (place: number): Hlc => the(entries[place % entries.length]).at;
    const everything: [Hlc, Hlc] = [0, Number.MAX_SAFE_INTEGER];
    for (const [after, upTo] of [...ranges.map((range) => range.map(timeOf)), everything] as [Hlc, Hlc][]) {
      const expected = entries.filter(({ at }) => at > after && at <= upTo);
      expect(await all(store.log(after, upTo)), `${after} ${upTo}`).to.deep.equal(expected);
      expect(await all(store.newest(after))).to.deep.equal(entries.filter(({ at }) => at > after));
    }
  }

  it('reads little more than it shows, once it has been through the log', async () => {
    let time = now - 3_600_000;
    const log = createServerLog({ clock: () => time });
    for (let n = 0; n < 20_000; n++) {
      time += 100;
      const stored = codec.encode(streamId('note', `${n}`), START, { ...noteCommit(START, 'c', {}), at: hlcOf(time) });
      log.append(prefix + stored.pk, 'any', [toLogEvent(stored)]);
    }
    let events = 0;
    const counted = readingFrom(log.all, (count) => {
      events += count;
    });
    const store = createEventStoreDbEventStore({ db: counted, prefix, codec });
    expect(await all(store.log(0))).to.have.length(20_000);
    events = 0;
    const middle = hlcOf(now - 3_600_000 + 1_000_000);
    expect(await all(store.log(middle, middle + hlcOf(10_000)))).to.have.length(100);
    expect(events).to.be.below(4_000);
    events = 0;
    expect(await all(store.newest(hlcOf(time - 10_000)))).to.have.length(100);
    expect(events).to.be.below(4_000);
  });
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
      const revision = await db.append(...request);
      if (revision !== undefined && loseReply()) throw Object.assign(new Error('Channel has been shut down'));
      return revision;
    },
  };
}

/** As the server gets it. */
function toLogEvent(commit: StoredCommit): Proposed {
  const { metadata, ...event } = toEvent(commit);
  return { ...event, contentType: 'application/octet-stream', metadata: Buffer.from(JSON.stringify(metadata)) };
}

/** A client that reads this log without a network. */
function readingFrom(log: ReturnType<typeof createServerLog>['all'], onRead = (_events: number) => {}): EventStoreDb {
  const events = log.map(({ stream, revision, position, created, data, metadata, ...event }) => ({
    ...event,
    streamId: stream,
    revision: BigInt(revision),
    isJson: false,
    data,
    metadata: JSON.parse(Buffer.from(metadata).toString()),
    created: new Date(created),
    position: { commit: BigInt(position), prepare: BigInt(position) },
  }));
  const indexes = new Map(events.map(({ position }, index) => [position.commit, index]));
  const readAll: EventStoreDb['readAll'] = async ({ from, count, backwards }) => {
    const index = from === 'start' ? 0 : from === 'end' ? events.length : (indexes.get(from.commit) ?? 0);
    const found = backwards
      ? events.slice(Math.max(0, index - count), index).reverse()
      : events.slice(index, index + count);
    onRead(found.length);
    return found as never;
  };
  return { readAll, date: async () => new Date().toUTCString() } as EventStoreDb;
}

/** The commits of several streams in total order, from long ago. The times of one stream are far apart. */
function chainsOf(streams: number, length: number): StoredCommit[] {
  const commits = Array.from({ length: streams }, (_, n) => {
    const stream = newStream();
    const chain: StoredCommit[] = [];
    for (let end = START; chain.length < length; ) {
      const at = nextAt(1_600_000_000_000 + n * 3_600_000 + chain.length * 86_400_000, end.at);
      const commit = codec.encode(stream, end, { ...noteCommit(end, `c${chain.length}`, { text: 'old ☕' }), at });
      chain.push(commit);
      end = positionOf(commit);
    }
    return chain;
  });
  return commits.flat().sort((a, b) => compareLogEntries(entryOf(a), entryOf(b)));
}

/** Until the log is shown up to now. */
async function untilShown(store: EventStore): Promise<void> {
  const now = hlcOf(Date.now());
  while ((await store.watermark()) < now) await new Promise((resolve) => setTimeout(resolve, 20));
}

function newStream(): StreamId {
  return streamId('note', freshName('n'));
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
