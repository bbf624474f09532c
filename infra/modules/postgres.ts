// Postgres, which both profiles use: the server at DATABASE_URL or the one on the data folder, and the adapters that keep data in
// it.
import { join } from 'node:path';
import type pg from 'pg';
import type { Config } from '../config.js';
import { engineAddresses } from '../engines/addresses.js';
import { openPostgres } from '../engines/postgres.js';
import { createPool, statement } from '../postgres.js';
import { schemaOf } from '../stores/postgres.js';
import { type Recipes, recipe } from './parts.js';
import { addressOf, type Engine, PING_TIMEOUT_MS } from './reachable.js';

/** Size of the pool that appends, the feed, projections and queries share. The server accepts 100 connections. */
const CONNECTIONS = 32;

export const postgresParts = {
  postgresServer: recipe(
    ['config', 'lifecycle', 'log', 'untilReachable'],
    async ({ config, lifecycle, log, untilReachable }) => {
      const { databaseUrl } = await engineAddresses();
      let url = databaseUrl;
      if (url === undefined) {
        const server = await openPostgres({
          dataDir: join(config.dataDir, 'postgres'),
          onTrouble: (error) => log.warn({ err: error }, 'the embedded Postgres has stopped and is started again'),
          ...(config.postgresPort !== undefined && { port: config.postgresPort }),
        });
        lifecycle.onClose(() => server.stop());
        url = server.url;
      }
      const schema = schemaOf(config);
      const pool = createPool({ url, schema, max: CONNECTIONS, warn: (message) => log.warn(message) });
      lifecycle.onClose(() => pool.end());
      const engine = postgresEngine(pool, url, config);
      await untilReachable(engine);
      return { pool, engine, schema, isOwn: databaseUrl === undefined };
    },
  ),
} satisfies Partial<Recipes>;

/** The tables that commands need. Lookups of keys that do not exist are cheap, however large the tables are. */
const COMMAND_TABLES_SQL = `
  select not pg_is_in_recovery() as "canWrite",
    exists (select from events where pk = '' and sk = 0),
    exists (select from subject_keys where subject = ''),
    exists (select from sessions where customer_id = '' and id = ''),
    exists (select from idempotency where id = '')`;

const READ_MODELS_SQL = `select true as "canWrite", exists (select from store_mark)`;

function postgresEngine(pool: pg.Pool, url: string, { profile }: Pick<Config, 'profile'>): Engine {
  const serves = profile === 'embedded' ? 'commands' : 'read models';
  const text = profile === 'embedded' ? COMMAND_TABLES_SQL : READ_MODELS_SQL;
  // Each has a timeout of its own. One that hangs would keep a connection from other queries.
  const ping = () => pool.query(statement('ping', 'select 1', [], PING_TIMEOUT_MS));
  const check = async () => {
    const { rows } = await pool.query<{ canWrite: boolean }>(statement('check', text, [], PING_TIMEOUT_MS));
    if (!rows[0]!.canWrite) throw new Error('the server is a standby, which accepts no commands');
  };
  return { name: 'Postgres', address: addressOf(url), serves, ping, check };
}
