// Loads a log into an empty table, byte for byte. The columns `tx` and `seq` are not loaded: they are of another server, and this one
// sets them again.
import type { Pool } from 'pg';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { onlyRow, queryWithin, textArray } from '../../postgres.js';
import { LoadConflict, type LogLoader } from '../log-loader.js';
import { COMMIT_COLUMNS } from './postgres-events-table.js';

/** For a list of commits, on a busy machine. */
const LOAD_BUDGET_MS = 60_000;

const LOAD_SQL = `
  insert into events (${COMMIT_COLUMNS})
  select * from unnest($1::text[], $2::int[], $3::smallint[], $4::int[], $5::int[], $6::text[], $7::bigint[], $8::text[],
    $9::text[], $10::text[], $11::smallint[])
  on conflict do nothing`;

/** The first of the commits that is stored with another hash. */
const CONFLICT_SQL = `
  select pk, sk from events join unnest($1::text[], $2::int[], $3::text[]) given (pk, sk, h) using (pk, sk)
  where events.h <> given.h limit 1`;

/** The table must exist. */
export function createPostgresLogLoader(pool: Pool): LogLoader {
  const server = { pool, budgetMs: LOAD_BUDGET_MS };

  return {
    async isEmpty() {
      const found = await queryWithin<{ empty: boolean }>(
        server,
        'log-is-empty',
        'select not exists (select from events) as empty',
        [],
      );
      return onlyRow(found).empty;
    },
    async load(commits) {
      const column = <K extends keyof StoredCommit>(name: K) => commits.map((commit) => commit[name]);
      const { rowCount } = await queryWithin(server, 'log-load', LOAD_SQL, [
        column('pk'),
        column('sk'),
        column('f'),
        column('fv'),
        column('lv'),
        textArray(column('ev')),
        column('at'),
        commits.map(({ cs }) => JSON.stringify(cs)),
        column('ph'),
        column('h'),
        column('lp'),
      ]);
      if (rowCount === commits.length) return;
      const given = [column('pk'), column('sk'), column('h')];
      const { rows } = await queryWithin<Pick<StoredCommit, 'pk' | 'sk'>>(server, 'log-conflict', CONFLICT_SQL, given);
      if (rows[0]) throw new LoadConflict(rows[0]);
    },
  };
}
