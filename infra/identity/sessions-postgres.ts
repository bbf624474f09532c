// Sessions in Postgres; several of one customer lie beside each other in the primary key.
import type { Pool, QueryResult, QueryResultRow } from 'pg';
import type { Session, Sessions } from '../../commands/identity/ports.js';
import { createTableOnce, isTransient } from '../postgres.js';
import { withinBudget } from '../retry.js';
import { SESSION_BUDGET_MS } from './session-budget.js';

const TABLE = 'sessions';

const DDL = `
  create table ${TABLE} (
    customer_id text,
    id text,
    guest boolean not null,
    refresh_hash text not null,
    expires_at bigint not null,
    primary key (customer_id, id)
  );
  create index on ${TABLE} (expires_at)`;

/** $4 as well as $3: a repeat after a lost reply finds its own exchange. */
const ROTATE = `
  update ${TABLE} set refresh_hash = $4, expires_at = $5
  where customer_id = $1 and id = $2 and refresh_hash in ($3, $4) and expires_at > $6
  returning guest`;

export interface PostgresSessions extends Sessions {
  /** Deletes what has expired, and answers how much that was. To be called now and then. */
  purge(now: number): Promise<number>;
}

export function createPostgresSessions(pool: Pool): PostgresSessions {
  function query<R extends QueryResultRow>(name: string, text: string, values: unknown[]): Promise<QueryResult<R>> {
    return withinBudget({ engine: 'Postgres', budgetMs: SESSION_BUDGET_MS, isRetryable: isTransient }, () =>
      pool.query<R>({ name: `${TABLE}-${name}`, text, values }),
    );
  }

  return {
    async open({ customerId, id, guest, refreshHash, expiresAt }) {
      const text = `insert into ${TABLE} values ($1, $2, $3, $4, $5) on conflict do nothing`;
      await query('open', text, [customerId, id, guest, refreshHash, expiresAt]);
    },
    async rotate({ customerId, id }, from, { refreshHash, expiresAt }, now): Promise<Session | undefined> {
      const values = [customerId, id, from, refreshHash, expiresAt, now];
      const { rows } = await query<{ guest: boolean }>('rotate', ROTATE, values);
      return rows[0] && { customerId, id, guest: rows[0].guest, refreshHash, expiresAt };
    },
    async end({ customerId, id }) {
      await query('end', `delete from ${TABLE} where customer_id = $1 and id = $2`, [customerId, id]);
    },
    async endAll(customerId) {
      await query('end-all', `delete from ${TABLE} where customer_id = $1`, [customerId]);
    },
    async purge(now) {
      return (await query('purge', `delete from ${TABLE} where expires_at <= $1`, [now])).rowCount ?? 0;
    },
  };
}

export function prepareSessions(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, DDL);
}
