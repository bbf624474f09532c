// Notices within seconds that rows of the log were changed or removed. The feed reads new rows only, and the trigger that refuses
// changes can be switched off by the owner of the table. So this watches what such an intervention leaves in the server: its
// statistics of the table, and the trigger in its catalogue.
import type { Pool } from 'pg';
import type { TamperAlarm } from '../../../domain/kernel/feed.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import type { Logger } from '../../../projections/runtime/projector.js';
import { onlyRow, statement } from '../../postgres.js';
import { pauseUnlessAborted } from '../../retry.js';

const WATCH_EVERY_MS = 2_000;
const TIMEOUT_MS = 5_000;

/** Finding the changed rows reads the whole table. */
const FIND_TIMEOUT_MS = 10 * 60_000;
const MAX_NAMED = 100;

/** The server counts removed rows up to some seconds after the transaction. */
const SUSPICION_MS = 30_000;

/** A removed row is counted only if the trigger was touched: an insert that loses a race for its key counts as a removed row, too. */
const STATE_SQL = `
  select
    coalesce((select n_tup_upd from pg_stat_all_tables where relid = events), 0)::bigint as updated,
    coalesce((select n_tup_del from pg_stat_all_tables where relid = events), 0)::bigint as deleted,
    coalesce((select xmin::text || tgenabled::text from pg_trigger
      where tgrelid = events and tgname = 'events_append_only'), 'none') as trigger,
    (select pg_proc.xmin::text from pg_trigger join pg_proc on pg_proc.oid = tgfoid
      where tgrelid = events and tgname = 'events_append_only') as function,
    (select pk || ' ' || sk from events order by tx, seq limit 1) as first
  from (select 'events'::regclass::oid as events) as log`;

/** A row that was changed is a version by another transaction than the one that appended it. */
const MODIFIED_SQL = `select pk, sk from events where xmin <> tx::xid order by at limit ${MAX_NAMED}`;

/** The commits before those that have no predecessor. */
const REMOVED_SQL = `
  select pk, sk - 1 as sk from events as later where sk > 1
    and not exists (select from events where pk = later.pk and sk = later.sk - 1)
  order by at limit ${MAX_NAMED}`;

interface State {
  /** Rows that were changed and removed since the table was made. */
  updated: number;
  deleted: number;
  /** What changes whenever somebody alters the trigger or its function. */
  trigger: string;
  function: string | null;
  /** The first commit that the feed shows. It changes if the table is emptied. */
  first: string | null;
}

interface Row {
  pk: StreamId;
  sk: number;
}

export interface TamperWatchDeps {
  pool: Pool;
  alarm: TamperAlarm;
  log: Logger;
  everyMs?: number;
}

/** Compares with what it sees first, until the signal aborts. */
export async function watchForTampering(
  { pool, alarm, log, everyMs = WATCH_EVERY_MS }: TamperWatchDeps,
  signal: AbortSignal,
): Promise<void> {
  let before: State | undefined;
  /** After the trigger was touched. `isNamed`: a removed commit is known already. */
  let suspicion: { until: number; isNamed: boolean } | undefined;
  while (!signal.aborted) {
    try {
      const now = onlyRow(await pool.query<State>(statement('feed-watch', STATE_SQL, [], TIMEOUT_MS)));
      if (before) await compare(before, now);
      before = now;
    } catch (error) {
      if (!signal.aborted) log.warn({ error: String(error) }, 'The log cannot be watched for tampering now.');
    }
    await pauseUnlessAborted(everyMs, signal);
  }

  async function compare(then: State, now: State): Promise<void> {
    const isTouched = then.trigger !== now.trigger || then.function !== now.function;
    if (isTouched)
      log.error(
        { then, now },
        'The protection of the table events was altered: its trigger or the function of the trigger changed.',
      );
    const updated = now.updated > then.updated;
    if (updated) {
      const modified = await find(MODIFIED_SQL);
      for (const { pk, sk } of modified) alarm(pk, sk, 'modified');
      if (modified.length === 0) alarm(undefined, undefined, 'modified');
    }
    if (isTouched) {
      const removed = await find(REMOVED_SQL);
      for (const { pk, sk } of removed) alarm(pk, sk, 'removed');
      suspicion = { until: performance.now() + SUSPICION_MS, isNamed: removed.length > 0 };
    }
    const isSuspect = suspicion !== undefined && !suspicion.isNamed && performance.now() < suspicion.until;
    if (isSuspect && ((then.first !== null && then.first !== now.first) || now.deleted > then.deleted)) {
      alarm(undefined, undefined, 'removed');
      suspicion = undefined;
    }
  }

  async function find(sql: string): Promise<Row[]> {
    try {
      return (
        await pool.query<Row>(
          statement(sql === MODIFIED_SQL ? 'feed-modified' : 'feed-removed', sql, [], FIND_TIMEOUT_MS),
        )
      ).rows;
    } catch (error) {
      log.warn({ error: String(error) }, 'The changed rows of the log could not be named.');
      return [];
    }
  }
}
