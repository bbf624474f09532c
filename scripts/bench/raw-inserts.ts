// The baseline for our appends: one insert and one transaction for each commit, into a table like the log's.
import type { Pool } from 'pg';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { createEventsTable } from '../../infra/event-store/postgres/postgres-event-store.js';
import { COMMIT_COLUMNS } from '../../infra/event-store/postgres/postgres-events-table.js';

const INSERT_SQL = `
  insert into raw_events (${COMMIT_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`;

export async function createRawTable(pool: Pool): Promise<void> {
  await createEventsTable(pool);
  await pool.query('drop table if exists raw_events');
  await pool.query('create table raw_events (like events including all)');
}

export async function insertRaw(pool: Pool, commit: StoredCommit): Promise<void> {
  const { pk, sk, f, fv, lv, ev, at, cs, ph, h, lp } = commit;
  const values = [pk, sk, f, fv, lv, ev, at, JSON.stringify(cs), ph, h, lp];
  await pool.query({ name: 'raw-insert', text: INSERT_SQL, values });
}
