// Reads the tables that the Postgres sink writes.
import { createHash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { pairs } from '../../domain/kernel/collections.js';
import type { Projection } from '../../projections/runtime/projection.js';
import { coalesce } from '../coalesce.js';
import { createTableOnce, ENGINE, isTransient, withConnection, withJsonParser } from '../postgres.js';
import { columnSql, tableName } from '../sinks/postgres.js';
import { orUnavailable } from '../sinks/unavailable.js';
import type { Documents } from './documents.js';

/** A statement without an answer is abandoned after this time, and its connection is closed. */
const STATEMENT_TIMEOUT_MS = 5_000;

/**
 * Reads by key that wait at the same time share a statement, because sending one costs the process more than all else that a read
 * does. A read waits for the statement in flight, unless this many wait with it.
 */
const LOADS_IN_FLIGHT = 2;
const MIN_KEYS_PER_LOAD = 4;
const MAX_KEYS_PER_LOAD = 500;

export interface PostgresTable<D> extends Documents<D> {
  name: string;
  /** The indexed expression of a field. */
  field(name: string): string;
  /**
   * Starts to create an index that the projection cannot declare, unless it exists. The call does not wait. While the index is
   * created, writers of the table wait and readers work without it.
   */
  index(suffix: string, expressions: readonly string[]): void;
  /** Each distinct text is prepared once per connection, under a name derived from it, unless there are settings. */
  select<R extends object>(
    text: string,
    values: readonly unknown[],
    /** Makes something else of the JSON text of each document. */
    read?: (json: string) => unknown,
    /** Settings of the server for this statement. */
    settings?: Readonly<Record<string, string>>,
  ): Promise<R[]>;
}

export function postgresTable<D>(pool: Pool, projection: Projection<D, never>): PostgresTable<D> {
  const name = tableName(projection);
  const statementNames = new Map<string, string>();
  const indexes = new Set<string>();

  function statementName(text: string): string {
    const known = statementNames.get(text) ?? createHash('sha256').update(text).digest('base64url');
    statementNames.set(text, known);
    return known;
  }

  function index(suffix: string, expressions: readonly string[]): void {
    if (indexes.has(suffix)) return;
    indexes.add(suffix);
    const sql = `create index ${name}_${suffix} on ${name} (${expressions.join(', ')})`;
    // After a failure the next caller tries again.
    createTableOnce(pool, `${name}_${suffix}`, sql, 'read models').catch(() => indexes.delete(suffix));
  }

  async function select<R extends object>(
    text: string,
    values: readonly unknown[],
    read?: (json: string) => unknown,
    settings?: Readonly<Record<string, string>>,
  ): Promise<R[]> {
    const types = read && { types: { getTypeParser: withJsonParser(read) } };
    const statement = {
      ...(settings ? {} : { name: statementName(text) }),
      text,
      values: [...values],
      query_timeout: STATEMENT_TIMEOUT_MS,
      ...types,
    };
    const { rows } = await orUnavailable(ENGINE, isTransient, () =>
      settings ? withSettings(settings, (client) => client.query<R>(statement)) : pool.query<R>(statement),
    );
    return rows;
  }

  function withSettings<T>(settings: Readonly<Record<string, string>>, work: (client: PoolClient) => Promise<T>) {
    return withConnection(pool, async (client) => {
      const all = Object.entries(settings).map(([setting, value]) => `set local ${setting} = '${value}'`);
      await client.query(['begin', ...all].join('; '));
      const result = await work(client);
      await client.query('commit');
      return result;
    });
  }

  const loadText = coalesce<{ key: string; turn: number }, string | undefined>({
    async write(batch) {
      const keys = [...new Set(batch.map(({ key }) => key))];
      const rows = await select<{ key: string; document: string }>(
        `select key, document from ${name} where key = any($1) and document is not null`,
        [keys],
        (json) => json,
      );
      const found = new Map(rows.map(({ key, document }) => [key, document]));
      return batch.map(({ key }) => found.get(key));
    },
    // Readers of one key may share a statement.
    keyOf: ({ turn }) => String(turn),
    bytesOf: () => 0,
    maxInFlight: LOADS_IN_FLIGHT,
    minItems: MIN_KEYS_PER_LOAD,
    maxItems: MAX_KEYS_PER_LOAD,
    maxBytes: Number.POSITIVE_INFINITY,
  });
  let turn = 0;

  return {
    name,
    field: (field) => columnSql(projection, field),
    index,
    select,
    async load<T = D>(keys: readonly string[], read: (json: string) => T | undefined = JSON.parse) {
      const texts = await Promise.all(keys.map((key) => loadText({ key, turn: turn++ })));
      const found = new Map<string, T>();
      for (const [key, text] of pairs(keys, texts)) {
        const document = text === undefined ? undefined : read(text);
        if (document !== undefined) found.set(key, document);
      }
      return found;
    },
  };
}

/** Collects the values of a statement. `bind(value)` returns the placeholder of the value. */
export function placeholders(): { values: unknown[]; bind: (value: unknown) => string } {
  const values: unknown[] = [];
  return { values, bind: (value) => `$${values.push(value)}` };
}
