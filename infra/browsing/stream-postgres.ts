// The stream of views in Postgres: a queue, which outlives restarts. One process consumes it.
import type { Pool } from 'pg';
import type { BrowsingEntry } from '../../projections/recommendation/browsing.js';
import type { Logger } from '../../projections/runtime/projector.js';
import { createTableOnce, queryWithin } from '../postgres.js';
import { pauseUnlessAborted } from '../retry.js';
import type { ConsumedViewStream } from './port.js';

const TABLE = 'view_stream';
const BUDGET_MS = 2_000;
const POLL_MS = 500;
const PAUSE_AFTER_FAILURE_MS = 2_000;
/** Entries that are handled together. */
const BATCH = 500;

const DDL = `create table ${TABLE} (id bigint generated always as identity primary key, entry text not null)`;
const ADD = `insert into ${TABLE} (entry) values ($1)`;
const NEXT = `select id, entry from ${TABLE} order by id limit ${BATCH}`;
const DONE = `delete from ${TABLE} where id = any($1)`;

export function createPostgresViewStream(
  { pool, log }: { pool: Pool; log: Pick<Logger, 'warn'> },
  pollMs = POLL_MS,
): ConsumedViewStream {
  const server = { pool, budgetMs: BUDGET_MS };
  const add = async (entry: BrowsingEntry) => {
    await queryWithin(server, 'view-add', ADD, [JSON.stringify(entry)]);
  };

  async function consumeSome(handle: Parameters<ConsumedViewStream['consume']>[0]): Promise<number> {
    const { rows } = await queryWithin<{ id: string; entry: string }>(server, 'views-next', NEXT, []);
    if (rows.length === 0) return 0;
    await handle(rows.map(({ entry }) => JSON.parse(entry) as BrowsingEntry));
    // Not all up to the last id: the transaction of a lower id may not have ended yet.
    await queryWithin(server, 'views-done', DONE, [rows.map(({ id }) => id)]);
    return rows.length;
  }

  return {
    record: add,
    forget: (session) => add({ forget: session }),
    async consume(handle, signal) {
      while (!signal.aborted) {
        try {
          if ((await consumeSome(handle)) === BATCH) continue;
          await pauseUnlessAborted(pollMs, signal);
        } catch (error) {
          log.warn({ err: error }, 'the stream of views is held up; it will be retried');
          await pauseUnlessAborted(PAUSE_AFTER_FAILURE_MS, signal);
        }
      }
    },
  };
}

export function prepareViewStream(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, DDL, 'read models');
}
