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

/** All keys and tombstones, in the order of the subjects. For backups. */
export async function* allSubjectKeys(pool: Pool): AsyncIterable<readonly [subject: string, key: SubjectKey]> {
  const server = { pool, budgetMs: KEY_STORE_BUDGET_MS };
  let after = '';
  for (;;) {
    const { rows } = await queryWithin<Row & { subject: string }>(server, 'subject-keys-page', PAGE, [
      after,
      PAGE_ROWS,
    ]);
    for (const row of rows) yield [row.subject, keyOf(row)];
    const last = rows.at(-1);
    if (!last || rows.length < PAGE_ROWS) return;
    after = last.subject;
  }
}

/** Who was forgotten at that time (ms) or later, or up to a minute before, by the clock of the server. For backups. */
export async function forgottenSince(pool: Pool, time: number): Promise<string[]> {
  const server = { pool, budgetMs: KEY_STORE_BUDGET_MS };
  const values = [new Date(time - 60_000).toISOString()];
  const { rows } = await queryWithin<{ subject: string }>(server, 'subject-keys-forgotten', FORGOTTEN_SINCE, values);
  return rows.map(({ subject }) => subject);
}

const PAGE_ROWS = 1_000;
const PAGE = 'select subject, wrapped from subject_keys where subject > $1 order by subject limit $2';
const FORGOTTEN_SINCE = 'select subject from subject_keys where wrapped is null and changed_at >= $1';
