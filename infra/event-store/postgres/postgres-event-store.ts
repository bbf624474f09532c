// The event store on Postgres. Appends that wait at the same time share one multi-row insert; each has its own outcome.
import type { Pool, PoolClient, QueryResult } from 'pg';
import { type Clock, type Hlc, hlcOf } from '../../../domain/kernel/clock.js';
import { lastOf } from '../../../domain/kernel/collections.js';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { ClockSkew, Deposed, Unavailable } from '../../../domain/kernel/errors.js';
import {
  type AppendResult,
  type EventStore,
  entryOf,
  type Fence,
  type LogEntry,
  UnreadableCommit,
} from '../../../domain/kernel/event-store.js';
import { APPEND_BUDGET_MS, MAX_CLOCK_SKEW_MS, WATERMARK_LAG_MS } from '../../../domain/kernel/limits.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import { coalesce } from '../../coalesce.js';
import { LEASES_TABLE } from '../../leadership/postgres-leases.js';
import {
  createTableOnce,
  ENGINE,
  isTransient,
  onlyRow,
  queryWithin,
  statement,
  withConnection,
} from '../../postgres.js';
import { withinBudget } from '../../retry.js';
import { createTurns } from '../../turns.js';
import { type CommitCodec, positionOf } from '../codec.js';
import {
  COMMIT_COLUMNS,
  COMMIT_TYPES,
  type CommitRow,
  commitColumns,
  EVENTS_SQL,
  storedCommit,
} from './postgres-events-table.js';
import { createFeedWakes, type FeedWakes } from './postgres-feed-wakes.js';

/**
 * Under load the next insert is prepared while the server executes one. More in flight would make inserts smaller, which costs
 * more per row. So fewer rows than `MIN_ROWS_PER_INSERT` wait for the insert in flight: with eight checkouts at a time this halves
 * the transactions, and the checkouts are faster.
 */
const MAX_INSERTS_IN_FLIGHT = 2;
const MIN_ROWS_PER_INSERT = 16;
const MAX_ROWS_PER_INSERT = 500;
const MAX_BYTES_PER_INSERT = 1024 * 1024;

/** An insert without an answer is abandoned and repeated on another connection. */
const INSERT_TIMEOUT_MS = 2_000;

/** A commit that is this much older than the store's clock is refused: the watermark may have passed it. */
const MAX_COMMIT_AGE_MS = WATERMARK_LAG_MS - 1_000;

const READ_BUDGET_MS = 5_000;
const READ_PAGE_ROWS = 500;
const READ_PAGE_BYTES = 4 * 1024 * 1024;
const LOG_PAGE_ROWS = 5_000;

/** Streams that are read at a time. The pool has other users. */
const READS_IN_FLIGHT = 8;

export interface PostgresEventStoreOptions {
  pool: Pool;
  codec: CommitCodec;
  /** Shared with the feed of this process. */
  wakes?: FeedWakes;
  clock?: Clock;
  watermarkLagMs?: number;
}

interface Append {
  commit: StoredCommit;
  since: number;
}

/** Creates the log's table if it does not exist. */
export function createEventsTable(pool: Pool): Promise<void> {
  return createTableOnce(pool, 'events', EVENTS_SQL);
}

export function createPostgresEventStore({
  pool,
  codec,
  wakes = createFeedWakes(pool),
  clock = Date.now,
  watermarkLagMs = WATERMARK_LAG_MS,
}: PostgresEventStoreOptions): EventStore {
  const inTurn = createTurns(READS_IN_FLIGHT);

  const enqueue = coalesce<Append, AppendResult>({
    write: appendAll,
    keyOf: ({ commit }) => `${commit.pk} ${commit.sk}`,
    bytesOf: ({ commit }) => commit.ev.length,
    maxInFlight: MAX_INSERTS_IN_FLIGHT,
    minItems: MIN_ROWS_PER_INSERT,
    maxItems: MAX_ROWS_PER_INSERT,
    maxBytes: MAX_BYTES_PER_INSERT,
  });

  async function appendAll(batch: readonly Append[]): Promise<(AppendResult | Error)[]> {
    const commits = batch.map(({ commit }) => commit);
    const deadline = Math.min(...batch.map(({ since }) => since)) + APPEND_BUDGET_MS;
    const outcomes = await withinBudget(
      { engine: ENGINE, budgetMs: deadline - clock(), isRetryable: isTransient, clock },
      () => withConnection(pool, (client) => insert(client, commits)),
    );
    wakes.appended();
    return outcomes;
  }

  /** Idempotent: a repeat after a lost reply finds its own rows by their hashes. */
  async function insert(
    client: PoolClient,
    commits: readonly StoredCommit[],
    fence?: Fence,
  ): Promise<(AppendResult | Error)[]> {
    const { rowCount } = await insertOnce(client, commits, clock(), fence);
    const acknowledged = (commit: StoredCommit) => ({ appended: true, position: positionOf(commit) }) as const;
    if (rowCount === commits.length) return commits.map(acknowledged);
    const { stored, skewMs } = await lookUp(client, commits);
    return commits.map((commit, n) => {
      if (stored[n] === commit.h) return acknowledged(commit);
      return stored[n] ? { appended: false } : refusedByClock(skewMs);
    });
  }

  /** The stored hashes at the positions of these commits, and how far this clock is ahead of the store's. */
  async function lookUp(client: PoolClient, commits: readonly StoredCommit[]) {
    const now = clock();
    const places = [commits.map(({ pk }) => pk), commits.map(({ sk }) => sk)];
    const { rows } = await client.query<{ h: string | null; now: number }>(
      statement('log-look-up', LOOK_UP_SQL, places, INSERT_TIMEOUT_MS),
    );
    return { stored: rows.map(({ h }) => h), skewMs: now - rows[0]!.now };
  }

  /** Alone in its statement, so that the lock on its lease delays no other append. */
  async function appendFenced(commit: StoredCommit, fence: Fence): Promise<AppendResult> {
    const budget = { engine: ENGINE, budgetMs: APPEND_BUDGET_MS, isRetryable: isTransient, clock };
    const outcome = await withinBudget(budget, () =>
      withConnection(pool, async (client) => {
        const [outcome] = await insert(client, [commit], fence);
        if (!(outcome instanceof Error) || (await isCurrent(client, fence))) return outcome!;
        return new Deposed(ENGINE, fence.lease, fence.token);
      }),
    );
    wakes.appended();
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  async function isCurrent(client: PoolClient, { lease, token }: Fence): Promise<boolean> {
    const text = `select from ${LEASES_TABLE} where name = $1 and token = $2`;
    return (await client.query(statement('log-fence', text, [lease, token], INSERT_TIMEOUT_MS))).rowCount === 1;
  }

  async function rows<R extends object>(name: string, text: string, values: unknown[]): Promise<R[]> {
    const server = { pool, budgetMs: READ_BUDGET_MS, clock };
    return (await inTurn(() => queryWithin<R>(server, name, text, values))).rows;
  }

  async function watermark(): Promise<Hlc> {
    const { now } = onlyRow({ rows: await rows<{ now: number }>('log-watermark', WATERMARK_SQL, []) });
    return hlcOf(now - watermarkLagMs);
  }

  return {
    async append(stream, after, newCommit) {
      const commit = codec.encode(stream, after, newCommit);
      return newCommit.fence ? appendFenced(commit, newCommit.fence) : enqueue({ commit, since: clock() });
    },

    async *read(stream, after = 0) {
      for (let last = after, more = true; more; ) {
        const page = await rows<ReadRow>('log-read', READ_SQL, [stream, last, READ_PAGE_ROWS, READ_PAGE_BYTES]);
        for (const row of page) yield codec.decode(storedCommit(row));
        last = page.at(-1)?.sk ?? last;
        more = isCut(page);
      }
    },

    async *stored({ after = BEFORE_ALL, upTo = Number.MAX_SAFE_INTEGER } = {}) {
      const end = Math.min(upTo, await watermark());
      for (let last = after, more = true; more; ) {
        const { at, stream, commitNo } = last;
        const values = [at, stream, commitNo, end, READ_PAGE_ROWS, READ_PAGE_BYTES];
        const page = await rows<ReadRow>('log-stored', STORED_SQL, values);
        for (const row of page) yield readable(row);
        last = page.length > 0 ? entryOf(lastOf(page)) : last;
        more = isCut(page);
      }
    },

    async *log(after, upTo = Number.MAX_SAFE_INTEGER) {
      yield* entries(after, Math.min(upTo, await watermark()));
    },

    newest: (after) => entries(after, Number.MAX_SAFE_INTEGER),

    watermark,
  };

  async function* entries(after: Hlc, end: Hlc): AsyncGenerator<LogEntry> {
    // Starts after every entry at `after` itself.
    let last: LogEntry = { at: after + 1, stream: '' as StreamId, commitNo: 0 };
    for (;;) {
      const page = await rows<LogEntry>('log-order', LOG_SQL, [
        last.at,
        last.stream,
        last.commitNo,
        end,
        LOG_PAGE_ROWS,
      ]);
      yield* page;
      if (page.length < LOG_PAGE_ROWS) return;
      last = lastOf(page);
    }
  }
}

const STORE_NOW = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint';

/**
 * Compares with the store's own clock. Rejects commits of a writer whose clock is wrong, and commits that the watermark may have
 * passed.
 */
const INSERT_SQL = `
  insert into events (${COMMIT_COLUMNS})
  select r.* from unnest(${COMMIT_TYPES.map((type, n) => `$${n + 1}::${type}[]`).join(', ')}) r (${COMMIT_COLUMNS})
  where abs((select ${STORE_NOW}) - $12::bigint) <= ${MAX_CLOCK_SKEW_MS}
    and r.at > ((select ${STORE_NOW}) - ${MAX_COMMIT_AGE_MS}) * 1000`;

const UNLESS_STORED_SQL = 'on conflict do nothing';
const UNIQUE_VIOLATION = '23505';

/** The lock makes a process that takes the lease wait until the commits of the term before are stored or refused. */
const FENCED_SQL = `
  with term as (select from ${LEASES_TABLE} where name = $13 and token = $14 for share)
  ${INSERT_SQL} and exists (select from term) ${UNLESS_STORED_SQL}`;

/**
 * The conflict clause costs a second record in the WAL and a second search of the index for each row. So the first attempt has
 * none: conflicts are rare, because one process has at most one append in flight per stream.
 */
async function insertOnce(
  client: PoolClient,
  commits: readonly StoredCommit[],
  now: number,
  fence?: Fence,
): Promise<QueryResult> {
  const values = insertValues(commits, now);
  const send = (name: string, text: string, more: readonly unknown[] = []) =>
    client.query(statement(name, text, [...values, ...more], INSERT_TIMEOUT_MS));
  if (fence) return send('log-append-fenced', FENCED_SQL, [fence.lease, fence.token]);
  try {
    return await send('log-append', INSERT_SQL);
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
    return send('log-append-again', `${INSERT_SQL} ${UNLESS_STORED_SQL}`);
  }
}

/** Sorted, so that two inserts for the same positions cannot deadlock. */
function insertValues(commits: readonly StoredCommit[], now: number): unknown[] {
  const sorted = [...commits].sort((a, b) => (a.pk < b.pk ? -1 : a.pk > b.pk ? 1 : a.sk - b.sk));
  return [...commitColumns(sorted), now];
}

const LOOK_UP_SQL = `
  select e.h, ${STORE_NOW} as now
  from unnest($1::text[], $2::int[]) with ordinality r (pk, sk, n) left join events e using (pk, sk)
  order by r.n`;

interface ReadRow extends CommitRow {
  /** Number of rows that could be returned, before the byte limit. */
  candidates: number;
}

/** A page of commits. `rows` limits the rows, and `bytes` the bytes before the last row. */
const pageSql = (condition: string, order: string, rows: string, bytes: string): string => `
  select ${COMMIT_COLUMNS}, candidates from (
    select *, (count(*) over ())::int as candidates,
      sum(octet_length(ev)) over (order by ${order}) - octet_length(ev) as bytes_before
    from (select * from events where ${condition} order by ${order} limit ${rows}) rows
  ) page
  where bytes_before < ${bytes}
  order by ${order}`;

const READ_SQL = pageSql('pk = $1 and sk > $2', 'sk', '$3', '$4');

/** True if more commits may follow on the next page. */
function isCut(page: readonly ReadRow[]): boolean {
  const candidates = page[0]?.candidates ?? 0;
  return page.length < candidates || candidates === READ_PAGE_ROWS;
}

/** Before every commit, including one whose time somebody has made negative. */
const BEFORE_ALL: LogEntry = { at: Number.MIN_SAFE_INTEGER, stream: '' as StreamId, commitNo: 0 };

const AFTER_ENTRY = 'at between $1::bigint and $4::bigint and (at, pk, sk) > ($1::bigint, $2::text, $3::int)';

const STORED_SQL = pageSql(AFTER_ENTRY, 'at, pk, sk', '$5', '$6');

/** Of the columns, `cs` alone can have a value that no commit has. */
function readable(row: CommitRow): StoredCommit {
  try {
    return storedCommit(row);
  } catch (error) {
    throw new UnreadableCommit(entryOf(row), `cs is no list of command ids (${(error as Error).message})`);
  }
}

const LOG_SQL = `
  select at, pk as stream, sk as "commitNo" from events
  where ${AFTER_ENTRY}
  order by at, pk, sk limit $5`;

/**
 * The current time, or the start of the oldest transaction that may still write to the log. The statement's own time is read
 * first: a writer that takes its lock after this query also reads its clock later. Times of connections of other roles are
 * visible only if this role has pg_read_all_stats.
 */
const WATERMARK_SQL = `
  select floor(extract(epoch from least(statement_timestamp(), min(a.xact_start))) * 1000)::bigint as now
  from pg_locks l join pg_stat_activity a using (pid)
  where l.relation = 'events'::regclass and l.mode = 'RowExclusiveLock'`;

function refusedByClock(skewMs: number): Error {
  if (Math.abs(skewMs) > MAX_CLOCK_SKEW_MS) return new ClockSkew(ENGINE, skewMs, MAX_CLOCK_SKEW_MS);
  return new Unavailable(ENGINE, `the commit was delayed and is too old to append; decide it again.`);
}
