// Snapshots of long streams in Postgres: one row per stream and fold version. They may be lost at any time.
import type { Pool } from 'pg';
import { createTableOnce, queryWithin } from '../../postgres.js';
import { createTurns } from '../../turns.js';
import type { KeptText, SnapshotTexts } from '../authentic-snapshots.js';

const BUDGET_MS = 2_000;

/** Connections that snapshots may use at a time, out of those of the whole process. */
const QUERIES_IN_FLIGHT = 4;

const SNAPSHOTS_SQL = `
create table snapshots (
  stream       text collate "C",
  -- A changed fold has a new number and never reads states of the old one.
  fold_version int,
  -- Number of the last commit in the state.
  commit_no    int not null,
  text         text not null,
  primary key (stream, fold_version)
)`;

/** Creates the table of snapshots if it does not exist. */
export function createSnapshotsTable(pool: Pool): Promise<void> {
  return createTableOnce(pool, 'snapshots', SNAPSHOTS_SQL);
}

export function createPostgresSnapshotTexts(pool: Pool): SnapshotTexts {
  const server = { pool, budgetMs: BUDGET_MS };
  const inTurn = createTurns(QUERIES_IN_FLIGHT);
  return {
    async load(stream, foldVersion) {
      const values = [stream, foldVersion];
      const { rows } = await inTurn(() => queryWithin<KeptText>(server, 'snapshot-load', LOAD_SQL, values));
      return rows[0];
    },
    async save(stream, foldVersion, { commitNo, text }) {
      await inTurn(() => queryWithin(server, 'snapshot-save', SAVE_SQL, [stream, foldVersion, commitNo, text]));
    },
    async drop(stream, foldVersion) {
      await inTurn(() => queryWithin(server, 'snapshot-drop', DROP_SQL, [stream, foldVersion]));
    },
  };
}

const LOAD_SQL = `
  select commit_no as "commitNo", text from snapshots
  where stream = $1 and fold_version = $2`;

const SAVE_SQL = `
  insert into snapshots as mine (stream, fold_version, commit_no, text) values ($1, $2, $3, $4)
  on conflict (stream, fold_version) do update set (commit_no, text) = (excluded.commit_no, excluded.text)
  where excluded.commit_no > mine.commit_no`;

const DROP_SQL = 'delete from snapshots where stream = $1 and fold_version = $2';
