// How far each consumer of the feed has come, kept in the Postgres of the shop, beside the read models.
import type { Position } from '@eventstore/db-client';
import type { Pool } from 'pg';
import { createTableOnce, statement } from '../../postgres.js';

export interface FeedCheckpoints {
  load(consumer: string): Promise<Position | undefined>;
  save(consumer: string, position: Position): Promise<void>;
}

const TABLE = 'eventstoredb_checkpoints';

const CHECKPOINTS_SQL = `
create table ${TABLE} (
  consumer text primary key,
  -- The last event in $all that is fully handled. Positions are unsigned and have 64 bits.
  commit_position  numeric(20) not null,
  prepare_position numeric(20) not null
)`;

/** A statement without an answer is abandoned after this time. */
const TIMEOUT_MS = 10_000;

const LOAD_SQL = `
  select commit_position::text as commit, prepare_position::text as prepare from ${TABLE} where consumer = $1`;

const SAVE_SQL = `
  insert into ${TABLE} as mine (consumer, commit_position, prepare_position) values ($1, $2, $3)
  on conflict (consumer) do update
  set (commit_position, prepare_position) = (excluded.commit_position, excluded.prepare_position)
  where excluded.commit_position > mine.commit_position`;

/** Creates the table if it does not exist. */
export function createCheckpointsTable(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, CHECKPOINTS_SQL, 'read models');
}

/** Errors are not wrapped: the feed retries anyway. */
export function createPostgresCheckpoints(pool: Pool): FeedCheckpoints {
  return {
    async load(consumer) {
      const query = statement('checkpoint-load', LOAD_SQL, [consumer], TIMEOUT_MS);
      const [row] = (await pool.query<{ commit: string; prepare: string }>(query)).rows;
      return row && { commit: BigInt(row.commit), prepare: BigInt(row.prepare) };
    },
    async save(consumer, { commit, prepare }) {
      await pool.query(statement('checkpoint-save', SAVE_SQL, [consumer, `${commit}`, `${prepare}`], TIMEOUT_MS));
    },
  };
}
