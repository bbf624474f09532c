// Notices within seconds that commits of the log were changed or removed by somebody with the rights of the table's owner. The feed
// reads new rows only. So this watches what such an intervention leaves in the server: its counters of changed rows, its catalogue
// of the table and of what protects it, and the first and the last commit. One statement looks at all of that. What is only
// suspicious, such as a table that was rewritten, makes the watch compare the whole log with its hashes and with the archive.
import type { Pool } from 'pg';
import type { TamperAlarm } from '../../../domain/kernel/feed.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import type { Logger } from '../../../projections/runtime/projector.js';
import { onlyRow, statement } from '../../postgres.js';
import { pauseUnlessAborted } from '../../retry.js';
import { findTampering } from './find-tampering.js';
import { COMMIT_COLUMNS, REFUSAL } from './postgres-events-table.js';

const WATCH_EVERY_MS = 2_000;
const TIMEOUT_MS = 5_000;

/** Finding the changed rows reads the whole table. */
const FIND_TIMEOUT_MS = 10 * 60_000;
const MAX_NAMED = 100;

/** The server counts removed rows up to some seconds after the transaction. */
const SUSPICION_MS = 30_000;

/**
 * A change of a catalogue row is seen by its `xmin`, the transaction that wrote it: it shows also what was undone between two
 * looks. ANALYZE, VACUUM and CREATE INDEX do not write these rows; VACUUM FULL writes that of the table.
 */
const LOOK_SQL = `
  select
    log.oid::text as oid,
    pg_stat_get_tuples_updated(log.oid) as updated,
    pg_stat_get_tuples_deleted(log.oid) as deleted,
    log.xmin::text || (
      select coalesce(string_agg(oid::text || ' ' || xmin::text, ',' order by oid), '') from pg_constraint where conrelid = log.oid
    ) as definition,
    concat_ws('/',
      (select string_agg(attname || ' ' || xmin::text, ',' order by attnum) from pg_attribute
        where attrelid = log.oid and attname = any(string_to_array('${COMMIT_COLUMNS}', ', '))),
      (select string_agg(t.oid::text || ' ' || t.xmin::text || ' ' || p.xmin::text, ',' order by t.oid)
        from pg_trigger t join pg_proc p on p.oid = tgfoid where tgrelid = log.oid)
    ) as protection,
    log.relkind = 'r' and log.relpersistence = 'p' and not log.relrowsecurity and not log.relispartition
      and not exists (select from pg_inherits where inhrelid = log.oid or inhparent = log.oid)
      and not exists (select from pg_rewrite where ev_class = log.oid)
      and exists (
        select from pg_trigger t join pg_proc p on p.oid = tgfoid
        where tgrelid = log.oid and tgname = 'events_append_only' and tgenabled = 'A' and tgqual is null
          and cardinality(tgattr::int2[]) = 0 and tgtype = ${2 + 8 + 16 + 32} and prosrc = $1
      ) as "isProtected",
    (select json_build_object('pk', pk, 'sk', sk, 'h', h) from events order by tx, seq limit 1) as first,
    (select json_build_object('pk', pk, 'sk', sk, 'h', h) from events order by tx desc, seq desc limit 1) as last,
    (select h from events where pk = $2 and sk = $3) as "firstHash",
    (select h from events where pk = $4 and sk = $5) as "lastHash"
  from pg_class log
  where log.oid = 'events'::regclass`;

/** Rows that were written by another transaction than the one that appended them: changed, unless the whole table was rewritten. */
const WRITTEN_SQL = `
  select pk as stream, sk as "commitNo" from events where xmin <> tx::xid order by at limit ${MAX_NAMED + 1}`;

/** There is no such table, or it lacks a column. */
const UNDEFINED = /^42(P01|703)$/;

interface Look {
  oid: string;
  /** Rows that were changed and removed since the server's counters began. */
  updated: number;
  deleted: number;
  /** What changes whenever somebody alters the table, rewrites or empties it. */
  definition: string;
  /** What changes whenever somebody alters its trigger, the function of the trigger, or the columns of a commit. */
  protection: string;
  isProtected: boolean;
  first: End | null;
  last: End | null;
  /** The hashes that the ends of the look before have now. */
  firstHash: string | null;
  lastHash: string | null;
}

/** The first or the last commit that the feed shows. */
interface End {
  pk: StreamId;
  sk: number;
  h: string;
}

export interface TamperWatchDeps {
  pool: Pool;
  alarm: TamperAlarm;
  log: Logger;
  everyMs?: number;
  suspicionMs?: number;
}

/** Compares with what it sees first, until the signal aborts. */
export async function watchForTampering(
  { pool, alarm, log, everyMs = WATCH_EVERY_MS, suspicionMs = SUSPICION_MS }: TamperWatchDeps,
  signal: AbortSignal,
): Promise<void> {
  let before: Look | undefined;
  let isUnreadable = false;
  /** The table that has raised the alarm, until a look is judged to its end. */
  let unprotected: string | undefined;
  /** Each commit is named once. */
  const named = new Set<string>();
  /**
   * While the trigger is not as it should be, and for some time after it was touched, removed rows are counted. Not always: an
   * insert that loses a race for its key counts as a removed row, too. `accounted`: the count that has raised its alarms.
   */
  let suspicion: { until: number; accounted: number } | undefined;
  while (!signal.aborted) {
    try {
      const now = await look();
      await judge(before, now);
      [before, isUnreadable, unprotected] = [now, false, undefined];
    } catch (error) {
      if (signal.aborted) break;
      if (UNDEFINED.test(String((error as { code?: unknown }).code))) {
        if (!isUnreadable) alarm(undefined, undefined, 'removed');
        isUnreadable = true;
      }
      log.warn({ error: String(error) }, 'The log cannot be watched for tampering now.');
    }
    await pauseUnlessAborted(everyMs, signal);
  }

  async function look(): Promise<Look> {
    const [first, last] = [before?.first, before?.last];
    const values = [REFUSAL, first?.pk, first?.sk, last?.pk, last?.sk];
    return onlyRow(await pool.query<Look>(statement('feed-watch', LOOK_SQL, values, TIMEOUT_MS)));
  }

  /** Throws if the log cannot be compared. Then the next look is judged against the same one before. */
  async function judge(then: Look | undefined, now: Look): Promise<void> {
    const isReplaced = then !== undefined && then.oid !== now.oid;
    const lostProtection = !now.isProtected && (then?.isProtected ?? true);
    if ((isReplaced || lostProtection) && unprotected !== now.oid) {
      unprotected = now.oid;
      alarm(undefined, undefined, 'unprotected');
    }
    if (!then) return;

    const isTouched = then.protection !== now.protection;
    if (isTouched || !now.isProtected)
      suspicion = { until: performance.now() + suspicionMs, accounted: suspicion?.accounted ?? then.deleted };
    else if (suspicion && performance.now() > suspicion.until) suspicion = undefined;

    if (then.first && then.first.h !== now.firstHash) nameEnd(then.first, now.firstHash);
    if (then.last && then.last.h !== now.lastHash) nameEnd(then.last, now.lastHash);

    const isUpdated = now.updated > then.updated;
    const isRemoved = suspicion !== undefined && now.deleted > suspicion.accounted;
    // The server's counters begin anew if it crashed or somebody reset them.
    const isRestarted = now.updated < then.updated || now.deleted < then.deleted;
    const isAltered = then.definition !== now.definition || isTouched || isReplaced;
    if (!isUpdated && !isRemoved && !isRestarted && !isAltered) return;

    const found = await findTampering(pool, MAX_NAMED, signal);
    const fresh = found.filter(({ stream, commitNo, what }) => name(stream, commitNo, what));
    if (isUpdated && !fresh.some(({ what }) => what === 'modified')) await nameWritten();
    if (isRemoved && suspicion) {
      if (!fresh.some(({ what }) => what === 'removed')) alarm(undefined, undefined, 'removed');
      suspicion.accounted = Math.max(suspicion.accounted, now.deleted);
    }
    if (isRestarted && suspicion) suspicion.accounted = now.deleted;
  }

  function nameEnd({ pk, sk }: End, hash: string | null): void {
    name(pk, sk, hash === null ? 'removed' : 'modified');
  }

  /** The changed rows have valid hashes: they were computed anew, or only what they do not cover was changed. */
  async function nameWritten(): Promise<void> {
    const { rows } = await pool.query<{ stream: StreamId; commitNo: number }>(
      statement('', WRITTEN_SQL, [], FIND_TIMEOUT_MS),
    );
    if (rows.length === 0 || rows.length > MAX_NAMED) alarm(undefined, undefined, 'modified');
    else for (const { stream, commitNo } of rows) name(stream, commitNo, 'modified');
  }

  /** False if it was named before. */
  function name(stream: StreamId, commitNo: number, what: 'modified' | 'removed'): boolean {
    const key = `${stream} ${commitNo}`;
    if (named.has(key)) return false;
    named.add(key);
    if (what === 'removed' && suspicion) suspicion.accounted++;
    alarm(stream, commitNo, what);
    return true;
  }
}
