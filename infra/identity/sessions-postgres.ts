// Sessions in Postgres; several of one customer lie beside each other in the primary key.
import type { Pool } from 'pg';
import type { Session, Sessions } from '../../commands/identity/ports.js';
import { createTableOnce, queryWithin } from '../postgres.js';
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

const OPEN = `insert into ${TABLE} values ($1, $2, $3, $4, $5) on conflict do nothing`;

/** $4 as well as $3: a repeat after a lost reply finds its own exchange. */
const ROTATE = `
  update ${TABLE} set refresh_hash = $4, expires_at = $5
  where customer_id = $1 and id = $2 and refresh_hash in ($3, $4) and expires_at > $6
  returning guest`;

const END = `delete from ${TABLE} where customer_id = $1 and id = $2`;
const END_ALL = `delete from ${TABLE} where customer_id = $1`;
const PURGE = `delete from ${TABLE} where expires_at <= $1`;

export interface PostgresSessions extends Sessions {
  /** Deletes what has expired, and answers how much that was. To be called now and then. */
  purge(now: number): Promise<number>;
}

export function createPostgresSessions(pool: Pool): PostgresSessions {
  const server = { pool, budgetMs: SESSION_BUDGET_MS };

  return {
    async open({ customerId, id, guest, refreshHash, expiresAt }) {
      await queryWithin(server, 'session-open', OPEN, [customerId, id, guest, refreshHash, expiresAt]);
    },
    async rotate({ customerId, id }, from, { refreshHash, expiresAt }, now): Promise<Session | undefined> {
      const values = [customerId, id, from, refreshHash, expiresAt, now];
      const { rows } = await queryWithin<{ guest: boolean }>(server, 'session-rotate', ROTATE, values);
      return rows[0] && { customerId, id, guest: rows[0].guest, refreshHash, expiresAt };
    },
    async end({ customerId, id }) {
      await queryWithin(server, 'session-end', END, [customerId, id]);
    },
    async endAll(customerId) {
      await queryWithin(server, 'session-end-all', END_ALL, [customerId]);
    },
    async purge(now) {
      return (await queryWithin(server, 'session-purge', PURGE, [now])).rowCount ?? 0;
    },
  };
}

export function prepareSessions(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, DDL);
}
