// The product's data in Postgres: the log in `public`, and the read models in a schema per profile and namespace.
import type pg from 'pg';
import { ENGINE, onlyRow, settingUp } from '../postgres.js';
import type { Mark, Marked, Store } from './store.js';

const MARK_TABLE = 'store_mark';

/** The schema of a shop: each pair of profile and namespace has its own. */
export function schemaOf({ profile, namespace }: { profile: string; namespace: string }): string {
  return `${namespace.replaceAll('-', '_')}_${profile}`;
}

/** Tables of the log in the `embedded` profile, and the function of its trigger. */
const LOG_TABLES = ['events', 'snapshots', 'subject_keys', 'sessions', 'idempotency', MARK_TABLE];
const LOG_FUNCTION = 'events_refuse_change';

/** Columns that identify a table `events` without a mark as a log of the first generation. */
const LOG_COLUMNS = ['pk', 'sk', 'fv', 'lv', 'ev', 'cs', 'ph', 'h', 'lp'];

/** Its `erase` also deletes the read models that were made from the log. */
export function postgresLog(pool: pg.Pool, address: string): Store {
  return {
    name: `${ENGINE} at ${address}`,
    async mark() {
      const log = await pool.query<{ known: boolean }>(
        `select count(*) = $2 as known from information_schema.columns
         where table_schema = 'public' and table_name = 'events' and column_name = any($1)`,
        [LOG_COLUMNS, LOG_COLUMNS.length],
      );
      return (await markIn(pool, 'public')) ?? (onlyRow(log).known ? 'unmarked' : undefined);
    },
    leaveMark: (mark) => leaveMarkIn(pool, 'public', mark),
    erase: () =>
      settingUp(pool, async (client) => {
        for (const schema of await markedSchemas(client)) {
          if (schema.endsWith('_embedded')) await client.query(`drop schema ${schema} cascade`);
        }
        for (const table of LOG_TABLES) await client.query(`drop table if exists public.${table}`);
        await client.query(`drop function if exists public.${LOG_FUNCTION}`);
      }),
  };
}

export function postgresReadModels(pool: pg.Pool, address: string, schema: string): Store {
  return {
    name: `${ENGINE} at ${address}, schema ${schema}`,
    mark: () => markIn(pool, schema),
    leaveMark: (mark) => leaveMarkIn(pool, schema, mark),
    erase: () =>
      settingUp(pool, async (client) => void (await client.query(`drop schema if exists ${schema} cascade`))),
  };
}

/** Creates the schema if it does not exist. */
export function createSchema(pool: pg.Pool, schema: string): Promise<void> {
  return settingUp(pool, async (client) => void (await client.query(`create schema if not exists ${schema}`)));
}

/** The marks of all shops in the database; `public` is the log of `embedded`. */
export async function marksIn(pool: pg.Pool): Promise<Map<string, Marked>> {
  const marks = new Map<string, Marked>();
  for (const schema of await markedSchemas(pool)) marks.set(schema, await markIn(pool, schema));
  const log = await postgresLog(pool, '').mark();
  if (log) marks.set('public', log);
  return marks;
}

async function markedSchemas(pool: Pick<pg.Pool | pg.PoolClient, 'query'>): Promise<string[]> {
  const { rows } = await pool.query<{ schema: string }>(
    `select table_schema as schema from information_schema.tables where table_name = $1 and table_schema <> 'public'`,
    [MARK_TABLE],
  );
  return rows.map(({ schema }) => schema);
}

async function markIn(pool: pg.Pool, schema: string): Promise<Mark | undefined> {
  const table = await pool.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [
    `${schema}.${MARK_TABLE}`,
  ]);
  if (!onlyRow(table).exists) return undefined;
  const { rows } = await pool.query<{ mark: Mark }>(`select mark from ${schema}.${MARK_TABLE}`);
  return rows[0]?.mark;
}

async function leaveMarkIn(pool: pg.Pool, schema: string, mark: Mark): Promise<Mark> {
  const table = `${schema}.${MARK_TABLE}`;
  return settingUp(pool, async (client) => {
    await client.query(`create table if not exists ${table} (mark jsonb not null)`);
    await client.query(`insert into ${table} select $1 where not exists (select from ${table})`, [
      JSON.stringify(mark),
    ]);
    return onlyRow(await client.query<{ mark: Mark }>(`select mark from ${table}`)).mark;
  });
}
