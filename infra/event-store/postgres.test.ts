import type { Pool, PoolClient } from 'pg';
import { eventStoreContract, type LogUnderTest } from '../../test/contracts/event-store.contract.js';
import { notes } from '../../test/contracts/notes.js';
import { describeWith } from '../../test/engines.js';
import { createPool } from '../postgres.js';
import { createCommitCodec } from './codec.js';
import { createEventsTable, createPostgresEventStore } from './postgres.js';
import { COMMIT_COLUMNS, storedCommit } from './postgres-schema.js';

const codec = createCommitCodec(notes);

describeWith('postgres', 'The log on Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await Promise.all([createEventsTable(pool), createEventsTable(pool), createEventsTable(pool)]);
  });
  after(() => pool.end());

  eventStoreContract(
    'Postgres',
    (): LogUnderTest => ({
      open: ({ loseReply, ...options } = {}) =>
        createPostgresEventStore({ pool: loseReply ? losingReplies(pool, loseReply) : pool, codec, ...options }),
      async items(stream) {
        const text = `select ${COMMIT_COLUMNS} from events where pk = $1 order by sk`;
        return (await pool.query(text, [stream])).rows.map(storedCommit);
      },
      tamper: {
        update: (stream, commitNo) =>
          pool.query('update events set lp = 1 where pk = $1 and sk = $2', [stream, commitNo]),
        delete: (stream, commitNo) => pool.query('delete from events where pk = $1 and sk = $2', [stream, commitNo]),
        truncate: () => pool.query('truncate events'),
      },
    }),
  );
});

/** A pool on which appends succeed and their replies get lost, as often as asked. */
function losingReplies(pool: Pool, loseReply: () => boolean): Pool {
  const connect = async () => {
    const client = await pool.connect();
    return {
      async query(statement: { name?: string }) {
        const result = await client.query(statement as never);
        if (statement.name === 'log-append' && loseReply())
          throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
        return result;
      },
      release: (destroy?: boolean) => client.release(destroy),
    } as unknown as PoolClient;
  };
  return { connect, query: pool.query.bind(pool) } as unknown as Pool;
}
