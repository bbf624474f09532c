import { expect } from 'chai';
import type { Pool } from 'pg';
import { type Position, START } from '../../../domain/kernel/commit.js';
import type { EventStore } from '../../../domain/kernel/event-store.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { describeWith } from '../../../test/engines.js';
import { createArchiveTables } from '../../archive/postgres-archive-index.js';
import { createPool } from '../../postgres.js';
import { createCommitCodec } from '../codec.js';
import { createEventsTable, createPostgresEventStore } from './postgres-event-store.js';
import { watchForTampering } from './postgres-tamper-watch.js';

const codec = createCommitCodec(notes);
const EVERY_MS = 100;
const SUSPICION_MS = 1_500;

const UNNAMED = 'undefined undefined removed';
const UNPROTECTED = 'undefined undefined unprotected';
const UNPROTECT = `
  grant update, delete, truncate on events to current_user;
  alter table events disable trigger events_append_only`;

describeWith('postgres', 'The watch on the log in Postgres', function (engines) {
  this.timeout(60_000);
  let pool: Pool;
  let store: EventStore;
  let alarms: string[];
  let messages: string[];
  /** Of the watch. */
  let statements: string[];
  let abort: AbortController;
  let watching: Promise<void>;

  beforeEach(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await createEventsTable(pool);
    store = createPostgresEventStore({ pool, codec });
    for (const id of ['note#a', 'note#b'] as const)
      for (let end = START; end.commitNo < 3; ) end = await append(id, end);
    await createArchiveTables(pool);
    [alarms, messages, statements] = [[], [], []];
    start();
    await looked(2); // The watch has seen the table as it is.
  });
  afterEach(async () => {
    abort.abort();
    await watching;
    await pool.end();
  });

  function start(): void {
    abort = new AbortController();
    const say = (_: object, message: string) => void messages.push(message);
    watching = watchForTampering(
      {
        pool: counted(pool),
        alarm: (stream, commitNo, what) => void alarms.push(`${stream} ${commitNo} ${what}`),
        log: { info: say, warn: say, error: say },
        everyMs: EVERY_MS,
        suspicionMs: SUSPICION_MS,
      },
      abort.signal,
    );
  }

  async function append(stream: StreamId, after: Position): Promise<Position> {
    const result = await store.append(stream, after, noteCommit(after, 'c', {}));
    return result.appended ? result.position : after;
  }

  /** What the owner of the table can do: the trigger is away for the moment of one transaction. */
  async function tamper(statement: string): Promise<void> {
    await pool.query(`begin; ${UNPROTECT}; ${statement};
      alter table events enable always trigger events_append_only;
      revoke update, delete, truncate on events from current_user;
      commit`);
  }

  /** Notes the statements. */
  function counted(pool: Pool): Pool {
    const query = (config: { text: string }) => {
      statements.push(config.text);
      return pool.query(config);
    };
    return { query } as Pool;
  }

  /** As the archiver does it. */
  async function archive(): Promise<void> {
    await pool.query(`insert into archive_commits
      select pk, sk, row_number() over (order by at) - 1, decode(h, 'hex') from events`);
  }

  async function until(wanted: readonly string[]): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!wanted.every((alarm) => alarms.includes(alarm)) && Date.now() < deadline)
      await pool.query('select pg_sleep(0.05)');
    expect(alarms).to.have.members(wanted);
  }

  /** Waits until the watch has ended so many looks more. */
  async function looked(times: number): Promise<void> {
    const begun = statements.length + times + 1;
    while (statements.length < begun) await pool.query('select pg_sleep(0.02)');
  }

  async function looks(seconds: number): Promise<void> {
    await pool.query('select pg_sleep($1)', [seconds]);
  }

  it('names a commit that was changed', async () => {
    await tamper(`update events set ev = replace(ev, '2026', '2025') where pk = 'note#a' and sk = 2`);
    await until(['note#a 2 modified']);
  });

  it('names a commit that was removed from the middle of a stream', async () => {
    await tamper(`delete from events where pk = 'note#b' and sk = 2`);
    await until(['note#b 2 removed']);
  });

  it('says that the end of a stream was removed, and names the first and the last commit', async () => {
    await tamper(`delete from events where pk = 'note#a' and sk = 3`);
    await until([UNNAMED]);
    alarms.splice(0);
    await tamper('truncate events');
    await until(['note#a 1 removed', 'note#b 3 removed']);
  });

  it('names the end of a stream if it was archived', async () => {
    await archive();
    await tamper(`delete from events where pk = 'note#a' and sk = 3`);
    await until(['note#a 3 removed']);
  });

  it('raises an alarm as soon as the trigger is off, and counts removed commits for as long as it is', async () => {
    await pool.query(UNPROTECT);
    await until([UNPROTECTED]);
    await looks((2 * SUSPICION_MS) / 1_000);
    await pool.query(`delete from events where pk = 'note#a' and sk = 3`);
    await until([UNPROTECTED, UNNAMED]);
    alarms.splice(0);
    await pool.query(`delete from events where pk = 'note#b' and sk = 2`);
    await until(['note#b 2 removed']);
  });

  for (const [how, statement] of Object.entries({
    'dropped trigger': 'drop trigger events_append_only on events',
    'trigger of another name': 'alter trigger events_append_only on events rename to other',
    'trigger that replication switches off': 'alter table events enable trigger events_append_only',
    'trigger of fewer operations': `drop trigger events_append_only on events;
      create trigger events_append_only before truncate on events for each statement execute function events_refuse_change();
      alter table events enable always trigger events_append_only`,
    'trigger with a condition': `drop trigger events_append_only on events;
      create trigger events_append_only before update or delete or truncate on events for each statement when (false)
        execute function events_refuse_change();
      alter table events enable always trigger events_append_only`,
    'function that refuses nothing': `create or replace function events_refuse_change() returns trigger language plpgsql
      as $$ begin return null; end $$`,
    rule: 'create rule lost as on insert to events do instead nothing',
    'policy for rows': 'alter table events enable row level security; alter table events force row level security',
    'parent whose changes reach the table': `create table parent (like events); alter table events alter seq drop identity;
      alter table parent alter seq drop not null; alter table events inherit parent`,
    child: 'create table child () inherits (events)',
    'table that a crash empties': 'alter table events set unlogged',
  }))
    it(`raises an alarm: ${how}`, async () => {
      await pool.query(statement);
      await until(how === 'policy for rows' ? [UNPROTECTED, 'note#a 1 removed', 'note#b 3 removed'] : [UNPROTECTED]);
    });

  it('sees a change without the trigger', async () => {
    await pool.query('drop trigger events_append_only on events');
    await until([UNPROTECTED]);
    alarms.splice(0);
    await pool.query('grant update on events to current_user');
    await pool.query(`update events set at = at + 1 where pk = 'note#a' and sk = 1`);
    await until(['note#a 1 modified']);
  });

  it('names what was changed while the table was rewritten, with and without the hash', async () => {
    await archive();
    await pool.query(`alter table events alter ev type text using
      case when pk = 'note#a' and sk = 2 then replace(ev, '2026', '2025') else ev end`);
    await until(['note#a 2 modified']);
    await pool.query(`alter table events alter h type text collate "C" using
      case when pk = 'note#b' and sk = 1 then repeat('1', 64) else h end`);
    await until(['note#a 2 modified', 'note#b 1 modified']);
  });

  it('names what a parent table changed, and what it removed', async () => {
    const asParent = (statement: string) =>
      pool.query(`begin; create table parent (pk text collate "C" not null, sk int not null, ev text not null);
        alter table events inherit parent; ${statement}; alter table events no inherit parent; drop table parent; commit`);
    await asParent(`update parent set ev = replace(ev, '2026', '2025') where pk = 'note#a' and sk = 2`);
    await until(['note#a 2 modified']);
    await asParent(`delete from parent where pk = 'note#a' and sk = 3`);
    await until(['note#a 2 modified', UNNAMED]);
  });

  it('raises an alarm if another table has taken the place', async () => {
    await archive();
    await pool.query(`begin; alter table events rename to kept;
      create table events (like kept including all); insert into events overriding system value
        select * from kept where (pk, sk) <> ('note#a', 3);
      commit`);
    await until([UNPROTECTED, 'note#a 3 removed']);
  });

  it('raises an alarm if a view has taken the place', async () => {
    await pool.query(`begin; alter table events rename to kept;
      create view events as select * from kept where (pk, sk) <> ('note#b', 3); commit`);
    await until([UNPROTECTED, 'note#b 3 removed']);
  });

  for (const [what, statement] of Object.entries({
    'the table': 'drop table events',
    'a column': 'alter table events drop column ev',
    'the name of a column': 'alter table events rename h to g',
    'the name of the table': 'alter table events rename to other',
  }))
    it(`raises one alarm if ${what} is gone`, async () => {
      await pool.query(statement);
      await until([UNNAMED]);
      await looks(0.5);
      expect(alarms).to.deep.equal([UNNAMED]);
    });

  it('raises an alarm if the log is unprotected from the start', async () => {
    abort.abort();
    await watching;
    await pool.query(UNPROTECT);
    start();
    await until([UNPROTECTED]);
  });

  it('raises no alarm while many writers race, a change is refused, or an operator or an upgrade works on the table', async () => {
    await archive();
    let end = await append('note#z', START);
    for (let n = 0; n < 30; n++) {
      const other = createPostgresEventStore({ pool, codec });
      await Promise.all([append(`note#r${n}`, START), other.append(`note#r${n}`, START, noteCommit(START, 'd', {}))]);
    }
    await pool.query('grant update on events to current_user');
    await pool.query('update events set at = 1').catch(() => {});
    await pool.query('revoke update on events from current_user');
    for (const statement of [
      'vacuum full analyze events',
      'reindex table events',
      'cluster events using events_pkey',
      'create index operator on events (lp)',
      'analyze events',
      `alter table events add column upgraded text default 'x', alter column f type int, add constraint positive check (at > 0)`,
    ]) {
      await pool.query(statement);
      end = await append('note#z', end);
      await looks(0.3);
    }
    await looks(SUSPICION_MS / 1_000);
    expect(alarms).to.deep.equal([]);
    expect(messages).to.deep.equal([]);
  });

  it('looks with one statement, and reads the log for nothing that VACUUM, ANALYZE, or a new index does', async () => {
    const before = statements.length;
    await pool.query('vacuum analyze events');
    await pool.query('create index operator on events (lp)');
    await append('note#c', START);
    await looks(1);
    const own = statements.slice(before);
    expect(own.length).to.be.within(3, 12);
    expect(new Set(own).size).to.equal(1);
  });
});
