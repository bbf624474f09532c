// Data keys in Postgres. A deleted key disappears from disk with the next vacuum, and from backups when they expire.
import type { Pool } from 'pg';
import { createTableOnce, queryWithin } from '../postgres.js';
import { KEY_STORE_BUDGET_MS, type SubjectKey, type SubjectKeys } from './subject-keys.js';

/** A row without a key is a tombstone. */
const SUBJECT_KEYS_DDL = `
  create table subject_keys (
    subject text primary key,
    wrapped bytea,
    changed_at timestamptz not null default now()
  )`;

type Row = { wrapped: Buffer | null };

export function createSubjectKeysTable(pool: Pool): Promise<void> {
  return createTableOnce(pool, 'subject_keys', SUBJECT_KEYS_DDL);
}

export function createPostgresSubjectKeys(pool: Pool): SubjectKeys {
  const server = { pool, budgetMs: KEY_STORE_BUDGET_MS };

  async function get(subject: string): Promise<SubjectKey | undefined> {
    const { rows } = await queryWithin<Row>(server, 'subject-key-get', GET, [subject]);
    return rows[0] && keyOf(rows[0]);
  }

  return {
    get,
    async createIfAbsent(subject, wrapped) {
      const { rows } = await queryWithin<Row>(server, 'subject-key-create', CREATE, [subject, wrapped]);
      const key = rows[0] ? keyOf(rows[0]) : await get(subject);
      if (!key) throw new Error(`The key of ${subject} was neither created nor found.`);
      return key;
    },
    async forget(subject) {
      await queryWithin(server, 'subject-key-forget', FORGET, [subject]);
    },
  };
}

const GET = 'select wrapped from subject_keys where subject = $1';

/** Returns the current key; no row if another process has created it since the statement began. */
const CREATE = `
  with made as (
    insert into subject_keys (subject, wrapped) values ($1, $2) on conflict do nothing returning wrapped
  )
  select wrapped from made union all select wrapped from subject_keys where subject = $1`;

const FORGET = `
  insert into subject_keys (subject) values ($1)
  on conflict (subject) do update set wrapped = null, changed_at = now()`;

function keyOf({ wrapped }: Row): SubjectKey {
  return wrapped ? { wrapped } : { forgotten: true };
}
