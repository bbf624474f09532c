// Snapshots of long streams in Postgres: one row per stream and fold version. They may be lost at any time.
import type { Pool } from 'pg';
import type { SnapshotStore } from '../../domain/kernel/event-store.js';
import { createTableOnce, queryWithin } from '../postgres.js';
import { createTurns } from '../turns.js';

const BUDGET_MS = 2_000;

/** Of the connections that the whole process has. */
const QUERIES_IN_FLIGHT = 4;

const SNAPSHOTS_SQL = `
create table snapshots (
  stream       text collate "C",
  -- A changed fold has a new number and never sees the states of the old one.
  fold_version int,
  -- The position of the last commit that is folded in.
  commit_no    int not null,
  version      int not null,
  hash         text not null,
  at           bigint not null,
  -- JSON text, for jsonb refuses some characters.
  state        text not null,
  primary key (stream, fold_version)
)`;

/** Creates the table of snapshots unless it exists. */
export function createSnapshotsTable(pool: Pool): Promise<void> {
  return createTableOnce(pool, 'snapshots', SNAPSHOTS_SQL);
}

interface SnapshotRow {
  commitNo: number;
  version: number;
  hash: string;
  at: number;
  state: string;
}

export function createPostgresSnapshotStore(pool: Pool): SnapshotStore {
  const server = { pool, budgetMs: BUDGET_MS };
  const inTurn = createTurns(QUERIES_IN_FLIGHT);
  return {
    async load(stream, foldVersion) {
      const values = [stream, foldVersion];
      const { rows } = await inTurn(() => queryWithin<SnapshotRow>(server, 'snapshot-load', LOAD_SQL, values));
      if (!rows[0]) return undefined;
      const { state, ...position } = rows[0];
      return { position, state: JSON.parse(state) };
    },

    async save(stream, foldVersion, { position: { commitNo, version, hash, at }, state }) {
      const values = [stream, foldVersion, commitNo, version, hash, at, JSON.stringify(state)];
      await inTurn(() => queryWithin(server, 'snapshot-save', SAVE_SQL, values));
    },
  };
}

const LOAD_SQL = `
  select commit_no as "commitNo", version, hash, at, state from snapshots
  where stream = $1 and fold_version = $2`;

const SAVE_SQL = `
  insert into snapshots as mine (stream, fold_version, commit_no, version, hash, at, state)
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict (stream, fold_version) do update
  set (commit_no, version, hash, at, state) =
    (excluded.commit_no, excluded.version, excluded.hash, excluded.at, excluded.state)
  where excluded.commit_no > mine.commit_no`;
