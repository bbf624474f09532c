// Data keys in Postgres. A deleted key leaves the disk with the next vacuum, and the backups when they run out.
import type { Pool } from 'pg';
import { createTableOnce, isTransient } from '../postgres.js';
import { withinBudget } from '../retry.js';
import { KEY_STORE_BUDGET_MS, type SubjectKey, type SubjectKeys } from './subject-keys.js';

/** A row without a key is a tombstone. */
const SUBJECT_KEYS_DDL = `
  create table subject_keys (
    subject text primary key,
    wrapped bytea,
    changed_at timestamptz not null default now()
  )`;

const BUDGET = { engine: 'Postgres', budgetMs: KEY_STORE_BUDGET_MS, isRetryable: isTransient };

type Row = { wrapped: Buffer | null };

export function createSubjectKeysTable(pool: Pool): Promise<void> {
  return createTableOnce(pool, 'subject_keys', SUBJECT_KEYS_DDL);
}

export function createPostgresSubjectKeys(pool: Pool): SubjectKeys {
  const query = (statement: string, values: unknown[]) =>
    withinBudget(BUDGET, () => pool.query<Row>(statement, values));

  async function get(subject: string): Promise<SubjectKey | undefined> {
    const { rows } = await query('select wrapped from subject_keys where subject = $1', [subject]);
    return rows[0] && keyOf(rows[0]);
  }

  return {
    get,
    async createIfAbsent(subject, wrapped) {
      const insert = 'insert into subject_keys (subject, wrapped) values ($1, $2) on conflict do nothing';
      const { rowCount } = await query(insert, [subject, wrapped]);
      return rowCount === 1 ? { wrapped } : (await get(subject))!;
    },
    async forget(subject) {
      await query(
        `insert into subject_keys (subject) values ($1)
         on conflict (subject) do update set wrapped = null, changed_at = now()`,
        [subject],
      );
    },
  };
}

function keyOf({ wrapped }: Row): SubjectKey {
  return wrapped ? { wrapped } : { forgotten: true };
}
