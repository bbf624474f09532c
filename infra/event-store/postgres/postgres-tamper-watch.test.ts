import { expect } from 'chai';
import type { Pool } from 'pg';
import { type Position, START } from '../../../domain/kernel/commit.js';
import type { EventStore } from '../../../domain/kernel/event-store.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { describeWith } from '../../../test/engines.js';
import { createPool } from '../../postgres.js';
import { createCommitCodec } from '../codec.js';
import { createEventsTable, createPostgresEventStore } from './postgres-event-store.js';
import { watchForTampering } from './postgres-tamper-watch.js';

const codec = createCommitCodec(notes);
const EVERY_MS = 100;

describeWith('postgres', 'The watch on the log in Postgres', function (engines) {
  this.timeout(60_000);
  let pool: Pool;
  let store: EventStore;
  let alarms: string[];
  let messages: string[];
  let abort: AbortController;
  let watching: Promise<void>;

  beforeEach(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await createEventsTable(pool);
    store = createPostgresEventStore({ pool, codec });
    for (const id of ['note#a', 'note#b'] as const)
      for (let end = START; end.commitNo < 3; ) end = await append(id, end);
    [alarms, messages, abort] = [[], [], new AbortController()];
    const say = (_: object, message: string) => void messages.push(message);
    watching = watchForTampering(
      {
        pool,
        alarm: (stream, commitNo, what) => void alarms.push(`${stream} ${commitNo} ${what}`),
        log: { info: say, warn: say, error: say },
        everyMs: EVERY_MS,
      },
      abort.signal,
    );
    await pool.query('select pg_sleep(0.5)'); // The watch has seen the table as it is.
  });
  afterEach(async () => {
    abort.abort();
    await watching;
    await pool.end();
  });

  async function append(stream: StreamId, after: Position): Promise<Position> {
    const result = await store.append(stream, after, noteCommit(after, 'c', {}));
    return result.appended ? result.position : after;
  }

  /** What the owner of the table can do: the trigger is away for the moment of one transaction. */
  async function tamper(statement: string): Promise<void> {
    await pool.query(`begin;
      grant update, delete, truncate on events to current_user;
      alter table events disable trigger events_append_only;
      ${statement};
      alter table events enable always trigger events_append_only;
      revoke update, delete, truncate on events from current_user;
      commit`);
  }

  async function until(wanted: readonly string[]): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!wanted.every((alarm) => alarms.includes(alarm)) && Date.now() < deadline)
      await pool.query('select pg_sleep(0.05)');
    expect(alarms).to.have.members(wanted);
  }

  it('names a commit that was changed', async () => {
    await tamper(`update events set ev = replace(ev, '2026', '2025') where pk = 'note#a' and sk = 2`);
    await until(['note#a 2 modified']);
    expect(messages).to.include(
      'The protection of the table events was altered: its trigger or the function of the trigger changed.',
    );
  });

  it('names a commit that was removed from the middle of a stream', async () => {
    await tamper(`delete from events where pk = 'note#b' and sk < 3`);
    await until(['note#b 2 removed']);
  });

  it('says that the end of a stream, or all, was removed', async () => {
    await tamper(`delete from events where pk = 'note#b' and sk = 3`);
    await until(['undefined undefined removed']);
    alarms.splice(0);
    await tamper('truncate events');
    await until(['undefined undefined removed']);
  });

  it('sees a change even if the trigger was not touched', async () => {
    await pool.query('drop trigger events_append_only on events');
    await pool.query('select pg_sleep(0.5)');
    alarms.splice(0);
    await pool.query('grant update on events to current_user');
    await pool.query(`update events set at = at + 1 where pk = 'note#a' and sk = 1`);
    await until(['note#a 1 modified']);
  });

  it('raises no alarm while many writers race, or a change is refused', async () => {
    for (let n = 0; n < 30; n++) {
      const other = createPostgresEventStore({ pool, codec });
      await Promise.all([append(`note#r${n}`, START), other.append(`note#r${n}`, START, noteCommit(START, 'd', {}))]);
    }
    await pool.query('grant update on events to current_user');
    await pool.query('update events set at = 1').catch(() => {});
    await pool.query('revoke update on events from current_user');
    await pool.query('vacuum full analyze events');
    await pool.query('select pg_sleep(1.5)');
    expect(alarms).to.deep.equal([]);
    expect(messages).to.deep.equal([]);
  });
});
