import { setTimeout as delay } from 'node:timers/promises';
import type { Position as Place } from '@eventstore/db-client';
import { expect } from 'chai';
import { type Commit, type Position, START, type StoredCommit } from '../../../domain/kernel/commit.js';
import type { EventStore } from '../../../domain/kernel/event-store.js';
import { type StreamId, streamId } from '../../../domain/kernel/stream.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { describeWith, freshName } from '../../../test/engines.js';
import { type EventStoreDbServer, startEventStoreDbServer } from '../../../test/eventstoredb/server.js';
import { the } from '../../../test/the.js';
import { createPool } from '../../postgres.js';
import { createCommitCodec } from '../codec.js';
import { type CatchUpFeedOptions, createCatchUpFeed } from './catch-up-feed.js';
import { createCheckpointsTable, createPostgresCheckpoints, type FeedCheckpoints } from './checkpoints.js';
import { createEventStoreDb, type EventStoreDb } from './client.js';
import { prefixOf, toEvent } from './commit-event.js';
import { createEventStoreDbEventStore } from './eventstoredb-event-store.js';

const codec = createCommitCodec(notes);

describeWith([], 'The change feed on EventStoreDB', () => {
  let server: EventStoreDbServer;
  let db: EventStoreDb;
  let prefix: string;
  let store: EventStore;
  let checkpoints: FeedCheckpoints & { saved: Map<string, Place> };
  let warnings: string[];
  let alarms: unknown[][];
  let stops: (() => Promise<void>)[];

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
    store = createEventStoreDbEventStore({ db, prefix, codec });
    checkpoints = checkpointsInMemory();
    [warnings, alarms, stops] = [[], [], []];
  });
  afterEach(() => Promise.all(stops.map((stop) => stop())));

  function openFeed(options: Partial<CatchUpFeedOptions> = {}) {
    const write = (_: object, message: string) => void warnings.push(message);
    const log = { info: write, warn: write, error: write };
    return createCatchUpFeed({
      db,
      prefix,
      checkpoints,
      codec,
      alarm: (...of) => void alarms.push(of),
      log,
      ...options,
    });
  }

  /** Runs a consumer that collects the delivered commits. */
  function consume(
    consumer: string,
    handle: (commits: readonly Commit[]) => Promise<void> = async () => {},
    feed = openFeed(),
  ) {
    const abort = new AbortController();
    const seen: string[] = [];
    const running = feed.run(
      consumer,
      async (commits) => {
        await handle(commits);
        seen.push(...commits.map(nameOf));
      },
      abort.signal,
    );
    const stop = async () => {
      abort.abort();
      await running;
    };
    stops.push(stop);
    const hasAll = (wanted: readonly string[]) => {
      const known = new Set(seen);
      return wanted.every((name) => known.has(name));
    };
    return { seen, stop, until: (wanted: readonly string[]) => until(() => hasAll(wanted)) };
  }

  async function append(stream: StreamId, after: Position = START): Promise<Position> {
    const result = await store.append(stream, after, noteCommit(after, 'c', {}));
    if (!result.appended) throw new Error('conflict');
    return result.position;
  }

  async function appendMany(count: number): Promise<string[]> {
    const streams = Array.from({ length: count }, newStream);
    await Promise.all(streams.map((stream) => append(stream)));
    return streams.map((stream) => `${stream} 1`);
  }

  it('delivers every commit once, as the store reads it, and those of one stream in order', async () => {
    const [a, b] = [newStream(), newStream()];
    const first = await append(a);
    const delivered: Commit[] = [];
    const consumer = consume('c', async (commits) => void delivered.push(...commits));
    await append(b);
    await append(a, await append(a, first));
    await consumer.until([`${a} 3`, `${b} 1`]);
    expect(consumer.seen.filter((name) => name.startsWith(a))).to.deep.equal([`${a} 1`, `${a} 2`, `${a} 3`]);
    expect(new Set(consumer.seen).size).to.equal(consumer.seen.length);
    const ofA = delivered.filter(({ stream }) => stream === a);
    const read: Commit[] = [];
    for await (const commit of store.read(a)) read.push(commit);
    expect(ofA).to.deep.equal(read);
  });

  it('delivers nothing of other shops, other logs of the same shop, and the server itself', async () => {
    const others = ['other', prefix.replace('/log/', '/log2/'), `x${prefix}`, prefix.replace('/log/', '2/log/')];
    for (const other of others) {
      const neighbour = createEventStoreDbEventStore({ db, prefix: other, codec });
      await neighbour.append(newStream(), START, noteCommit(START, 'c', {}));
    }
    await db.append('$stats-127.0.0.1', -1, { ...toEvent(anyCommit()), type: '$statsCollected' });
    const consumer = consume('c');
    const own = await appendMany(2);
    await consumer.until(own);
    expect(consumer.seen).to.have.members(own);
    expect(warnings).to.deep.equal([]);
  });

  it('continues from the checkpoint of its consumer, while another consumer starts at the beginning', async () => {
    const early = await appendMany(3);
    const first = consume('c');
    await first.until(early);
    await first.stop();
    const later = await appendMany(2);
    const second = consume('c');
    await second.until(later);
    expect(second.seen).to.have.members(later);
    const other = consume('other');
    await other.until([...early, ...later]);
  });

  it('moves its checkpoint past the events of others, so that a restart does not read them again', async () => {
    const consumer = consume('c');
    await consumer.until(await appendMany(1));
    const before = the(checkpoints.saved.get('c'));
    const others = Array.from({ length: 1_100 }, () => toLogEvent(anyCommit()));
    server.log.append('neighbour', 'any', others);
    await until(() => the(checkpoints.saved.get('c')).commit > before.commit);
  });

  it('delivers a batch again that was not handled', async () => {
    let failures = 2;
    const consumer = consume('c', async () => {
      if (failures-- > 0) throw new Error('the read model is away');
    });
    await consumer.until(await appendMany(3));
    expect(warnings).to.have.length(2);
    expect(new Set(consumer.seen).size).to.equal(consumer.seen.length);
  });

  it('continues when its checkpoint cannot be saved', async () => {
    let failures = 2;
    const { save } = checkpoints;
    checkpoints.save = async (consumer, position) => {
      if (failures-- > 0) throw new Error('Postgres is away');
      await save(consumer, position);
    };
    const consumer = consume('c');
    await consumer.until(await appendMany(3));
    await until(() => checkpoints.saved.size > 0);
  });

  it('survives a server that is killed and comes back, and loses nothing', async () => {
    const consumer = consume('c');
    for (let round = 0; round < 3; round++) {
      const names = await appendMany(20);
      server.kill();
      await delay(30);
      await server.start();
      await consumer.until([...names, ...(await appendMany(5))]);
    }
    expect(warnings).to.have.length.at.least(3);
  });

  it('replaces a subscription that hangs', async () => {
    const consumer = consume('c', undefined, openFeed({ longestSilenceMs: 100 }));
    await consumer.until(await appendMany(1));
    server.hangSubscriptions();
    await consumer.until(await appendMany(3));
    await until(() => server.subscriptions() === 1);
  });

  it('waits for a server that does not answer, logs it, and stops at once when aborted', async () => {
    const abort = new AbortController();
    const write = () => {
      warnings.push('');
      if (warnings.length === 3) abort.abort();
    };
    const nowhere = createEventStoreDb('esdb://127.0.0.1:1?tls=false');
    const feed = openFeed({ db: nowhere, log: { info: write, warn: write, error: write } });
    await feed.run('c', async () => {}, abort.signal);
    await nowhere.close();
    await openFeed().run('never', async () => {}, AbortSignal.abort());
    const idle = consume('idle');
    await until(() => server.subscriptions() > 0);
    await idle.stop();
    await until(() => server.subscriptions() === 0);
  });

  it('finishes the batch in progress when aborted, and saves its checkpoint', async () => {
    const names = await appendMany(1);
    const abort = new AbortController();
    const seen: string[] = [];
    const handle = async (commits: readonly Commit[]) => {
      abort.abort();
      await delay(20);
      seen.push(...commits.map(nameOf));
    };
    await openFeed().run('busy', handle, abort.signal);
    expect(seen).to.deep.equal(names);
    expect(checkpoints.saved.has('busy')).to.equal(true);
  });

  it('delivers large backlogs in bounded batches, however slow its consumer is', async () => {
    const sizes: number[] = [];
    const commits = Array.from({ length: 2_500 }, anyCommit);
    for (const commit of commits) server.log.append(prefix + commit.pk, 'no_stream', [toLogEvent(commit)]);
    const names = commits.map(({ pk }) => `${pk} 1`);
    const consumer = consume('c', async (commits) => {
      sizes.push(commits.length);
      await delay(50);
    });
    await consumer.until(names);
    expect(Math.max(...sizes)).to.be.within(100, 1_000);
  });

  it('skips what it cannot read, and names it', async () => {
    const { id, type, data } = toEvent(anyCommit());
    await db.append(`${prefix}note#forged`, -1, { id, type, data, metadata: { at: 1 } });
    const consumer = consume('c');
    await consumer.until(await appendMany(1));
    expect(warnings).to.deep.equal(['The feed skipped an unreadable commit.']);
  });

  it('raises an alarm when somebody hides or deletes commits, and not when somebody only limits who reads them', async () => {
    const consumer = consume('c');
    const [limited, hidden, ended, harmless] = [newStream(), newStream(), newStream(), newStream()];
    for (const stream of [limited, hidden, ended, harmless]) await append(stream);
    const limits = Buffer.from(JSON.stringify({ $maxAge: 1 }));
    const readers = Buffer.from(JSON.stringify({ $acl: { $r: 'ann' } }));
    server.log.append(`$$${prefix}${limited}`, 'any', [metadataEvent(limits)]);
    server.log.append(`$$${prefix}${harmless}`, 'any', [metadataEvent(readers)]);
    await db.hide(prefix + hidden);
    await db.end(prefix + ended);
    await consumer.until(await appendMany(1));
    expect(alarms).to.have.deep.members([limited, hidden, ended].map((stream) => [stream, 1, 'removed']));
  });
});

describeWith('postgres', 'The checkpoints of the feed on EventStoreDB', (engines) => {
  it('keep the highest position of each consumer, whatever its size', async () => {
    const pool = createPool({ url: await engines.freshDatabase() });
    await Promise.all([createCheckpointsTable(pool), createCheckpointsTable(pool)]);
    const checkpoints = createPostgresCheckpoints(pool);
    expect(await checkpoints.load('c')).to.equal(undefined);
    const highest = { commit: 2n ** 63n + 1n, prepare: 2n ** 63n };
    await checkpoints.save('c', { commit: 7n, prepare: 7n });
    await checkpoints.save('c', highest);
    await checkpoints.save('c', { commit: 8n, prepare: 8n });
    await checkpoints.save('d', { commit: 0n, prepare: 0n });
    expect(await checkpoints.load('c')).to.deep.equal(highest);
    expect(await checkpoints.load('d')).to.deep.equal({ commit: 0n, prepare: 0n });
    await pool.end();
  });
});

function checkpointsInMemory() {
  const saved = new Map<string, Place>();
  return {
    saved,
    load: async (consumer: string) => saved.get(consumer),
    save: async (consumer: string, position: Place) => void saved.set(consumer, position),
  };
}

function metadataEvent(data: Uint8Array) {
  const contentType = 'application/json';
  return { id: crypto.randomUUID(), type: '$metadata', contentType, data, metadata: new Uint8Array() };
}

/** As the server keeps it. */
function toLogEvent(commit: StoredCommit) {
  const { metadata, ...event } = toEvent(commit);
  return { ...event, contentType: 'application/octet-stream', metadata: Buffer.from(JSON.stringify(metadata)) };
}

function anyCommit(): StoredCommit {
  return codec.encode(newStream(), START, noteCommit(START, 'c', {}));
}

function newStream(): StreamId {
  return streamId('note', freshName('n'));
}

function nameOf({ stream, position }: Commit): string {
  return `${stream} ${position.commitNo}`;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}
