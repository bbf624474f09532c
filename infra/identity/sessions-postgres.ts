// Sessions in Postgres. The primary key keeps the sessions of one customer together.
import type { Pool } from 'pg';
import type { Session, Sessions } from '../../commands/identity/ports.js';
import { defined } from '../../domain/kernel/json.js';
import { createTableOnce, queryWithin } from '../postgres.js';
import { SESSION_BUDGET_MS } from './session-budget.js';

const TABLE = 'sessions';

const DDL = `
  create table ${TABLE} (
    customer_id text,
    id text,
    guest boolean not null,
    generation int not null,
    expires_at bigint not null,
    refreshed_at bigint,
    access_token text,
    primary key (customer_id, id)
  );
  create index on ${TABLE} (expires_at)`;

const OPEN = `insert into ${TABLE} values ($1, $2, $3, $4, $5) on conflict do nothing`;

const FIND = `
  select guest, generation, expires_at as "expiresAt", refreshed_at as "refreshedAt", access_token as "accessToken"
  from ${TABLE} where customer_id = $1 and id = $2 and expires_at > $3`;

const REFRESH = `
  update ${TABLE} set generation = $3, expires_at = $4, refreshed_at = $5, access_token = $6
  where customer_id = $1 and id = $2 and generation = $3 - 1`;

const END = `delete from ${TABLE} where customer_id = $1 and id = $2`;
const END_ALL = `delete from ${TABLE} where customer_id = $1`;
const PURGE = `delete from ${TABLE} where expires_at <= $1`;

interface Row extends Pick<Session, 'guest' | 'generation' | 'expiresAt'> {
  refreshedAt: number | null;
  accessToken: string | null;
}

export interface PostgresSessions extends Sessions {
  /** Deletes expired sessions and returns their number. To be called periodically. */
  purge(now: number): Promise<number>;
}

export function createPostgresSessions(pool: Pool): PostgresSessions {
  const server = { pool, budgetMs: SESSION_BUDGET_MS };

  return {
    async open({ customerId, id, guest, generation, expiresAt }) {
      await queryWithin(server, 'session-open', OPEN, [customerId, id, guest, generation, expiresAt]);
    },
    async find({ customerId, id }, now) {
      const { rows } = await queryWithin<Row>(server, 'session-find', FIND, [customerId, id, now]);
      if (!rows[0]) return undefined;
      const { refreshedAt, accessToken, ...session } = rows[0];
      const refreshed = refreshedAt === null || accessToken === null ? undefined : { at: refreshedAt, accessToken };
      return { customerId, id, ...session, ...defined({ refreshed }) };
    },
    async refresh({ customerId, id, generation, expiresAt, refreshed: { at, accessToken } }) {
      const values = [customerId, id, generation, expiresAt, at, accessToken];
      return (await queryWithin(server, 'session-refresh', REFRESH, values)).rowCount === 1;
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
