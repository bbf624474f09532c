import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Pool, PoolClient } from 'pg';
import { type Commit, type Position, START } from '../../../domain/kernel/commit.js';
import type { EventStore } from '../../../domain/kernel/event-store.js';
import { type StreamId, streamId } from '../../../domain/kernel/stream.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { describeWith, freshName } from '../../../test/engines.js';
import { createPool } from '../../postgres.js';
import { createCommitCodec } from '../codec.js';
import { createEventsTable, createPostgresEventStore } from './postgres-event-store.js';
import { COMMIT_COLUMNS } from './postgres-events-table.js';
import { createCheckpointsTable, createPostgresFeed, type PostgresFeed } from './postgres-feed.js';
import { createFeedWakes } from './postgres-feed-wakes.js';

const codec = createCommitCodec(notes);
const alarm = () => expect.fail('nobody has tampered with the log');

describeWith('postgres', 'The change feed on Postgres', (engines) => {
  let url: string;
  let pool: Pool;
  let store: EventStore;
  let feed: PostgresFeed;
  let warnings: string[];
  let stops: (() => Promise<void>)[];

  before(async () => {
    url = await engines.freshDatabase();
    pool = createPool({ url, max: 20 });
    await createEventsTable(pool);
    await Promise.all([createCheckpointsTable(pool), createCheckpointsTable(pool)]);
  });
  after(() => pool.end());

  beforeEach(() => {
    store = createPostgresEventStore({ pool, codec });
    warnings = [];
    stops = [];
    const warn = (_: object, message: string) => void warnings.push(message);
    feed = createPostgresFeed({ pool, codec, alarm, log: { info: warn, warn, error: warn } });
  });
  afterEach(() => Promise.all(stops.map((stop) => stop())));

  /** Runs a consumer that collects the delivered commits. */
  function consume(consumer: string, handle: (commits: readonly Commit[]) => Promise<void> = async () => {}) {
    const abort = new AbortController();
    const seen: string[] = [];
    let progress = () => {};
    const running = feed.run(
      consumer,
      async (commits) => {
        await handle(commits);
        seen.push(...commits.map(nameOf));
        progress();
      },
      abort.signal,
    );
    const stop = async () => {
      abort.abort();
      await running;
    };
    stops.push(stop);
    return {
      seen,
      stop,
      async until(wanted: readonly string[]) {
        while (!wanted.every((name) => seen.includes(name)))
          await new Promise<void>((resolve) => {
            progress = resolve;
          });
      },
    };
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

  /** Inserts the first commit of a stream manually, for example in a transaction that the test ends. */
  async function insert(on: Pool | PoolClient, change: object = {}): Promise<string> {
    const commit = codec.encode(newStream(), START, noteCommit(START, 'c', {}));
    await on.query(
      `insert into events (${COMMIT_COLUMNS}) select ${COMMIT_COLUMNS} from json_populate_record(null::events, $1)`,
      [JSON.stringify({ ...commit, cs: JSON.stringify(commit.cs), ...change })],
    );
    return `${commit.pk} 1`;
  }

  it('delivers every commit once, those of one stream in order', async () => {
    const [a, b] = [newStream(), newStream()];
    const first = await append(a);
    const consumer = consume(freshName('c'));
    await append(b);
    await append(a, await append(a, first));
    await consumer.until([`${a} 3`, `${b} 1`]);
    expect(consumer.seen.filter((name) => name.startsWith(a))).to.deep.equal([`${a} 1`, `${a} 2`, `${a} 3`]);
    expect(new Set(consumer.seen).size).to.equal(consumer.seen.length);
  });

  it('skips no commit, whatever the order in which transactions end', async () => {
    const consumer = consume(freshName('c'));
    const [early, middle] = [await pool.connect(), await pool.connect()];
    await early.query('begin');
    await middle.query('begin');
    const late = [await insert(early), await insert(middle)];
    const quick = await appendMany(5);
    await middle.query('commit');
    // Commits stay hidden as long as an older transaction may still commit before them.
    await pool.query('select pg_sleep(0.05)');
    expect(consumer.seen).to.not.include(quick[0]);
    await early.query('commit');
    early.release();
    middle.release();
    await consumer.until([...late, ...quick]);
    expect(consumer.seen.filter((name) => [...late, ...quick].includes(name)).slice(0, 2)).to.deep.equal(late);
  });

  it('is not delayed by a failed transaction', async () => {
    const consumer = consume(freshName('c'));
    const failing = await pool.connect();
    await failing.query('begin');
    const lost = await insert(failing);
    const kept = await appendMany(3);
    await failing.query('rollback');
    failing.release();
    await consumer.until(kept);
    expect(consumer.seen).to.not.include(lost);
  });

  it('continues from the checkpoint of its consumer', async () => {
    const name = freshName('c');
    const first = consume(name);
    await first.until(await appendMany(3));
    await first.stop();
    const later = await appendMany(2);
    expect(await feed.lag(name)).to.equal(2);
    const second = consume(name);
    await second.until(later);
    expect(second.seen).to.have.members(later);
    await second.stop();
    expect(await feed.lag(name)).to.equal(0);
  });

  it('is woken by appends of its process, and stores its checkpoint seldom while there is more', async () => {
    const saves: string[] = [];
    const wakes = createFeedWakes(pool);
    const counting = {
      connect: () => pool.connect(),
      query(query: { name?: string }) {
        if (query.name === 'feed-save') saves.push(query.name);
        return pool.query(query as never);
      },
    } as unknown as Pool;
    const log = { info() {}, warn() {}, error() {} };
    feed = createPostgresFeed({ pool: counting, codec, alarm: () => {}, log, wakes });
    store = createPostgresEventStore({ pool, codec, wakes });
    let pages = 0;
    const consumer = consume(freshName('c'), async () => {
      pages++;
      await appendMany(1); // There is always more.
    });
    await appendMany(1);
    while (pages < 20) await delay(5);
    expect(saves.length).to.be.below(pages / 2);
    await consumer.stop();
  });

  it('delivers a batch again that was not handled', async () => {
    let failures = 2;
    const consumer = consume(freshName('c'), async () => {
      if (failures-- > 0) throw new Error('the read model is away');
    });
    await consumer.until(await appendMany(3));
    expect(warnings).to.have.length(2);
    expect(new Set(consumer.seen).size).to.equal(consumer.seen.length);
  });

  it('survives its connections being cut', async () => {
    const consumer = consume(freshName('c'));
    await consumer.until(await appendMany(1));
    const cutter = createPool({ url, max: 1 });
    for (let cut = 0; cut < 3; cut++) {
      await cutter.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`);
      await consumer.until(await appendMany(2));
    }
    await cutter.end();
  });

  it('waits for a server that does not answer, logs it, and stops at once on abort', async () => {
    const nowhere = createPool({ url: 'postgres://127.0.0.1:1/none' });
    const abort = new AbortController();
    const messages: object[] = [];
    const warn = (fields: object) => {
      messages.push(fields);
      if (messages.length === 3) abort.abort();
    };
    const away = createPostgresFeed({ pool: nowhere, codec, alarm, log: { info: warn, warn, error: warn } });
    await away.run('waiting', async () => {}, abort.signal);
    expect(messages).to.have.length(3);
    expect(messages[0])
      .to.have.property('error')
      .that.matches(/ECONNREFUSED/);
    await nowhere.end();
  });

  it('skips a commit that it cannot read, and names it', async () => {
    const unreadable = await insert(pool, { f: 9 });
    const consumer = consume(freshName('c'));
    await consumer.until(await appendMany(1));
    expect(consumer.seen).to.not.include(unreadable);
    expect(warnings).to.deep.equal(['The feed skipped an unreadable commit.']);
  });

  it('delivers large backlogs in bounded batches', async () => {
    const sizes: number[] = [];
    const names = await appendMany(2_500);
    const consumer = consume(freshName('c'), async (commits) => void sizes.push(commits.length));
    await consumer.until(names);
    expect(Math.max(...sizes)).to.equal(1_000);
  });
});

function newStream(): StreamId {
  return streamId('note', freshName('n'));
}

function nameOf({ stream, position }: Commit): string {
  return `${stream} ${position.commitNo}`;
}
