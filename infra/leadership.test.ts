// Leader election against Postgres.
import { expect } from 'chai';
import type { Pool } from 'pg';
import { describeWith } from '../test/engines.js';
import { leadWhenFree } from './leadership.js';
import { createPool } from './postgres.js';

const LOCK = 4_711;

describeWith('postgres', 'Leadership', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
  });
  after(() => pool.end());

  /** A leader that leads until it is told to stop, or until the lock is lost. */
  function candidate() {
    const abort = new AbortController();
    const terms = createCounter();
    const lead = async (signal: AbortSignal) => {
      terms.add();
      await aborted(signal);
    };
    const done = leadWhenFree({ pool, lock: LOCK }, lead, abort.signal);
    const stop = async () => {
      abort.abort();
      await done;
    };
    return { terms, stop };
  }

  /** Connections whose last statement asked for the lock. */
  async function attempts(): Promise<number> {
    const { rows } = await pool.query(
      `select count(*) as asked from pg_stat_activity
       where datname = current_database() and state = 'idle' and query like '%pg_try_advisory_lock%'`,
    );
    return rows[0].asked;
  }

  it('belongs to one process at a time, and passes on when the leader stops', async () => {
    const first = candidate();
    await first.terms.reach(1);
    const second = candidate();
    while ((await attempts()) < 2);
    expect(second.terms.count()).to.equal(0);
    await first.stop();
    await second.terms.reach(1);
    await second.stop();
  });

  it('is lost with the connection that holds the lock, and sought again', async () => {
    const leader = candidate();
    await leader.terms.reach(1);
    await pool.query(
      `select pg_terminate_backend(pid) from pg_locks
       where locktype = 'advisory' and classid = $1 and database = (select oid from pg_database where datname = current_database())`,
      [LOCK],
    );
    await leader.terms.reach(2);
    await leader.stop();
  });

  it('is free again when leading fails', async () => {
    const bug = new Error('a bug');
    const failed = leadWhenFree({ pool, lock: LOCK }, () => Promise.reject(bug), new AbortController().signal);
    expect(await failed.catch((error: unknown) => error)).to.equal(bug);
    const next = candidate();
    await next.terms.reach(1);
    await next.stop();
  });
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Counts, and resolves when a number is reached. */
function createCounter() {
  let count = 0;
  let wake = () => {};
  return {
    add() {
      count++;
      wake();
    },
    count: () => count,
    async reach(wanted: number): Promise<void> {
      while (count < wanted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
