// Credentials in Postgres: one row per customer.
import type { Pool } from 'pg';
import type { Credentials } from '../../commands/identity/ports.js';
import { createTableOnce, queryWithin } from '../postgres.js';
import { SESSION_BUDGET_MS } from './session-budget.js';

const TABLE = 'credentials';

/** `tokens`: of mails, by purpose. */
const DDL = `
  create table ${TABLE} (
    customer_id text primary key,
    password text,
    tokens jsonb not null default '{}'
  )`;

const PASSWORD = `select password from ${TABLE} where customer_id = $1`;

const SET_PASSWORD = `
  insert into ${TABLE} (customer_id, password) values ($1, $2)
  on conflict (customer_id) do update set password = excluded.password`;

const KEEP = `
  insert into ${TABLE} (customer_id, tokens) values ($1, jsonb_build_object($2::text, $3::jsonb))
  on conflict (customer_id) do update set tokens = ${TABLE}.tokens || excluded.tokens
  where coalesce((${TABLE}.tokens -> $2 ->> 'sentAt')::bigint, 0) <= $4`;

const WITH_TOKEN = `
  where customer_id = $1 and tokens -> $2::text ->> 'hash' = $3 and (tokens -> $2 ->> 'expiresAt')::bigint > $4`;
const HAS = `select from ${TABLE} ${WITH_TOKEN}`;
const TAKE = `update ${TABLE} set tokens = tokens - $2::text ${WITH_TOKEN}`;

const RESET = `update ${TABLE} set password = $5 ${WITH_TOKEN}`;

const FORGET = `delete from ${TABLE} where customer_id = $1`;

export function createPostgresCredentials(pool: Pool): Credentials {
  const server = { pool, budgetMs: SESSION_BUDGET_MS };

  return {
    async passwordOf(customerId) {
      const found = await queryWithin<{ password: string | null }>(server, 'password', PASSWORD, [customerId]);
      return found.rows[0]?.password ?? undefined;
    },
    async setPassword(customerId, hash) {
      await queryWithin(server, 'password-set', SET_PASSWORD, [customerId, hash]);
    },
    async resetPassword(customerId, hash, tokenHash, now) {
      const values = [customerId, 'reset', tokenHash, now, hash];
      return (await queryWithin(server, 'password-reset', RESET, values)).rowCount === 1;
    },
    async keepToken(customerId, purpose, token, notSince) {
      const values = [customerId, purpose, JSON.stringify(token), notSince];
      return (await queryWithin(server, 'mail-token-keep', KEEP, values)).rowCount === 1;
    },
    async hasToken(customerId, purpose, hash, now) {
      return (await queryWithin(server, 'mail-token', HAS, [customerId, purpose, hash, now])).rowCount === 1;
    },
    async takeToken(customerId, purpose, hash, now) {
      return (await queryWithin(server, 'mail-token-take', TAKE, [customerId, purpose, hash, now])).rowCount === 1;
    },
    async forget(customerId) {
      await queryWithin(server, 'credentials-forget', FORGET, [customerId]);
    },
  };
}

export function prepareCredentials(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, DDL);
}
