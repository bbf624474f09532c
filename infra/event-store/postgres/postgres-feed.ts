// The change feed on Postgres. It reads the log in the order of transactions, without gaps, and is woken by NOTIFY.
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Commit } from '../../../domain/kernel/commit.js';
import type { ChangeFeed, TamperAlarm } from '../../../domain/kernel/feed.js';
import type { Logger } from '../../../projections/runtime/projector.js';
import { createTableOnce, onlyRow, statement } from '../../postgres.js';
import type { CommitCodec } from '../codec.js';
import { COMMIT_COLUMNS, type CommitRow, storedCommit } from './postgres-events-table.js';
import { type FeedWakes, WAKE_CHANNEL } from './postgres-feed-wakes.js';
import { watchForTampering } from './postgres-tamper-watch.js';

const BATCH_COMMITS = 1_000;
/** A page with this many commits is full: the next page is read while it is handled. */
const FULL_PAGE_COMMITS = 200;
const BATCH_BYTES = 2 * 1024 * 1024;

/** A wake-up may be lost, so the feed also reads the log at this interval. */
const POLL_MS = 1_000;

/**
 * After a page that is not full, the feed rests for this multiple of the time that the page took, up to the limit below. A page
 * costs about twenty statements however few commits it holds. Fewer and larger pages under load leave the engine to the
 * writers. If a page takes 5 ms, a commit waits at most 10 ms longer.
 */
const REST_PER_PAGE = 2;
const LONGEST_REST_MS = 50;

/**
 * The checkpoint is stored when there is nothing more to deliver, at the end, and at this interval while there is. What a crash
 * makes the feed repeat, the positions of the read models skip.
 */
const SAVE_EVERY_MS = 1_000;

/** How long the end of the feed waits for the last checkpoint to be stored. */
const LAST_SAVE_MS = 1_000;

/** A statement without an answer is abandoned after this time. */
const TIMEOUT_MS = 10_000;

/** First pause while commits wait for an older transaction to end, and after a failure. It doubles up to `POLL_MS`. */
const FIRST_PAUSE_MS = 10;

const CHECKPOINTS_SQL = `
create table feed_checkpoints (
  consumer text primary key,
  -- The last row of the log that is fully handled.
  tx  xid8 not null,
  seq bigint not null
)`;

export interface PostgresFeedOptions {
  pool: Pool;
  codec: CommitCodec;
  alarm: TamperAlarm;
  log: Logger;
  /** Shared with the event store of this process. */
  wakes?: FeedWakes;
}

export interface PostgresFeed extends ChangeFeed {
  /** Number of commits after the consumer's checkpoint. */
  lag(consumer: string): Promise<number>;
}

/** A position in the feed. Transaction ids are strings because they may outgrow a number. */
interface Checkpoint {
  tx: string;
  seq: number;
}

interface Page {
  rows: readonly (CommitRow & Checkpoint)[];
  end: Checkpoint;
}

/** Creates the table of checkpoints if it does not exist. It belongs to the read models. */
export function createCheckpointsTable(pool: Pool): Promise<void> {
  return createTableOnce(pool, 'feed_checkpoints', CHECKPOINTS_SQL, 'read models');
}

export function createPostgresFeed({ pool, codec, alarm, log, wakes }: PostgresFeedOptions): PostgresFeed {
  async function run(
    consumer: string,
    handle: (commits: readonly Commit[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const bell = createBell(signal);
    const listening = listen(bell, signal);
    const watching = watchForTampering({ pool, alarm, log }, signal);
    const unlisten = wakes?.listen(bell.ring);
    const retries = createPauses();
    while (!signal.aborted) {
      try {
        await follow(consumer, handle, bell, signal, retries.reset);
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ consumer, error: String(error) }, 'The feed stopped; it continues from its checkpoint.');
        await rest(retries.next(), signal);
      }
    }
    unlisten?.();
    await Promise.all([listening, watching]);
  }

  /** Delivers page after page until the signal aborts. Throws on failure. */
  async function follow(
    consumer: string,
    handle: (commits: readonly Commit[]) => Promise<void>,
    bell: Bell,
    signal: AbortSignal,
    progressed: () => void,
  ): Promise<void> {
    const pauses = createPauses();
    const checkpoint = await openCheckpoint(consumer);
    let startedAt = performance.now();
    let next = readPage(checkpoint.position(), bell);
    try {
      for (;;) {
        const { rows, end } = await orAborted(next, signal);
        if (rows.length > 0) {
          const isFull = rows.length >= FULL_PAGE_COMMITS;
          if (isFull) next = readPage(end, bell);
          next.catch(() => {}); // The next round awaits it; until then a failure must not be unhandled.
          await handle(decoded(rows));
          await checkpoint.move(end);
          pauses.reset();
          progressed();
          if (!isFull) {
            await rest(Math.min(REST_PER_PAGE * (performance.now() - startedAt), LONGEST_REST_MS), signal);
            signal.throwIfAborted();
            next = readPage(end, bell);
          }
        } else {
          await checkpoint.save();
          const waitMs = (await orAborted(isMoreBehind(end), signal)) ? pauses.next() : POLL_MS;
          await bell.wait(waitMs);
          next = readPage(end, bell);
        }
        startedAt = performance.now();
      }
    } finally {
      await Promise.race([checkpoint.save().catch(() => {}), delay(LAST_SAVE_MS, undefined, { ref: false })]);
    }
  }

  async function readPage(after: Checkpoint, bell: Bell): Promise<Page> {
    bell.clear();
    const values = [after.tx, after.seq, BATCH_COMMITS, BATCH_BYTES];
    const { rows } = await pool.query<CommitRow & Checkpoint>(statement('feed-page', PAGE_SQL, values, TIMEOUT_MS));
    const last = rows.at(-1);
    return { rows, end: last ? { tx: last.tx, seq: last.seq } : after };
  }

  /** Skips a commit that this program cannot read. The repair from the event store then fails for that stream alone. */
  function decoded(rows: Page['rows']): Commit[] {
    return rows.flatMap((row) => {
      try {
        return [codec.decode(storedCommit(row))];
      } catch (error) {
        log.error({ stream: row.pk, commitNo: row.sk, error: String(error) }, 'The feed skipped an unreadable commit.');
        return [];
      }
    });
  }

  /** True if an older transaction still hides commits. */
  async function isMoreBehind({ tx, seq }: Checkpoint): Promise<boolean> {
    const query = statement('feed-more', MORE_SQL, [tx, seq], TIMEOUT_MS);
    return onlyRow(await pool.query<{ more: boolean }>(query)).more;
  }

  /** The checkpoint as handled, and as stored. */
  async function openCheckpoint(consumer: string) {
    let handled = await loadCheckpoint(consumer);
    let stored = handled;
    let storedAt = performance.now();

    async function save(): Promise<void> {
      if (handled === stored) return;
      const saving = handled;
      await saveCheckpoint(consumer, saving);
      stored = saving;
      storedAt = performance.now();
    }

    return {
      position: () => handled,
      save,
      async move(to: Checkpoint): Promise<void> {
        handled = to;
        if (performance.now() - storedAt >= SAVE_EVERY_MS) await save();
      },
    };
  }

  async function loadCheckpoint(consumer: string): Promise<Checkpoint> {
    const { rows } = await pool.query<Checkpoint>(statement('feed-load', LOAD_SQL, [consumer], TIMEOUT_MS));
    return rows[0] ?? { tx: '0', seq: 0 };
  }

  async function saveCheckpoint(consumer: string, { tx, seq }: Checkpoint): Promise<void> {
    await pool.query(statement('feed-save', SAVE_SQL, [consumer, tx, seq], TIMEOUT_MS));
  }

  /** Rings the bell at each NOTIFY. It uses its own connection and replaces it when it breaks. */
  async function listen(bell: Bell, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const client = await pool.connect();
        client.on('notification', bell.ring);
        const broken = new Promise<void>((resolve) => client.once('end', resolve));
        try {
          await client.query(`listen ${WAKE_CHANNEL}`);
          bell.ring();
          await orAborted(broken, signal);
        } finally {
          client.release(true);
        }
      } catch {
        // The feed has the same problem and reports it.
      }
      await rest(POLL_MS, signal);
    }
  }

  async function lag(consumer: string): Promise<number> {
    const { tx, seq } = await loadCheckpoint(consumer);
    const query = statement('feed-lag', LAG_SQL, [tx, seq], TIMEOUT_MS);
    return onlyRow(await pool.query<{ commits: number }>(query)).commits;
  }

  return { run, lag };
}

/**
 * An open transaction may still commit rows before the visible ones, so the feed returns nothing from the oldest open
 * transaction on. Every writing transaction of the server counts: keep them short.
 */
const PAGE_SQL = `
  select ${COMMIT_COLUMNS}, tx::text, seq from (
    select *, sum(octet_length(ev)) over (order by tx, seq) - octet_length(ev) as bytes_before
    from (
      select * from events
      where (tx, seq) > ($1::xid8, $2::bigint) and tx < pg_snapshot_xmin(pg_current_snapshot())
      order by tx, seq limit $3
    ) rows
  ) page
  where bytes_before < $4
  order by page.tx, seq`;

const MORE_SQL = 'select exists (select from events where (tx, seq) > ($1::xid8, $2::bigint)) as more';

const LAG_SQL = 'select count(*) as commits from events where (tx, seq) > ($1::xid8, $2::bigint)';

const LOAD_SQL = 'select tx::text, seq from feed_checkpoints where consumer = $1';

const SAVE_SQL = `
  insert into feed_checkpoints as mine (consumer, tx, seq) values ($1, $2, $3)
  on conflict (consumer) do update set tx = excluded.tx, seq = excluded.seq
  where (excluded.tx, excluded.seq) > (mine.tx, mine.seq)`;

interface Bell {
  ring(): void;
  clear(): void;
  /** Ends when the bell rings or has rung since it was cleared, after `ms`, or when the feed is aborted. */
  wait(ms: number): Promise<void>;
}

/** A bell for one waiter. */
function createBell(signal: AbortSignal): Bell {
  let rung = false;
  let wake = () => {};
  signal.addEventListener('abort', () => wake(), { once: true });
  return {
    ring() {
      rung = true;
      wake();
    },
    clear() {
      rung = false;
    },
    wait: (ms) =>
      new Promise((resolve) => {
        if (rung || signal.aborted) return resolve();
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
}

/** Pauses that double. */
function createPauses() {
  let ms = FIRST_PAUSE_MS;
  return {
    next(): number {
      const pause = ms;
      ms = Math.min(ms * 2, POLL_MS);
      return pause;
    },
    reset(): void {
      ms = FIRST_PAUSE_MS;
    },
  };
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal }).catch(() => {});
}

/** Settles as the promise does, or rejects when the feed is aborted. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
