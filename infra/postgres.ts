// Common parts of all Postgres adapters: the pool, the errors that allow a retry, and table creation.
import pg from 'pg';
import type { Clock } from '../domain/kernel/clock.js';
import { withinBudget } from './retry.js';

/** The engine's name in errors. */
export const ENGINE = 'Postgres';

const CONNECT_TIMEOUT_MS = 3_000;
const SET_UP_BUDGET_MS = 30_000;
const LOOK_TIMEOUT_MS = 10_000;

/** Node warns of a leak beyond so many listeners. */
const MAX_LISTENERS = 100;

/** Advisory lock of all processes that create tables. */
const SCHEMA_LOCK = 7_236_115;

/** Type numbers of Postgres's catalogue. */
const BYTEA = 17;
const INT8 = 20;
const TEXT = 25;
const JSONB = 3802;

const ARRAY_HEADER_BYTES = 20;

export interface PoolOptions {
  url: string;
  /** Schemas in which tables are found: that of the read models first, that of the log last. Default: `public`. */
  searchPath?: readonly string[];
  /** Maximum number of connections. */
  max?: number;
  /** Called when an idle connection breaks. The pool replaces it by itself. */
  warn?: (message: string) => void;
}

export function createPool({ url, searchPath, max = 10, warn = () => {} }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: searchPath === undefined ? url : withSearchPath(url, searchPath),
    max,
    application_name: 'commerce',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser: typeParser as typeof pg.types.getTypeParser },
  });
  // Each read model listens, too.
  pool.setMaxListeners(MAX_LISTENERS);
  // Without listeners a server that stops would end this process. The borrower of a broken connection gets the error at its next
  // statement. One listener stays permanently, because a connection may report twice that it broke.
  pool.on('error', (error) => {
    if (!pool.ending) warn(`Postgres: a connection broke: ${error.message}`);
  });
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** In a URL: `search_path=server`. The server sets the path, because a proxy such as RDS Proxy refuses options of a connection. */
const PATH_OF_SERVER = ['search_path', 'server'] as const;

export function isPathOfServer(url: string): boolean {
  const [name, value] = PATH_OF_SERVER;
  return new URL(url).searchParams.get(name) === value;
}

function withSearchPath(url: string, searchPath: readonly string[]): string {
  const found = new URL(url);
  if (isPathOfServer(url)) {
    found.searchParams.delete(PATH_OF_SERVER[0]);
    return found.href;
  }
  const given = found.searchParams.get('options') ?? '';
  found.searchParams.set('options', `${given} -c search_path=${searchPath.join()}`.trim());
  return found.href;
}

/** Rejects unless the server sets this search path by itself. */
export async function requireSearchPath(pool: pg.Pool, searchPath: readonly string[]): Promise<void> {
  const { search_path: found } = onlyRow(await pool.query<{ search_path: string }>('show search_path'));
  const schemas = found.split(',').map((schema) => schema.trim().replaceAll('"', ''));
  if (schemas.join() === searchPath.join()) return;
  throw new Error(
    `DATABASE_URL leaves the search path to the server, which sets ${found}: set search_path to ${searchPath.join()} there.`,
  );
}

/** Parses int8 as a number. */
function typeParser(oid: number, format?: 'text' | 'binary'): unknown {
  return oid === INT8 && format !== 'binary' ? safeInteger : pg.types.getTypeParser(oid, format);
}

/** The pool's parsers, with another one for jsonb. */
export function withJsonParser(parse: (json: string) => unknown): typeof pg.types.getTypeParser {
  return ((oid: number, format?: 'text' | 'binary') =>
    oid === JSONB && format !== 'binary' ? parse : typeParser(oid, format)) as typeof pg.types.getTypeParser;
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is too large for an integer of JavaScript`);
  return value;
}

/**
 * Connections (08), resources (53), operator intervention (57), serialisation and deadlock (40), lock timeout, a server that was
 * demoted.
 */
const TRANSIENT_SQLSTATE = /^(08|53|57|40)...$|^55P03$|^25006$/;

/** Errors of sockets and of the driver, whose own errors have no code. */
const TRANSIENT_CODE = /^E(CONN|PIPE|TIMEDOUT|HOST|NET|NOTFOUND|AI_AGAIN)/;
const TRANSIENT_MESSAGE = /timeout|connection terminated|connection error|not queryable|Connection ended/i;

/**
 * True if the same statement may succeed later: the server was unavailable or busy, or it aborted one of several transactions.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return TRANSIENT_SQLSTATE.test(code) || TRANSIENT_CODE.test(code);
  return TRANSIENT_MESSAGE.test(error.message);
}

/** A prepared statement with a timeout. After it the connection is closed, too. */
export function statement(name: string, text: string, values: unknown[], timeoutMs: number): pg.QueryConfig {
  // The driver's types know `query_timeout` for connections only.
  const config: pg.QueryConfig & { query_timeout: number } = { name, text, values, query_timeout: timeoutMs };
  return config;
}

const SET_UP = { engine: ENGINE, budgetMs: SET_UP_BUDGET_MS, isRetryable: isTransient };

/** Runs one repeatable statement and retries it while the server is unavailable. Throws `Unavailable`. */
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

/** Part of a `with`, for a statement whose transaction need not wait for the disk. It takes effect where `relaxed` is read. */
export const RELAXED = `relaxed as materialized (select set_config('synchronous_commit', 'off', true))`;

/**
 * A `text[]` parameter in Postgres's binary format. The driver would write an array literal, and escaping every quote of JSON
 * texts takes ten times as long (2 KB: 17 µs against 1.5 µs).
 */
export function textArray(values: readonly string[]): Buffer {
  const elements = values.map((value) => {
    const put = (buffer: Buffer, offset: number) => buffer.write(value, offset);
    return { size: Buffer.byteLength(value), put };
  });
  return binaryArray(TEXT, elements);
}

/** A `bytea[]` parameter in the same format. */
export function bytesArray(values: readonly Uint8Array[]): Buffer {
  const elements = values.map((value) => {
    const put = (buffer: Buffer, offset: number) => buffer.set(value, offset);
    return { size: value.length, put };
  });
  return binaryArray(BYTEA, elements);
}

interface ArrayElement {
  /** In bytes. */
  size: number;
  put(buffer: Buffer, offset: number): unknown;
}

function binaryArray(type: number, elements: readonly ArrayElement[]): Buffer {
  const buffer = Buffer.allocUnsafe(ARRAY_HEADER_BYTES + elements.reduce((sum, { size }) => sum + 4 + size, 0));
  const [dimensions, flags, lowerBound] = [1, 0, 1];
  let offset = 0;
  for (const header of [dimensions, flags, type, elements.length, lowerBound])
    offset = buffer.writeInt32BE(header, offset);
  for (const { size, put } of elements) {
    offset = buffer.writeInt32BE(size, offset);
    put(buffer, offset);
    offset += size;
  }
  return buffer;
}

/**
 * Runs the statements unless the table or index exists, in the log's schema or in that of the read models. Several processes may
 * call it at once. Throws `Unavailable`.
 */
export async function createTableOnce(
  pool: pg.Pool,
  table: string,
  statements: string,
  place: 'log' | 'read models' = 'log',
): Promise<void> {
  const schema = place === 'log' ? LAST_SCHEMA : 'current_schema()';
  const isThere = async (connection: pg.Pool | pg.PoolClient) => {
    // Not to_regclass, which answers from a cache: a connection would not see the table that another one has just made.
    const sql = `select exists (
      select from pg_class join pg_namespace on pg_namespace.oid = relnamespace where nspname = ${schema} and relname = $1
    ) as exists`;
    const look: pg.QueryConfig & { query_timeout: number } = {
      text: sql,
      values: [table],
      query_timeout: LOOK_TIMEOUT_MS,
    };
    return onlyRow(await connection.query<{ exists: boolean }>(look)).exists;
  };
  // Usually it exists. Then one look without the lock is enough, and a start does not wait for other processes.
  if (await withinBudget(SET_UP, () => isThere(pool))) return;
  await settingUp(pool, async (client) => {
    if (place === 'log') await client.query(USE_LAST_SCHEMA);
    if (!(await isThere(client))) await client.query(statements);
  });
}

/** The last schema of the search path. */
const LAST_SCHEMA = '(select schemas[cardinality(schemas)] from current_schemas(false) as schemas)';

/** Until the transaction ends, only the last schema of the search path is used. */
const USE_LAST_SCHEMA = `select set_config('search_path', quote_ident(${LAST_SCHEMA}), true)`;

/** Creates or deletes tables in one transaction, one process at a time. Throws `Unavailable`. */
export function settingUp<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return withinBudget(SET_UP, () =>
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

/** Borrows a connection. After an error the connection is closed, because its pending work is unknown. */
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

/** The row of a query that always has exactly one. */
export function onlyRow<R>({ rows: [row] }: { rows: readonly R[] }): R {
  if (!row) throw new Error('A query that always has one row has none.');
  return row;
}
