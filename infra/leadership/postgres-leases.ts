// Leases in Postgres, beside the log.
import type { Pool } from 'pg';
import type { Fence } from '../../domain/kernel/event-store.js';
import { defined } from '../../domain/kernel/json.js';
import { APPEND_BUDGET_MS, WATERMARK_LAG_MS } from '../../domain/kernel/limits.js';
import { createTableOnce, ENGINE, isTransient, statement, withConnection } from '../postgres.js';
import { withinBudget } from '../retry.js';
import type { LeaseState, Leases } from './port.js';

const TIMEOUT_MS = 2_000;

/** The table of the leases. An append that carries a fence reads it. */
export const LEASES_TABLE = 'leases';

const LEASES_SQL = `
create table ${LEASES_TABLE} (
  name    text primary key,
  token   bigint not null,
  beat    bigint not null,
  -- Host and process; null if the lease is free.
  holder  text,
  -- For people.
  beat_at timestamptz not null
)`;

/** Creates the table if it does not exist. */
export function createLeasesTable(pool: Pool): Promise<void> {
  return createTableOnce(pool, LEASES_TABLE, LEASES_SQL);
}

const TAKE_FIRST_SQL = `
  insert into ${LEASES_TABLE} values ($1, 1, 0, $2, now()) on conflict do nothing returning token`;

const TAKE_SQL = `
  update ${LEASES_TABLE} set token = token + 1, beat = 0, holder = $2, beat_at = now()
  where name = $1 and token = $3 and beat = $4 and holder is not distinct from $5 returning token`;

const BEAT_SQL = `
  update ${LEASES_TABLE} set beat = beat + 1, beat_at = now() where name = $1 and token = $2 and holder is not null`;

export function createPostgresLeases(pool: Pool): Leases {
  const run = <R extends object>(name: string, text: string, values: unknown[]) =>
    pool.query<R>(statement(name, text, values, TIMEOUT_MS));

  return {
    async look(name) {
      const { rows } = await run<LeaseState & { holder: string | null }>(
        'lease-look',
        `select token, beat, holder, (extract(epoch from beat_at) * 1000)::bigint as "beatAt" from ${LEASES_TABLE} where name = $1`,
        [name],
      );
      if (!rows[0]) return undefined;
      const { holder, ...rest } = rows[0];
      return { ...rest, ...defined({ holder: holder ?? undefined }) };
    },
    async take(name, holder, seen) {
      const { rows } = seen
        ? await run<LeaseState>('lease-take', TAKE_SQL, [name, holder, seen.token, seen.beat, seen.holder ?? null])
        : await run<LeaseState>('lease-take-first', TAKE_FIRST_SQL, [name, holder]);
      return rows[0]?.token;
    },
    async beat({ lease, token }) {
      return (await run('lease-beat', BEAT_SQL, [lease, token])).rowCount === 1;
    },
    async release({ lease, token }) {
      const text = `update ${LEASES_TABLE} set holder = null where name = $1 and token = $2`;
      await run('lease-release', text, [lease, token]);
    },
  };
}

/** Runs repeatable work while the term cannot end. Undefined, without the work, if it is over. */
export type DuringTerm = <T>(fence: Fence, work: () => Promise<T>) => Promise<T | undefined>;

/**
 * A process that hangs loses the lock after this time. By then the log refuses what the process has decided before, because the
 * watermark may have passed it.
 */
const LONGEST_LOCK_MS = WATERMARK_LAG_MS;

const LOCK_SQL = `select from ${LEASES_TABLE} where name = $1 and token = $2 for share`;

/** For a log in another engine, which cannot check a fence itself: the row of the lease is locked while the work runs. */
export function createDuringTerm(pool: Pool): DuringTerm {
  const budget = { engine: ENGINE, budgetMs: APPEND_BUDGET_MS, isRetryable: isTransient };
  return ({ lease, token }, work) =>
    withinBudget(budget, () =>
      withConnection(pool, async (client) => {
        await client.query(`begin; set local idle_in_transaction_session_timeout = ${LONGEST_LOCK_MS}`);
        const { rowCount } = await client.query(statement('lease-lock', LOCK_SQL, [lease, token], TIMEOUT_MS));
        const result = rowCount === 1 ? await work() : undefined;
        await client.query('rollback').catch(() => {}); // the work is done, whatever became of the lock
        return result;
      }),
    );
}
