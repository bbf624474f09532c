// Texts with a word like another one, by the trigrams of Postgres's extension pg_trgm.
import type { Pool } from 'pg';
import { createTableOnce, onlyRow, timed } from '../postgres.js';
import type { PostgresTable } from './postgres-documents.js';

/** Share of a word's trigrams that another word has at least: `labtop` and `laptop` share 0.57. */
const SIMILARITY = 0.45;

const SETTINGS = { statement_timeout: '3s', 'pg_trgm.word_similarity_threshold': String(SIMILARITY) };

/** A statement about the extension is abandoned after this time. */
const EXTENSION_TIMEOUT_MS = 10_000;

/** After a failure, such as a missing right to create the extension, the next attempt is made after this time. */
const RETRY_AFTER_MS = 60_000;

/**
 * Finds texts of a table with a word like the given one, the most similar first, equal ones by key. The first call starts to create
 * the extension and the index. Until they are there, and without the right to create them, nothing is similar. Throws `Unavailable`.
 */
export function trigrams(
  pool: Pool,
  table: PostgresTable<never>,
  expression: string,
): (word: string, limit: number) => Promise<string[]> {
  let hasStarted = false;
  /** The schema of the extension, once the index is there. */
  let schema: string | undefined;

  async function prepare(): Promise<void> {
    hasStarted = true;
    try {
      await pool.query(timed('create extension if not exists pg_trgm with schema public', EXTENSION_TIMEOUT_MS));
      const look = `select extnamespace::regnamespace::text as schema from pg_extension where extname = 'pg_trgm'`;
      const found = onlyRow(await pool.query<{ schema: string }>(timed(look, EXTENSION_TIMEOUT_MS))).schema;
      const index = `${table.name}_trigrams`;
      const sql = `create index ${index} on ${table.name} using gin ((${expression}) ${found}.gin_trgm_ops)`;
      await createTableOnce(pool, index, sql, 'read models');
      schema = found;
    } catch {
      setTimeout(() => {
        hasStarted = false;
      }, RETRY_AFTER_MS).unref();
    }
  }

  return async (word, limit) => {
    if (!hasStarted) void prepare();
    if (schema === undefined) return [];
    const rows = await table.select<{ text: string }>(
      `select ${expression} as text from ${table.name}
       where ${expression} operator(${schema}.%>) $1
       order by ${expression} operator(${schema}.<->>) $1, key limit $2`,
      [word, limit],
      undefined,
      SETTINGS,
    );
    return rows.map(({ text }) => text);
  };
}
