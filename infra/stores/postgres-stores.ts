// The product's data in Postgres: a schema per profile and namespace, and the log of `embedded` in `public`.
import type pg from 'pg';
import { LEASES_TABLE } from '../leadership/postgres-leases.js';
import { ENGINE, onlyRow, settingUp } from '../postgres.js';
import { isLogShared, SHARED_SCHEMA, type ShopSchemas } from './schemas.js';
import type { Mark, Marked, Store } from './store.js';

const MARK_TABLE = 'store_mark';

/** Tables in the shared schema, and the function of the log's trigger. */
const SHARED_TABLES = [
  'events',
  'snapshots',
  'subject_keys',
  'sessions',
  'credentials',
  'preferences',
  'idempotency',
  LEASES_TABLE,
  MARK_TABLE,
];
const LOG_FUNCTION = 'events_refuse_change';

/** Columns that identify a table `events` without a mark as a log of the first generation. */
const LOG_COLUMNS = ['pk', 'sk', 'fv', 'lv', 'ev', 'cs', 'ph', 'h', 'lp'];

/** A schema of a shop. If it is the shared one, `erase` also deletes the read models of all namespaces that were made from its log. */
export function postgresStore(pool: pg.Pool, address: string, schema: string): Store {
  return {
    name: `${ENGINE} at ${address}${schema === SHARED_SCHEMA ? '' : `, schema ${schema}`}`,
    mark: async () => (await markIn(pool, schema)) ?? ((await hasLog(pool, schema)) ? 'unmarked' : undefined),
    leaveMark: (mark) => leaveMarkIn(pool, schema, mark),
    async erase() {
      const schemas = schema === SHARED_SCHEMA ? madeFromSharedLog(await marksIn(pool)) : [schema];
      await settingUp(pool, async (client) => {
        for (const own of schemas) await client.query(`drop schema if exists ${own} cascade`);
        if (schema !== SHARED_SCHEMA) return;
        for (const table of SHARED_TABLES) await client.query(`drop table if exists ${SHARED_SCHEMA}.${table}`);
        await client.query(`drop function if exists ${SHARED_SCHEMA}.${LOG_FUNCTION}`);
      });
    },
  };
}

async function hasLog(pool: pg.Pool, schema: string): Promise<boolean> {
  const found = await pool.query<{ known: boolean }>(
    `select count(*) = $3 as known from information_schema.columns
     where table_schema = $1 and table_name = 'events' and column_name = any($2)`,
    [schema, LOG_COLUMNS, LOG_COLUMNS.length],
  );
  return onlyRow(found).known;
}

/** Creates the schema if it does not exist. */
export function createSchema(pool: pg.Pool, schema: string): Promise<void> {
  return settingUp(pool, async (client) => void (await client.query(`create schema if not exists ${schema}`)));
}

/** The marks of all other shops in the database, by schema. All read models of the shared log are of one shop. */
export async function otherShops(pool: pg.Pool, { readModels, log }: ShopSchemas): Promise<Map<string, Marked>> {
  const marks = await marksIn(pool);
  const own = [readModels, log, ...(isLogShared({ readModels, log }) ? madeFromSharedLog(marks) : [])];
  for (const schema of own) marks.delete(schema);
  return marks;
}

async function marksIn(pool: pg.Pool): Promise<Map<string, Marked>> {
  const marks = new Map<string, Marked>();
  for (const schema of await markedSchemas(pool)) marks.set(schema, await markIn(pool, schema));
  const shared = await postgresStore(pool, '', SHARED_SCHEMA).mark();
  if (shared) marks.set(SHARED_SCHEMA, shared);
  return marks;
}

/** The schemas of read models that were made from the log in the shared schema. */
function madeFromSharedLog(marks: ReadonlyMap<string, Marked>): string[] {
  const shared = marks.get(SHARED_SCHEMA);
  if (typeof shared !== 'object') return [];
  const isMade = ([schema, mark]: [string, Marked]) =>
    schema !== SHARED_SCHEMA && typeof mark === 'object' && mark.log === shared.log;
  return [...marks].filter(isMade).map(([schema]) => schema);
}

async function markedSchemas(pool: Pick<pg.Pool | pg.PoolClient, 'query'>): Promise<string[]> {
  const { rows } = await pool.query<{ schema: string }>(
    `select table_schema as schema from information_schema.tables where table_name = $1 and table_schema <> 'public'`,
    [MARK_TABLE],
  );
  return rows.map(({ schema }) => schema);
}

async function markIn(pool: pg.Pool, schema: string): Promise<Mark | undefined> {
  const found = await pool.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [
    `${schema}.${MARK_TABLE}`,
  ]);
  if (!onlyRow(found).exists) return undefined;
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
