// What all Postgres adapters share: the pool, which errors a retry may mend, and making tables once.
import pg from 'pg';
import type { Clock } from '../domain/kernel/clock.js';
import { withinBudget } from './retry.js';

/** As errors name it. */
export const ENGINE = 'Postgres';

const CONNECT_TIMEOUT_MS = 3_000;
const SET_UP_BUDGET_MS = 30_000;

/** Advisory lock of everybody who creates tables. */
const SCHEMA_LOCK = 7_236_115;

/** Types by their numbers in Postgres's catalogue. */
const INT8 = 20;
const TEXT = 25;

const ARRAY_HEADER_BYTES = 20;

/** What every process of a shop shares: the log, the data keys, sessions. A read model is made from it in a schema of its own. */
const LOG_SCHEMA = 'public';

export interface PoolOptions {
  url: string;
  /** Where read models are; what is not found there is looked for in `public`. Default: `public` alone. */
  schema?: string;
  /** Connections at most. */
  max?: number;
  /** Told when an idle connection breaks; the pool replaces it by itself. */
  warn?: (message: string) => void;
}

export function createPool({ url, schema, max = 10, warn = () => {} }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: schema === undefined ? url : withSearchPath(url, schema),
    max,
    application_name: 'commerce',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser: typeParser as typeof pg.types.getTypeParser },
  });
  // Without listeners a server that stops would end this process. Whoever has borrowed a connection that breaks learns of
  // it by the next statement; one listener is kept for good, because a connection may say twice that it broke.
  pool.on('error', (error) => {
    if (!pool.ending) warn(`Postgres: a connection broke: ${error.message}`);
  });
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

function withSearchPath(url: string, schema: string): string {
  const found = new URL(url);
  const given = found.searchParams.get('options') ?? '';
  found.searchParams.set('options', `${given} -c search_path=${schema},${LOG_SCHEMA}`.trim());
  return found.href;
}

/** int8 comes as a number. */
function typeParser(oid: number, format?: 'text' | 'binary'): unknown {
  return oid === INT8 && format !== 'binary' ? safeInteger : pg.types.getTypeParser(oid, format);
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is too large for an integer of JavaScript`);
  return value;
}

/** Connections (08), resources (53), operator intervention (57), serialisation and deadlock (40), lock timeout, a server that was demoted. */
const TRANSIENT_SQLSTATE = /^(08|53|57|40)...$|^55P03$|^25006$/;

/** Errors of sockets, and of the driver, which gives its own no code. */
const TRANSIENT_CODE = /^E(CONN|PIPE|TIMEDOUT|HOST|NET|NOTFOUND|AI_AGAIN)/;
const TRANSIENT_MESSAGE = /timeout|connection terminated|connection error|not queryable|Connection ended/i;

/** Whether the same statement may succeed when it is repeated: the server was away, busy, or chose a victim. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return TRANSIENT_SQLSTATE.test(code) || TRANSIENT_CODE.test(code);
  return TRANSIENT_MESSAGE.test(error.message);
}

/** A prepared statement that gives up, and its connection with it, when no answer comes. */
export function statement(name: string, text: string, values: unknown[], timeoutMs: number): pg.QueryConfig {
  // The driver's type declarations know `query_timeout` for connections only.
  const config: pg.QueryConfig & { query_timeout: number } = { name, text, values, query_timeout: timeoutMs };
  return config;
}

/** One statement that may be repeated, and is while the server is away. Throws `Unavailable`. */
export function queryWithin<R extends pg.QueryResultRow>(
  { pool, budgetMs, clock = Date.now }: { pool: pg.Pool; budgetMs: number; clock?: Clock },
  name: string,
  text: string,
  values: unknown[],
): Promise<pg.QueryResult<R>> {
  return withinBudget({ engine: ENGINE, budgetMs, isRetryable: isTransient, clock }, () =>
    pool.query<R>(statement(name, text, values, budgetMs)),
  );
}

/**
 * A `text[]` parameter in Postgres's binary format. The driver would write an array literal, and escaping every quote of
 * JSON texts costs ten times as much (2 KB: 17 µs against 1.5 µs).
 */
export function textArray(values: readonly string[]): Buffer {
  const sizes = values.map((value) => Buffer.byteLength(value));
  const buffer = Buffer.allocUnsafe(ARRAY_HEADER_BYTES + sizes.reduce((sum, size) => sum + 4 + size, 0));
  const [dimensions, flags, lowerBound] = [1, 0, 1];
  let offset = 0;
  for (const header of [dimensions, flags, TEXT, values.length, lowerBound])
    offset = buffer.writeInt32BE(header, offset);
  for (const [n, value] of values.entries()) {
    offset = buffer.writeInt32BE(sizes[n]!, offset);
    offset += buffer.write(value, offset);
  }
  return buffer;
}

/**
 * Runs the statements unless the table, or index, exists: among what is the log's, or in the pool's schema, where read models are.
 * Any number of processes may do so at once. Throws `Unavailable`.
 */
export async function createTableOnce(
  pool: pg.Pool,
  table: string,
  statements: string,
  place: 'log' | 'read models' = 'log',
): Promise<void> {
  await settingUp(pool, async (client) => {
    if (place === 'log') await client.query(`set local search_path to ${LOG_SCHEMA}`);
    const { rows } = await client.query<{ exists: boolean }>(
      `select to_regclass(format('%I.%I', current_schema(), $1::text)) is not null as exists`,
      [table],
    );
    if (!rows[0]!.exists) await client.query(statements);
  });
}

/** Work that makes or removes tables: in one transaction, one process at a time. Throws `Unavailable`. */
export function settingUp<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return withinBudget({ engine: ENGINE, budgetMs: SET_UP_BUDGET_MS, isRetryable: isTransient }, () =>
    inTransaction(pool, async (client) => {
      await client.query('select pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
      return work(client);
    }),
  );
}

export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return withConnection(pool, async (client) => {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  });
}

/** Lends a connection; one that saw an error is closed, because what it still has under way is unknown. */
export async function withConnection<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    const result = await work(client);
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
