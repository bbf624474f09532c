import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Pool, PoolClient } from 'pg';
import { hlcOf } from '../../../domain/kernel/clock.js';
import { START } from '../../../domain/kernel/commit.js';
import { Unavailable } from '../../../domain/kernel/errors.js';
import { entryOf, type LogEntry, UnreadableCommit } from '../../../domain/kernel/event-store.js';
import { WATERMARK_LAG_MS } from '../../../domain/kernel/limits.js';
import { streamId } from '../../../domain/kernel/stream.js';
import { eventStoreContract, type LogUnderTest } from '../../../test/contracts/event-store.contract.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { describeWith, freshName } from '../../../test/engines.js';
import { the } from '../../../test/the.js';
import { createPool } from '../../postgres.js';
import { createCommitCodec, positionOf } from '../codec.js';
import { createEventsTable, createPostgresEventStore } from './postgres-event-store.js';
import { COMMIT_COLUMNS, storedCommit } from './postgres-events-table.js';

const codec = createCommitCodec(notes);

describeWith('postgres', 'The log on Postgres', (engines) => {
  let url: string;
  let pool: Pool;
  before(async () => {
    url = await engines.freshDatabase();
    pool = createPool({ url });
    await Promise.all([createEventsTable(pool), createEventsTable(pool), createEventsTable(pool)]);
  });
  after(() => pool.end());

  const newStream = () => streamId('note', freshName('n'));
  const open = (on: Pool = pool) => createPostgresEventStore({ pool: on, codec });

  eventStoreContract(
    'Postgres',
    (): LogUnderTest => ({
      open: ({ loseReply, ...options } = {}) =>
        createPostgresEventStore({ pool: loseReply ? losingReplies(pool, loseReply) : pool, codec, ...options }),
      async items(stream) {
        const text = `select ${COMMIT_COLUMNS} from events where pk = $1 order by sk`;
        return (await pool.query(text, [stream])).rows.map(storedCommit);
      },
      tamper: {
        update: (stream, commitNo) =>
          pool.query('update events set lp = 1 where pk = $1 and sk = $2', [stream, commitNo]),
        delete: (stream, commitNo) => pool.query('delete from events where pk = $1 and sk = $2', [stream, commitNo]),
        truncate: () => pool.query('truncate events'),
      },
    }),
  );

  it('cannot be changed by its owner, who is no superuser: revoked rights prevent it, and a trigger if they return', async () => {
    const { rows } = await pool.query(`
      select rolsuper, has_table_privilege('events', 'update, delete, truncate') as may_change
      from pg_roles where rolname = current_user`);
    expect(rows).to.deep.equal([{ rolsuper: false, may_change: false }]);
    await pool.query('grant update, delete on events to current_user');
    const refused = await failure(pool.query('delete from events'));
    await pool.query('revoke update, delete on events from current_user');
    expect(refused)
      .to.have.property('message')
      .that.matches(/append-only: DELETE on events is refused/);
  });

  it('writes concurrent appends in two statements, one running and one waiting', async () => {
    const statements: string[] = [];
    const store = open(observed(pool, (name) => void statements.push(name)));
    const results = await Promise.all(
      Array.from({ length: 64 }, () => store.append(newStream(), START, noteCommit(START, 'c', {}))),
    );
    expect(results.every(({ appended }) => appended)).to.equal(true);
    expect(statements).to.deep.equal(['log-append', 'log-append']);
  });

  it('accepts the neighbours of a row that it rejects', async () => {
    const store = open();
    const tooLongForAnIndex = streamId('note', randomBytes(6_000).toString('hex'));
    const [before, poisoned, after] = await Promise.all([
      store.append(newStream(), START, noteCommit(START, 'c', {})),
      failure(store.append(tooLongForAnIndex, START, noteCommit(START, 'c', {}))),
      store.append(newStream(), START, noteCommit(START, 'c', {})),
    ]);
    expect([before.appended, after.appended]).to.deep.equal([true, true]);
    expect(poisoned)
      .to.have.property('message')
      .that.matches(/index row/);
  });

  it('appends each commit once while its connections are cut repeatedly', async () => {
    const store = open();
    const streams = Array.from({ length: 20 }, newStream);
    const writing = streams.map(async (stream) => {
      for (let end = START, n = 1; n <= 10; n++) {
        const result = await store.append(stream, end, noteCommit(end, `c${n}`, {}));
        if (!result.appended) throw new Error('a conflict with nobody');
        end = result.position;
      }
    });
    const cutter = createPool({ url, max: 1 });
    for (let cut = 0; cut < 5; cut++)
      await cutter.query(`select pg_terminate_backend(pid), pg_sleep(0.01) from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`);
    await cutter.end();
    await Promise.all(writing);
    const { rows } = await pool.query(
      'select count(*) as commits, max(sk) as last from events where pk = any($1) group by pk',
      [streams],
    );
    expect(rows).to.deep.equal(streams.map(() => ({ commits: 10, last: 10 })));
  });

  it('throws Unavailable when the server does not come back', async () => {
    const nowhere = createPool({ url: 'postgres://127.0.0.1:1/none' });
    let now = Date.now();
    const clock = () => {
      now += 500;
      return now;
    };
    const store = createPostgresEventStore({ pool: nowhere, codec, clock });
    const attempts = [
      () => store.append(newStream(), START, noteCommit(START, 'c', {})),
      () => store.read(newStream())[Symbol.asyncIterator]().next(),
      () => store.watermark(),
    ];
    for (const attempt of attempts) {
      expect(await failure(attempt()))
        .to.be.instanceOf(Unavailable)
        .with.property('message')
        .that.matches(/ECONNREFUSED/);
    }
    await nowhere.end();
  });

  it('refuses a delayed commit that the watermark may have passed', async () => {
    const commit = { ...noteCommit(START, 'c', {}), at: hlcOf(Date.now() - WATERMARK_LAG_MS) };
    expect(await failure(open().append(newStream(), START, commit)))
      .to.be.instanceOf(Unavailable)
      .with.property('message')
      .that.matches(/too old/);
  });

  it('holds the watermark back while a transaction that writes to the log is open', async () => {
    const store = createPostgresEventStore({ pool, codec, watermarkLagMs: 0 });
    const writer = await pool.connect();
    await writer.query('begin');
    const { rows } = await writer.query('select floor(extract(epoch from now()) * 1000)::bigint as began');
    await writer.query('lock table events in row exclusive mode');
    await pool.query('select pg_sleep(0.02)');
    expect(await store.watermark()).to.equal(hlcOf(rows[0].began));
    await writer.query('rollback');
    writer.release();
    expect(await store.watermark()).to.be.above(hlcOf(rows[0].began));
  });

  it('reads a stream of many commits page by page, and the whole log in few statements', async () => {
    const stream = newStream();
    const stored = [codec.encode(stream, START, noteCommit(START, 'c', {}))];
    while (stored.length < 1_100) {
      const end = positionOf(the(stored.at(-1)));
      stored.push(codec.encode(stream, end, noteCommit(end, 'c', {})));
    }
    await insertRows(stored.map((commit) => ({ ...commit, cs: JSON.stringify(commit.cs) })));
    let count = 0;
    for await (const { position } of open().read(stream)) expect(position.commitNo).to.equal(++count);
    expect(count).to.equal(1_100);

    const statements: string[] = [];
    const query = (query: { name: string }) => {
      statements.push(query.name);
      return pool.query(query as never);
    };
    const store = createPostgresEventStore({ pool: { query } as unknown as Pool, codec, watermarkLagMs: -60_000 });
    const read: number[] = [];
    const after = { ...entryOf(the(stored[0])), commitNo: 0 };
    for await (const { pk, sk } of store.stored({ after })) if (pk === stream) read.push(sk);
    expect(read).to.deep.equal(stored.map(({ sk }) => sk));
    expect(statements).to.deep.equal(['log-watermark', 'log-stored', 'log-stored', 'log-stored']);
  });

  it('names a commit whose command ids cannot be read, and reads on after it', async () => {
    const own = createPool({ url: await engines.freshDatabase() });
    await createEventsTable(own);
    const good = codec.encode(newStream(), START, noteCommit(START, 'c', {}));
    const at = hlcOf(1_000);
    const row = (n: number, cs: string) => ({ ...good, pk: `note#${n}`, at: at + n, cs });
    await insertRows([row(1, '["c"]'), row(2, '["c"'), row(3, '{}'), row(4, '["c"]')], own);
    const read: string[] = [];
    const store = open(own);
    let after: LogEntry | undefined;
    while (read.length < 4) {
      try {
        for await (const commit of store.stored({ upTo: at + 4, ...(after && { after }) })) read.push(commit.pk);
      } catch (error) {
        if (!(error instanceof UnreadableCommit)) throw error;
        read.push(error.message.slice(0, 34));
        after = error.entry;
      }
    }
    expect(read).to.deep.equal([
      'note#1',
      'Commit 1 of note#2 cannot be read:',
      'Commit 1 of note#3 cannot be read:',
      'note#4',
    ]);
    await own.end();
  });

  function insertRows(rows: object[], on = pool): Promise<unknown> {
    return on.query(
      `insert into events (${COMMIT_COLUMNS}) select ${COMMIT_COLUMNS} from json_populate_recordset(null::events, $1)`,
      [JSON.stringify(rows)],
    );
  }
});

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A pool whose appends succeed but lose their replies, a given number of times. */
function losingReplies(pool: Pool, loseReply: () => boolean): Pool {
  return observed(pool, (name) => {
    if (name.startsWith('log-append') && loseReply())
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  });
}

/** A pool that reports the name of each statement that a borrowed connection has executed. */
function observed(pool: Pool, executed: (name: string) => void): Pool {
  const connect = async () => {
    const client = await pool.connect();
    return {
      async query(statement: { name: string }) {
        const result = await client.query(statement as never);
        executed(statement.name);
        return result;
      },
      on: client.on.bind(client),
      off: client.off.bind(client),
      release: client.release.bind(client),
    } as unknown as PoolClient;
  };
  return { connect, query: pool.query.bind(pool) } as unknown as Pool;
}
