// Read models in Postgres: a table of jsonb documents and one of positions for each version of a projection.
import pg, { type Pool, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type FieldKind, type Projection, physicalName } from '../../projections/runtime/projection.js';
import type { Quarantine, Sink, SinkTable, StoredDocument, StreamProgress } from '../../projections/runtime/sink.js';
import { createTableOnce, ENGINE, isTransient } from '../postgres.js';
import { saveHalving } from './halving.js';
import { orUnavailable } from './unavailable.js';

/** A statement without an answer is abandoned after this time, and its connection is closed. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** Data that the type or an index cannot hold: classes `data exception` and `program limit exceeded`. */
const REFUSAL_SQLSTATE = /^(22|54)...$/;

/** Row of the positions that holds the sweep position. No stream id is empty. */
const SWEPT_ROW = '';

/**
 * Documents need not wait for the disk; positions do. The disk receives writes in order, so a position that survives a crash has
 * its documents, and no process remembers a position that did not survive.
 */
const RELAXED = `relaxed as materialized (select set_config('synchronous_commit', 'off', true))`;

export function createPostgresSink(pool: Pool): Sink {
  return {
    async open(projection) {
      const table = tableName(projection);
      await createTableOnce(pool, table, tableSql(projection), 'read models');
      return createTable(pool, table);
    },
  };
}

/** Columns: key, document (null: a tombstone), positions, revision. */
export function tableName(projection: Pick<Projection, 'name' | 'version'>): string {
  return physicalName(projection).replaceAll('-', '_');
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
 * One number of a field. The names are not known when the table is created, so the query that needs a number creates its index.
 */
export function numberSql(field: string, name: string): string {
  return `((document->'${field}'->>${pg.escapeLiteral(name)})::numeric)`;
}

function createTable(pool: Pool, table: string): SinkTable {
  const query = <R extends QueryResultRow>(
    text: string,
    values: unknown[],
    prepared?: { name: string },
  ): Promise<QueryResult<R>> => {
    const config: QueryConfig & { query_timeout: number } = { text, values, query_timeout: STATEMENT_TIMEOUT_MS };
    return orUnavailable(ENGINE, isTransient, () => pool.query<R>({ ...config, ...prepared }));
  };
  /** For writes, whose plan does not depend on the table. A search that was planned on an empty table would keep scanning it. */
  const prepared = (operation: string) => ({ name: `${table}-${operation}` });

  return {
    async load(keys) {
      if (keys.length === 0) return new Map();
      const { rows } = await query<StoredDocument>(
        `select key, document, positions, revision from ${table} where key = any($1)`,
        [keys],
      );
      return new Map(rows.map((row) => [row.key, row]));
    },

    /** Rows are locked in the order of their keys, so that concurrent writers cannot deadlock. */
    save: (writes) =>
      saveHalving(
        writes,
        async (batch) => {
          const { rows } = await query<{ key: string }>(
            `with ${RELAXED}, written as (
               insert into ${table} (key, document, positions, revision)
               select key, document, positions, coalesce(revision, 0) + 1
               from unnest($1::text[], $2::jsonb[], $3::jsonb[], $4::bigint[]) as new (key, document, positions, revision), relaxed
               order by key collate "C"
               on conflict (key) do update
                 set document = excluded.document, positions = excluded.positions, revision = excluded.revision
                 where ${table}.revision = excluded.revision - 1
               returning key)
             select key from written`,
            [
              batch.map(({ key }) => key),
              batch.map(({ document }) => document && JSON.stringify(document)),
              batch.map(({ positions }) => JSON.stringify(positions)),
              batch.map(({ revision }) => revision ?? null),
            ],
            prepared('save'),
          );
          const saved = new Set(rows.map(({ key }) => key));
          return batch.map(({ key }) => (saved.has(key) ? { saved: true } : { saved: false, stale: true }));
        },
        isRefusal,
      ),

    async progress(streams) {
      if (streams.length === 0) return new Map();
      const { rows } = await query<{ stream: StreamId; commitNo: number; quarantine: Quarantine | null }>(
        `select stream, commit_no as "commitNo", quarantine from ${table}_progress where stream = any($1)`,
        [streams],
      );
      return new Map(rows.map(({ stream, ...row }) => [stream, progressOf(row)]));
    },

    async advance(positions) {
      if (positions.size === 0) return;
      await query(
        `insert into ${table}_progress (stream, commit_no)
         select stream, commit_no from unnest($1::text[], $2::bigint[]) as new (stream, commit_no)
         order by stream collate "C"
         on conflict (stream) do update set commit_no = excluded.commit_no
           where ${table}_progress.commit_no < excluded.commit_no`,
        [[...positions.keys()], [...positions.values()]],
        prepared('advance'),
      );
    },

    async quarantine(entry) {
      await query(
        `insert into ${table}_progress (stream, commit_no, quarantine) values ($1, 0, $2)
         on conflict (stream) do update set quarantine = excluded.quarantine`,
        [entry.stream, JSON.stringify(entry)],
      );
    },

    async quarantined() {
      const { rows } = await query<{ quarantine: Quarantine }>(
        `select quarantine from ${table}_progress
         where quarantine is not null and commit_no < (quarantine->>'commitNo')::bigint order by stream`,
        [],
      );
      return rows.map(({ quarantine }) => quarantine);
    },

    async sweptTo() {
      const { rows } = await query<{ at: number }>(`select commit_no as at from ${table}_progress where stream = $1`, [
        SWEPT_ROW,
      ]);
      return rows[0]?.at ?? 0;
    },

    async setSweptTo(at) {
      await query(
        `insert into ${table}_progress (stream, commit_no) values ($1, $2)
         on conflict (stream) do update set commit_no = excluded.commit_no`,
        [SWEPT_ROW, at],
      );
    },
  };
}

function progressOf({ commitNo, quarantine }: { commitNo: number; quarantine: Quarantine | null }): StreamProgress {
  return quarantine && commitNo < quarantine.commitNo ? { commitNo, quarantine } : { commitNo };
}

function tableSql(projection: Projection<never, never>): string {
  const table = tableName(projection);
  return `
    create table ${table} (
      key       text collate "C" primary key,
      -- null: a tombstone.
      document  jsonb,
      -- For each stream that feeds the document: the last commit that changed it.
      positions jsonb not null,
      -- Number of writes, for compare-and-set.
      revision  bigint not null
    );
    create table ${table}_progress (
      stream     text collate "C" primary key,
      commit_no  bigint not null,
      quarantine jsonb
    );
    create index on ${table}_progress (stream) where quarantine is not null;
    ${indexesSql(table, projection)}`;
}

/** Declared combinations, without fields that a sorted index cannot hold; all other fields separately. */
function indexesSql(table: string, { fields, indexes = [] }: Projection<never, never>): string {
  const isSorted = (field: string) => !['text', 'keywords', 'numbers'].includes(fields[field]!);
  const sorted = indexes.map((combination) => combination.filter(isSorted));
  const single = Object.keys(fields).filter((field) => isSorted(field) && !sorted.flat().includes(field));
  const expressions = [...sorted, ...single.map((field) => [field])]
    .map((combination) => combination.map((field) => fieldSql(field, fields[field]!)).join(', '))
    .filter((expression) => expression !== '');
  return [
    ...[...new Set(expressions)].map((expression) => `create index on ${table} (${expression});`),
    ...Object.entries(fields).map(([field, kind]) => {
      const isSearched = kind === 'keywords' || kind === 'text';
      return isSearched ? `create index on ${table} using gin (${fieldSql(field, kind)});` : '';
    }),
  ].join('\n');
}

function isRefusal(error: unknown): error is Error {
  return error instanceof Error && REFUSAL_SQLSTATE.test((error as { code?: string }).code ?? '');
}
