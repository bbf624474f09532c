// Postgres, which both profiles use: the server at DATABASE_URL or the one on the data folder, and the adapters that keep data in
// it.
import { join } from 'node:path';
import type pg from 'pg';
import { defined } from '../../domain/kernel/json.js';
import { engineAddresses } from '../engines/addresses.js';
import { openPostgres } from '../engines/embedded-postgres.js';
import { createPool, onlyRow, statement } from '../postgres.js';
import type { ShopConfig } from '../shop-config.js';
import { schemasOf } from '../stores/postgres-stores.js';
import { lazy, type Recipes } from './parts.js';
import { addressOf, type Engine, PING_TIMEOUT_MS } from './reachable.js';

/** Size of the pool that appends, the feed, projections and queries share. The server accepts 100 connections. */
const CONNECTIONS = 32;

export const postgresParts = {
  postgresServer: ({ config, lifecycle, log, untilReachable }) =>
    lazy(async () => {
      const { databaseUrl } = await engineAddresses();
      let url = databaseUrl;
      if (url === undefined) {
        const server = await openPostgres({
          dataDir: join(config.dataDir, 'postgres'),
          onTrouble: (error) => log.warn({ err: error }, 'the embedded Postgres has stopped and is started again'),
          ...defined({ port: config.postgresPort }),
        });
        lifecycle.onClose(() => server.stop());
        url = server.url;
      }
      const schemas = schemasOf(config);
      const searchPath = [...new Set([schemas.readModels, schemas.log])];
      const pool = createPool({ url, searchPath, max: CONNECTIONS, warn: (message) => log.warn(message) });
      lifecycle.onClose(() => pool.end());
      const engine = postgresEngine(pool, url, config);
      await untilReachable(engine);
      return { pool, engine, schemas, isOwn: databaseUrl === undefined };
    }),
} satisfies Partial<Recipes>;

/** What commands read. Lookups of keys that do not exist are cheap, however large the tables are. */
const LOG_SQL = [`exists (select from events where pk = '' and sk = 0)`];
const PROFILE_SQL = [
  `exists (select from subject_keys where subject = '')`,
  `exists (select from sessions where customer_id = '' and id = '')`,
  `exists (select from idempotency where id = '')`,
];

function postgresEngine(pool: pg.Pool, url: string, { profile, eventStore }: ShopConfig): Engine {
  const reads = [...(eventStore === 'postgres' ? LOG_SQL : []), ...(profile === 'embedded' ? PROFILE_SQL : [])];
  const serves = reads.length > 0 ? 'commands' : 'read models';
  const text = `select not pg_is_in_recovery() as "canWrite", exists (select from store_mark), ${[...reads, 'true'].join(', ')}`;
  // Each has a timeout of its own. One that hangs would keep a connection from other queries.
  const ping = () => pool.query(statement('ping', 'select 1', [], PING_TIMEOUT_MS));
  const check = async () => {
    const { canWrite } = onlyRow(
      await pool.query<{ canWrite: boolean }>(statement('check', text, [], PING_TIMEOUT_MS)),
    );
    if (serves === 'commands' && !canWrite) throw new Error('the server is a standby, which accepts no commands');
  };
  return { name: 'Postgres', address: addressOf(url), serves, ping, check };
}
