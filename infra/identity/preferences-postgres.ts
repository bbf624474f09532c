// Preferences in Postgres: one row per customer or guest.
import type { Pool } from 'pg';
import type { Preferences } from '../../commands/identity/ports.js';
import { createTableOnce, queryWithin } from '../postgres.js';
import { SESSION_BUDGET_MS } from './session-budget.js';

const TABLE = 'preferences';

const DDL = `create table ${TABLE} (customer_id text primary key, preferences jsonb not null)`;
const OF = `select preferences from ${TABLE} where customer_id = $1`;
const PUT = `
  insert into ${TABLE} (customer_id, preferences) values ($1, $2)
  on conflict (customer_id) do update set preferences = excluded.preferences`;
const FORGET = `delete from ${TABLE} where customer_id = $1`;

export function createPostgresPreferences<P extends object>(pool: Pool): Preferences<P> {
  const server = { pool, budgetMs: SESSION_BUDGET_MS };

  return {
    async of(customerId) {
      const { rows } = await queryWithin<{ preferences: P }>(server, 'preferences', OF, [customerId]);
      return rows[0]?.preferences;
    },
    async put(customerId, preferences) {
      await queryWithin(server, 'preferences-put', PUT, [customerId, JSON.stringify(preferences)]);
    },
    async forget(customerId) {
      await queryWithin(server, 'preferences-forget', FORGET, [customerId]);
    },
  };
}

export function preparePreferences(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, DDL);
}
