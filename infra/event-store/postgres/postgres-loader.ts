// Loads an exported log into Postgres.
import type { Pool } from 'pg';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { onlyRow, queryWithin } from '../../postgres.js';
import { LoadConflict, type LogLoader } from '../log-loader.js';
import { createEventsTable } from './postgres-event-store.js';
import { COMMIT_COLUMNS, COMMIT_TYPES, commitColumns } from './postgres-events-table.js';

const BUDGET_MS = 30_000;
const ROWS_PER_INSERT = 500;

const LOAD_SQL = `
  insert into events (${COMMIT_COLUMNS})
  select * from unnest(${COMMIT_TYPES.map((type, n) => `$${n + 1}::${type}[]`).join(', ')})
  on conflict do nothing`;

const CONFLICT_SQL = `
  select r.pk, r.sk from unnest($1::text[], $2::int[], $3::text[]) r (pk, sk, h)
  left join events e using (pk, sk) where e.h is distinct from r.h limit 1`;

export async function createPostgresLoader(pool: Pool): Promise<LogLoader> {
  await createEventsTable(pool);
  const query = <R extends object>(name: string, text: string, values: unknown[] = []) =>
    queryWithin<R>({ pool, budgetMs: BUDGET_MS }, name, text, values);

  async function insert(commits: readonly StoredCommit[]): Promise<void> {
    const { rowCount } = await query('log-load', LOAD_SQL, commitColumns(commits));
    if (rowCount === commits.length) return;
    const column = <K extends keyof StoredCommit>(name: K) => commits.map((commit) => commit[name]);
    const places = [column('pk'), column('sk'), column('h')];
    const { rows } = await query<Pick<StoredCommit, 'pk' | 'sk'>>('log-load-conflict', CONFLICT_SQL, places);
    if (rows[0]) throw new LoadConflict(rows[0]);
  }

  return {
    async isEmpty() {
      const found = await query<{ empty: boolean }>('log-empty', 'select not exists (select from events) as empty');
      return onlyRow(found).empty;
    },
    async load(commits) {
      for (let from = 0; from < commits.length; from += ROWS_PER_INSERT)
        await insert(commits.slice(from, from + ROWS_PER_INSERT));
    },
  };
}
