// Postgres, which both profiles use: the server at DATABASE_URL or the one on the data folder, and the adapters that keep data in
// it.
import { join } from 'node:path';
import type pg from 'pg';
import { defined } from '../../domain/kernel/json.js';
import { ConfigError } from '../config.js';
import { openPostgres } from '../engines/embedded-postgres.js';
import { createPool, isPathOfServer, onlyRow, requireSearchPath, statement } from '../postgres.js';
import { holdPresence } from '../presence.js';
import { untilDone } from '../retry.js';
import { createSchema, postgresStore } from '../stores/postgres-stores.js';
import { schemasOf } from '../stores/schemas.js';
import { lazy, type PostgresServer, type Recipes } from './parts.js';
import { addressOf, type Engine, PING_TIMEOUT_MS } from './reachable.js';

/** Size of the pool that appends, the feed, projections and queries share. The server accepts 100 connections. */
const CONNECTIONS = 32;

export const postgresParts = {
  postgresServer: ({ config, addresses: { databaseUrl }, lifecycle, log }) =>
    lazy(async () => {
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
      const engine = postgresEngine(pool, url);
      const store = postgresStore(pool, engine.address, schemas.readModels);
      const verifyPath = async () => void (isPathOfServer(url) && (await requireSearchPath(pool, searchPath)));
      const bePresent = untilDone(async () => {
        const presence = await holdPresence(pool, schemas.log);
        lifecycle.onClose(() => presence.release());
      });
      const prepare = untilDone(async () => {
        await verifyPath();
        await bePresent();
        await createSchema(pool, schemas.readModels);
        await requireSchema(pool, schemas.readModels);
      });
      return { pool, engine, store, schemas, isOwn: databaseUrl === undefined, verifyPath, prepare };
    }),
} satisfies Partial<Recipes>;

/** A connection pooler may ignore the options that a connection is opened with. */
async function requireSchema(pool: pg.Pool, schema: string): Promise<void> {
  const current = onlyRow(await pool.query<{ schema: string }>('select current_schema() as schema'));
  if (current.schema === schema) return;
  throw new ConfigError(
    `DATABASE_URL: the server does not accept the option search_path, which connections need. Use the address of PostgreSQL itself instead of a pooler.`,
  );
}

/** As the read models need it. Each request has a timeout of its own: one that hangs would keep a connection from other queries. */
function postgresEngine(pool: pg.Pool, url: string): Engine {
  return {
    name: 'Postgres',
    address: addressOf(url),
    serves: 'read models',
    ping: () => pool.query(statement('ping', 'select 1', [], PING_TIMEOUT_MS)),
    check: () => pool.query(statement('check', 'select exists (select from store_mark)', [], PING_TIMEOUT_MS)),
  };
}

/** As commands need it: it can write, and has the tables that these queries look into. */
export function postgresForCommands({ pool, engine }: PostgresServer, name: string, looks: readonly string[]): Engine {
  const text = `select not pg_is_in_recovery() as "canWrite", ${looks.map((look) => `exists (${look})`).join(', ')}`;
  const check = async () => {
    const query = statement(`check-${name}`, text, [], PING_TIMEOUT_MS);
    const { canWrite } = onlyRow(await pool.query<{ canWrite: boolean }>(query));
    if (!canWrite) throw new Error('the server is a standby, which accepts no commands');
  };
  return { ...engine, serves: 'commands', check };
}
