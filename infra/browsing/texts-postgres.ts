// Documents of browsing in Postgres, one row each.
import type { Pool } from 'pg';
import type { Clock } from '../../domain/kernel/clock.js';
import { createTableOnce, ENGINE, queryWithin } from '../postgres.js';
import { BROWSING_TTL_MS, type ExpiringTexts } from './texts.js';

const TABLE = 'browsing';
const BUDGET_MS = 5_000;

const DDL = `
  create table ${TABLE} (key text primary key, document text not null, expires_at bigint not null);
  create index on ${TABLE} (expires_at)`;

const LOAD = `select key, document from ${TABLE} where key = any($1) and expires_at > $2`;

const INSERT = `
  insert into ${TABLE} values ($1, $2, $3)
  on conflict (key) do update set document = excluded.document, expires_at = excluded.expires_at
  where ${TABLE}.expires_at <= $4`;

const UPDATE = `update ${TABLE} set document = $3, expires_at = $4 where key = $1 and document = $2`;
const DELETE = `delete from ${TABLE} where key = $1`;
const PURGE = `delete from ${TABLE} where expires_at <= $1`;

export interface PostgresTexts extends ExpiringTexts {
  /** Deletes expired documents and returns their number. To be called periodically. */
  purge(): Promise<number>;
}

export function createPostgresTexts(pool: Pool, clock: Clock, ttlMs = BROWSING_TTL_MS): PostgresTexts {
  const server = { pool, budgetMs: BUDGET_MS };
  return {
    engine: ENGINE,
    async load(keys) {
      const { rows } = await queryWithin<{ key: string; document: string }>(server, 'browsing-load', LOAD, [
        keys,
        clock(),
      ]);
      const found = new Map(rows.map(({ key, document }) => [key, document]));
      return keys.map((key) => found.get(key));
    },
    async swap(key, before, after) {
      const now = clock();
      const { rowCount } =
        before === undefined
          ? await queryWithin(server, 'browsing-insert', INSERT, [key, after, now + ttlMs, now])
          : await queryWithin(server, 'browsing-update', UPDATE, [key, before, after, now + ttlMs]);
      return rowCount === 1;
    },
    async delete(key) {
      await queryWithin(server, 'browsing-delete', DELETE, [key]);
    },
    async purge() {
      return (await queryWithin(server, 'browsing-purge', PURGE, [clock()])).rowCount ?? 0;
    },
  };
}

export function prepareBrowsing(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, DDL, 'read models');
}
