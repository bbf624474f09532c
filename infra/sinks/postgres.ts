// Read models in Postgres: a table of jsonb documents for each version of a projection, and one of positions for all of them.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg, { type Pool, type PoolClient, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { valueAt } from '../../domain/kernel/collections.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { BuildsState } from '../../projections/runtime/builds.js';
import { type Document, type FieldKind, type Projection, physicalName } from '../../projections/runtime/projection.js';
import {
  type BulkLoad,
  DocumentRefused,
  type DocumentStore,
  type DocumentWrite,
  type Loaded,
  type NewDocument,
  type Sink,
  type StoredDocument,
  type StreamPosition,
  type SweepState,
  type WriteOutcome,
} from '../../projections/runtime/sink.js';
import { createTableOnce, ENGINE, isTransient, onlyRow, RELAXED, settingUp, withConnection } from '../postgres.js';
import { groupBy } from './group-by.js';
import { saveHalving } from './halving.js';
import { type PlacingDeps, placeAll, placesOf } from './placing.js';
import { orUnavailable } from './unavailable.js';

/** A statement without an answer is abandoned after this time, and its connection is closed. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** Bulk writes of some thousands of documents may take longer. */
const BULK_TIMEOUT_MS = 30_000;

/**
 * A new table is analysed from 300 rows times this number. Each is unpacked for each index: with the server's 100 that took half
 * as long as loading 20,000 orders.
 */
const STATISTICS_TARGET = 20;

/** Data that the type or an index cannot hold: classes `data exception` and `program limit exceeded`. */
const REFUSAL_SQLSTATE = /^(22|54)...$/;

const KEYS_PER_PAGE = 1_000;

const UNIQUE_VIOLATION = '23505';

/** Characters that one message of COPY sends. */
const COPY_CHARS = 64 * 1024;

/** The positions of all projections in the schema. */
const POSITIONS = 'positions_v1';

/** Rows of the positions that hold the progress of the sweep, and the builds. Stream ids contain a `#`. */
const SWEEP_ROW = '';
const BUILDS_ROW = 'builds';

/**
 * Documents and positions need not wait for the disk. They are written in one transaction, and the disk receives transactions in
 * order: after a crash the last of them are missing together, with the sweep's progress, and the sweep finds their commits.
 */
export function createPostgresSink(pool: Pool): Sink {
  return {
    engine: ENGINE,
    async open(projections) {
      await createTableOnce(pool, POSITIONS, POSITIONS_SQL, 'read models');
      const store = createStore(pool);
      for (const projection of projections) await store.create(projection);
      return store;
    },
  };
}

/** Columns: key, document (null: a tombstone), positions, revision. */
export function tableName(projection: Pick<Projection, 'name' | 'version' | 'build'>): string {
  return physical(physicalName(projection));
}

/**
 * The indexed expression of a field; queries must use the same one. Keywords and times are sorted by their bytes. Filter keywords
 * with `?`, search a text with `@@`, and select a number with `numberSql`.
 */
export function fieldSql(field: string, kind: FieldKind): string {
  switch (kind) {
    case 'keyword':
    case 'time':
      return `(document->>'${field}') collate "C"`;
    case 'keywords':
    case 'values':
    case 'numbers':
      return `(document->'${field}')`;
    case 'number':
      return `((document->>'${field}')::numeric)`;
    case 'boolean':
      return `((document->>'${field}')::boolean)`;
    case 'text':
      return `array_to_tsvector(array_remove(string_to_array(document->>'${field}', ' '), ''))`;
  }
}

/**
 * One number of a field, by the column or expression of the field. The names are not known when the table is created, so the query that needs a number creates its index.
 */
export function numberSql(column: string, name: string): string {
  return `((${column}->>${pg.escapeLiteral(name)})::numeric)`;
}

function createStore(pool: Pool): DocumentStore {
  const query = <R extends QueryResultRow>(text: string, values: unknown[], name?: string): Promise<QueryResult<R>> => {
    const config: QueryConfig & { query_timeout: number } = { text, values, query_timeout: STATEMENT_TIMEOUT_MS };
    return orUnavailable(ENGINE, isTransient, () => pool.query<R>({ ...config, ...defined({ name }) }));
  };

  /** One statement for the documents of all tables and the positions. */
  async function saveAll(
    writes: readonly DocumentWrite[],
    positions: ReadonlyMap<StreamId, StreamPosition>,
  ): Promise<WriteOutcome[]> {
    const tables = [...groupBy(writes, ({ table }) => table)].sort(([a], [b]) => (a < b ? -1 : 1));
    const values: unknown[] = [];
    const parts = tables.map(([table, batch], index) => saveSql(physical(table), index, batch, values));
    if (positions.size > 0) parts.push(positionsSql(tables.length, writes.length, positions, values));
    const answers = tables.map((_, index) => `select ${index} as place, key from written_${index}`);
    if (positions.size > 0) answers.push('select -1 as place, stream as key from positioned');
    const text = `with ${[RELAXED, ...parts].join(',\n')}\n${answers.join(' union all ')}`;
    const { rows } = await query<{ place: number; key: string }>(text, values, statementName(text));
    const saved = new Set(rows.map(({ place, key }) => `${tables[place]?.[0] ?? ''} ${key}`));
    const outcomes = writes.map(
      ({ table, key }): WriteOutcome =>
        saved.has(`${table} ${key}`) ? { saved: true } : { saved: false, stale: true },
    );
    if (outcomes.every((outcome) => outcome.saved)) {
      await placeAll(placing, new Map([...positions].filter(([stream]) => !saved.has(` ${stream}`))));
    }
    return outcomes;
  }

  const placing: PlacingDeps = {
    engine: ENGINE,
    async read(streams) {
      const { rows } = await query<PositionRow & { stream: StreamId; revision: string }>(
        `select stream, commit_no as "commitNo", of, held, xmin::text as revision from ${POSITIONS} where stream = any($1)`,
        [streams],
        'positions',
      );
      const found = rows.map(
        ({ stream, revision, ...row }) => [stream, { position: positionIn(row), revision }] as const,
      );
      return placesOf(streams, new Map(found));
    },
    async write(entries) {
      const columns = positionColumns(new Map(entries.map(({ stream, position }) => [stream, position])));
      const revisions = entries.map(({ revision }) => revision ?? null);
      const { rows } = await query<{ stream: string }>(PLACE_SQL, [...columns, revisions], 'place-positions');
      const written = new Set(rows.map(({ stream }) => stream));
      return entries.map(({ stream }) => written.has(stream));
    },
  };

  return {
    /** One statement, and so one state of the store. */
    async load(documents, streams) {
      if (documents.length + streams.length === 0) return { documents: [], positions: new Map() };
      const values: unknown[] = [];
      const tables = [...groupBy(documents, ({ table }) => table)];
      const parts = tables.map(([table, ids], index) => {
        values.push(ids.map(({ key }) => key));
        return `select ${index} as place, key, document, positions, revision as number, null as of
                from ${physical(table)} where key = any($${values.length})`;
      });
      if (streams.length > 0) {
        values.push(streams);
        parts.push(`select -1 as place, stream as key, held as document, null as positions, commit_no as number, of
                    from ${POSITIONS} where stream = any($${values.length})`);
      }
      const { rows } = await query<LoadedRow>(parts.join(' union all '), values);
      const loaded: Loaded = { documents: [], positions: new Map() };
      for (const { place, key, document, positions, number, of } of rows) {
        if (place < 0) loaded.positions.set(key as StreamId, positionIn({ commitNo: number, of: of!, held: document }));
        else loaded.documents.push({ table: tables[place]![0], key, document, positions, revision: number });
      }
      return loaded;
    },

    async save(writes, positions) {
      if (writes.length + positions.size === 0) return [];
      try {
        return await saveAll(writes, positions);
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
      return saveHalving(writes, (some) => saveAll(some, new Map()), isRefusal);
    },

    async held() {
      const { rows } = await query<PositionRow & { stream: StreamId }>(
        `select stream, commit_no as "commitNo", of, held from ${POSITIONS} where held is not null and stream like '%#%' order by stream`,
        [],
      );
      return new Map(rows.map(({ stream, ...row }) => [stream, positionIn(row)]));
    },

    async *keys(table) {
      const page = `select key from ${physical(table)} where key > $1 order by key limit ${KEYS_PER_PAGE}`;
      for (let after = '', isMore = true; isMore; ) {
        const { rows } = await query<{ key: string }>(page, [after]);
        if (rows.length > 0) yield rows.map(({ key }) => key);
        after = rows.at(-1)?.key ?? after;
        isMore = rows.length === KEYS_PER_PAGE;
      }
    },

    async sweepState() {
      const { rows } = await query<{ held: SweepState }>(`select held from ${POSITIONS} where stream = $1`, [
        SWEEP_ROW,
      ]);
      return rows[0]?.held;
    },

    async setSweepState(state) {
      await query(
        `with ${RELAXED}
         insert into ${POSITIONS} (stream, commit_no, of, held) select $1, 0, '', $2 from relaxed
         on conflict (stream) do update set held = excluded.held`,
        [SWEEP_ROW, JSON.stringify(state)],
        'sweep-state',
      );
    },

    async builds() {
      const { rows } = await query<{ revision: number; state: BuildsState }>(
        `select commit_no as revision, held as state from ${POSITIONS} where stream = $1`,
        [BUILDS_ROW],
        'builds',
      );
      return rows[0];
    },

    async setBuilds(state, revision) {
      const { rowCount } = await query(
        `insert into ${POSITIONS} as mine (stream, commit_no, of, held) select $1, $2::bigint, '', $3 where $2 = 1 or exists (
           select from ${POSITIONS} where stream = $1)
         on conflict (stream) do update set commit_no = excluded.commit_no, held = excluded.held
           where mine.commit_no = excluded.commit_no - 1`,
        [BUILDS_ROW, ((revision as number | undefined) ?? 0) + 1, JSON.stringify(state)],
      );
      return rowCount === 1;
    },

    create: (projection) => createTableOnce(pool, tableName(projection), tableSql(projection), 'read models'),

    async drop(table) {
      await settingUp(pool, async (client) => void (await client.query(`drop table if exists ${physical(table)}`)));
    },

    async count(table) {
      const counted = await query<{ count: number }>(`select count(*) as count from ${physical(table)}`, []);
      return onlyRow(counted).count;
    },

    bulk: createBulkLoad(pool),

    /** The start time changes with each restart, and no two servers share it. A promoted replica has a new timeline. */
    async lineage() {
      const answer = await query<{ lineage: string }>(
        `select system_identifier || ' ' || pg_postmaster_start_time() || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
         as lineage from pg_control_system()`,
        [],
      );
      return onlyRow(answer).lineage;
    },

    onDoubt(listener) {
      pool.on('error', listener);
    },
  };
}

/**
 * COPY into a table that has only its key. The other indexes are made when it is full, which takes half the time, and statistics
 * are collected before a query needs them.
 */
function createBulkLoad(pool: Pool): BulkLoad {
  const away = <T>(work: () => Promise<T>) => orUnavailable(ENGINE, isTransient, work);

  function copy(table: string, documents: readonly NewDocument[]): Promise<void> {
    return withConnection(pool, (client) => inTime(copyBy(client, table, documents)));
  }

  async function copyBy(client: PoolClient, table: string, documents: readonly NewDocument[]): Promise<void> {
    await client.query('begin; set local synchronous_commit = off');
    const into = client.query(copyFrom(`copy ${table} (key, document, positions, revision) from stdin`));
    await pipeline(Readable.from(copyRows(documents)), into);
    await client.query('commit');
  }

  /** Those that are there are the same. */
  async function insertMissing(table: string, documents: readonly NewDocument[]): Promise<void> {
    const config: QueryConfig & { query_timeout: number } = {
      text: `insert into ${table} (key, document, positions, revision)
       select key, document, positions, 1 from unnest($1::text[], $2::jsonb[], $3::jsonb[]) as new (key, document, positions)
       on conflict do nothing`,
      values: [
        documents.map(({ key }) => key),
        documents.map(({ document }) => document && JSON.stringify(document)),
        documents.map(({ positions }) => JSON.stringify(positions)),
      ],
      query_timeout: BULK_TIMEOUT_MS,
    };
    await pool.query(config);
  }

  async function insert(table: string, documents: readonly NewDocument[]): Promise<void> {
    try {
      await away(() => copy(table, documents));
    } catch (error) {
      if ((error as { code?: string }).code === UNIQUE_VIOLATION) return away(() => insertMissing(table, documents));
      if (!isRefusal(error)) throw error;
      const [first] = documents;
      if (first && documents.length === 1) throw new DocumentRefused(first.key, error.message);
      const middle = Math.ceil(documents.length / 2);
      await insert(table, documents.slice(0, middle));
      await insert(table, documents.slice(middle));
    }
  }

  return {
    create: (projection) => createTableOnce(pool, tableName(projection), columnsSql(projection), 'read models'),
    insert: (table, documents) => insert(physical(table), documents),
    async complete(projection) {
      const table = tableName(projection);
      await settingUp(pool, async (client) => {
        const { rows } = await client.query<{ count: number }>(
          'select count(*) as count from pg_index where indrelid = to_regclass($1)',
          [table],
        );
        // All indexes are made in one transaction, so that one index is the key, and more are all.
        if (onlyRow({ rows }).count === 1) await client.query(indexesSql(table, projection) || 'select');
        await client.query(`set local default_statistics_target = ${STATISTICS_TARGET}`);
        await client.query(`analyze ${table}`);
      });
    },
  };
}

/** The driver has no time limit for COPY. The caller closes the connection of work that is late. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = delay(BULK_TIMEOUT_MS, undefined, { signal: done.signal }).then(() => {
    throw new Unavailable(ENGINE, `it did not take documents within ${BULK_TIMEOUT_MS / 1000} s`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}

/** The text format of COPY: tabs between columns, `\N` for null, and a backslash before what would end a value. */
function* copyRows(documents: readonly NewDocument[]): Iterable<string> {
  let rows = '';
  for (const { key, document, positions } of documents) {
    const json = document === null ? '\\N' : copyText(JSON.stringify(document));
    rows += `${copyText(key)}\t${json}\t${copyText(JSON.stringify(positions))}\t1\n`;
    if (rows.length < COPY_CHARS) continue;
    yield rows;
    rows = '';
  }
  yield rows;
}

const COPY_ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function copyText(text: string): string {
  return text.replace(/[\\\t\n\r]/g, (character) => COPY_ESCAPES[character] ?? character);
}

interface PositionRow {
  commitNo: number;
  of: string;
  held: unknown;
}

/** A document, or a position with its `held` as the document. */
interface LoadedRow {
  place: number;
  key: string;
  document: Document | null;
  positions: StoredDocument['positions'];
  number: number;
  of: string | null;
}

function positionIn({ commitNo, of, held }: PositionRow): StreamPosition {
  return { of: of.split(' '), commitNo, ...(held !== null && { held: held as NonNullable<StreamPosition['held']> }) };
}

/** Rows are locked in the order of tables and keys, so that concurrent writers seldom deadlock. A deadlock is retried. */
function saveSql(table: string, index: number, batch: readonly DocumentWrite[], values: unknown[]): string {
  const first = values.push(
    batch.map(({ key }) => key),
    batch.map(({ document }) => document && JSON.stringify(document)),
    batch.map(({ positions }) => JSON.stringify(positions)),
    batch.map(({ revision }) => revision ?? null),
  );
  const [key, document, positions, revision] = [first - 3, first - 2, first - 1, first];
  return `written_${index} as (
    insert into ${table} (key, document, positions, revision)
    select key, document, positions, coalesce(revision, 0) + 1
    from unnest($${key}::text[], $${document}::jsonb[], $${positions}::jsonb[], $${revision}::bigint[])
      as new (key, document, positions, revision), relaxed
    order by key collate "C"
    on conflict (key) do update
      set document = excluded.document, positions = excluded.positions, revision = excluded.revision
      where ${table}.revision = excluded.revision - 1
    returning key)`;
}

/**
 * Writes positions only if all documents of the statement are written. Only the usual case is handled here: nothing is held back,
 * and the stored position is a lower one of the same projections. The others are merged one by one (`placeAll`).
 */
function positionsSql(
  tables: number,
  writes: number,
  positions: ReadonlyMap<StreamId, StreamPosition>,
  values: unknown[],
): string {
  const first = values.push(...positionColumns(positions), writes);
  const counts = Array.from({ length: tables }, (_, index) => `(select count(*) from written_${index})`);
  const [stream, commitNo, of, held] = [first - 4, first - 3, first - 2, first - 1];
  return `positioned as (
    insert into ${POSITIONS} as mine (stream, commit_no, of, held)
    select stream, commit_no, of, held
    from unnest($${stream}::text[], $${commitNo}::bigint[], $${of}::text[], $${held}::jsonb[])
      as new (stream, commit_no, of, held), relaxed
    where ${['0', ...counts].join(' + ')} = $${first}::bigint
    order by stream collate "C"
    on conflict (stream) do update set commit_no = excluded.commit_no
      where excluded.commit_no > mine.commit_no and excluded.of = mine.of and mine.held is null and excluded.held is null
    returning stream)`;
}

function positionColumns(positions: ReadonlyMap<StreamId, StreamPosition>): unknown[] {
  const entries = [...positions.values()];
  return [
    [...positions.keys()],
    entries.map(({ commitNo }) => commitNo),
    entries.map(({ of }) => of.join(' ')),
    entries.map(({ held }) => (held ? JSON.stringify(held) : null)),
  ];
}

/** Compare-and-set by the transaction that has written the row. */
const PLACE_SQL = `
  with ${RELAXED}, new as materialized (
    select new.* from unnest($1::text[], $2::bigint[], $3::text[], $4::jsonb[], $5::text[])
      as new (stream, commit_no, of, held, revision), relaxed
  ), updated as (
    update ${POSITIONS} as mine set commit_no = new.commit_no, of = new.of, held = new.held
    from new where mine.stream = new.stream and mine.xmin::text = new.revision
    returning mine.stream
  ), inserted as (
    insert into ${POSITIONS} (stream, commit_no, of, held)
    select stream, commit_no, of, held from new where revision is null order by stream collate "C"
    on conflict do nothing returning stream
  )
  select stream from updated union all select stream from inserted`;

/** The texts differ by the tables of a batch. Those that repeat are prepared once per connection. */
function statementName(text: string): string {
  return `save-${createHash('sha256').update(text).digest('base64url')}`;
}

const physical = (table: string) => table.replaceAll('-', '_');

const POSITIONS_SQL = `
  create table ${POSITIONS} (
    stream    text collate "C" primary key,
    commit_no bigint not null,
    -- The projections for which the position holds, separated by blanks.
    of        text not null,
    -- Projections that have applied less, by name. In the rows of the sweep and of the builds: their state.
    held      jsonb
  );
  create index on ${POSITIONS} (stream) where held is not null;`;

/** The column of a field that is kept beside the document, or the expression of another one. */
export function columnSql({ fields, beside = [] }: Pick<Projection, 'fields' | 'beside'>, field: string): string {
  return beside.includes(field) ? `"${field}"` : fieldSql(field, valueAt(new Map(Object.entries(fields)), field));
}

function tableSql(projection: Projection<never, never>): string {
  const table = tableName(projection);
  return `${columnsSql(projection)}\n${indexesSql(table, projection)}`;
}

const COLUMN_TYPES: Record<FieldKind, string> = {
  keyword: 'text collate "C"',
  time: 'text collate "C"',
  keywords: 'jsonb',
  values: 'jsonb',
  numbers: 'jsonb',
  number: 'numeric',
  boolean: 'boolean',
  text: 'tsvector',
};

function columnsSql(projection: Projection<never, never>): string {
  const { fields, beside = [] } = projection;
  const kinds = new Map(Object.entries(fields));
  const generated = beside.map((field) => {
    const kind = valueAt(kinds, field);
    return `"${field}" ${COLUMN_TYPES[kind]} generated always as (${fieldSql(field, kind)}) stored,`;
  });
  return `
    create table ${tableName(projection)} (
      ${generated.join('\n      ')}
      key       text collate "C" primary key,
      -- null: a tombstone.
      document  jsonb,
      -- For each stream that feeds the document: the last commit that changed it.
      positions jsonb not null,
      -- Number of writes, for compare-and-set.
      revision  bigint not null
    );`;
}

/** Declared combinations, without fields that a sorted index cannot hold; all other fields separately. */
function indexesSql(table: string, { fields, indexes = [], beside = [] }: Projection<never, never>): string {
  const kinds = new Map(Object.entries(fields));
  const isSorted = (field: string) => !['text', 'keywords', 'values', 'numbers'].includes(valueAt(kinds, field));
  const sorted = indexes.map((combination) => combination.filter(isSorted));
  const single = Object.keys(fields).filter(
    (field) => isSorted(field) && !beside.includes(field) && !sorted.flat().includes(field),
  );
  const isTime = (field: string) => valueAt(kinds, field) === 'time';
  const expressions = [...sorted, ...single.filter((field) => !isTime(field)).map((field) => [field])]
    .map((combination) => combination.map((field) => columnSql({ fields, beside }, field)).join(', '))
    .filter((expression) => expression !== '');
  return [
    ...[...new Set(expressions)].map((expression) => `create index on ${table} (${expression});`),
    // Documents without the time, such as those of the agenda that are done, are not in its index.
    ...single.filter(isTime).map((field) => {
      const time = fieldSql(field, 'time');
      return `create index on ${table} (${time}) where ${time} is not null;`;
    }),
    ...Object.entries(fields).map(([field, kind]) => {
      const isSearched = kind === 'keywords' || kind === 'text';
      // What is kept beside the document is read with it, and not searched.
      const isIndexed = isSearched && !beside.includes(field);
      return isIndexed ? `create index on ${table} using gin (${fieldSql(field, kind)});` : '';
    }),
  ].join('\n');
}

function isRefusal(error: unknown): error is Error {
  return error instanceof Error && REFUSAL_SQLSTATE.test((error as { code?: string }).code ?? '');
}
