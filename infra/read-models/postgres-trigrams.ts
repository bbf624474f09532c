// Texts with a word like another one, by the trigrams of Postgres's extension pg_trgm.
import type { Pool } from 'pg';
import { createTableOnce, ENGINE, isTransient, withConnection } from '../postgres.js';
import { orUnavailable } from '../sinks/unavailable.js';

/** Share of a word's trigrams that another word has at least: `labtop` and `laptop` share 0.57. */
const SIMILARITY = 0.45;

const TIMEOUT_MS = 3_000;

/** After a failure, such as a missing right to create the extension, the next attempt is made after this time. */
const RETRY_AFTER_MS = 60_000;

/**
 * Finds texts of a table with a word like the given one, the most similar first. The first call creates the extension and the
 * index. Without the right to do so, nothing is similar.
 */
export function trigrams(
  pool: Pool,
  table: string,
  expression: string,
): (word: string, limit: number) => Promise<string[]> {
  let ready: Promise<string | undefined> | undefined;

  /** The schema of the extension. */
  async function prepare(): Promise<string | undefined> {
    try {
      await pool.query('create extension if not exists pg_trgm with schema public');
      const { rows } = await pool.query<{ schema: string }>(
        `select extnamespace::regnamespace::text as schema from pg_extension where extname = 'pg_trgm'`,
      );
      const schema = rows[0]?.schema;
      if (schema === undefined) return undefined;
      const index = `${table}_trigrams`;
      const sql = `create index ${index} on ${table} using gin ((${expression}) ${schema}.gin_trgm_ops)`;
      await createTableOnce(pool, index, sql, 'read models');
      return schema;
    } catch (error) {
      if (isTransient(error)) throw error;
      return undefined;
    }
  }

  return async (word, limit) => {
    ready ??= prepare().then(
      (schema) => {
        if (schema === undefined) setTimeout(forget, RETRY_AFTER_MS).unref();
        return schema;
      },
      (error) => {
        forget();
        throw error;
      },
    );
    const schema = await orUnavailable(ENGINE, isTransient, () => ready as Promise<string | undefined>);
    if (schema === undefined) return [];
    return orUnavailable(ENGINE, isTransient, () =>
      withConnection(pool, async (client) => {
        await client.query(
          `begin; set local statement_timeout = ${TIMEOUT_MS}; set local pg_trgm.word_similarity_threshold = ${SIMILARITY}`,
        );
        const { rows } = await client.query<{ text: string }>(
          `select ${expression} as text from ${table}
           where ${expression} operator(${schema}.%>) $1
           order by ${expression} operator(${schema}.<->>) $1 limit $2`,
          [word, limit],
        );
        await client.query('commit');
        return rows.map(({ text }) => text);
      }),
    );
  };

  function forget(): void {
    ready = undefined;
  }
}
