// Postgres, which both profiles use: the server at DATABASE_URL or the one on the data folder, and the adapters that keep data in
// it.
import { join } from 'node:path';
import type pg from 'pg';
import { engineAddresses } from '../engines/addresses.js';
import { openPostgres } from '../engines/embedded-postgres.js';
import { createPool, statement } from '../postgres.js';
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
          ...(config.postgresPort !== undefined && { port: config.postgresPort }),
        });
        lifecycle.onClose(() => server.stop());
        url = server.url;
      }
      const schemas = schemasOf(config);
      const searchPath = [...new Set([schemas.readModels, schemas.log])];
      const pool = createPool({ url, searchPath, max: CONNECTIONS, warn: (message) => log.warn(message) });
      lifecycle.onClose(() => pool.end());
      const engine = postgresEngine(pool, url);
      await untilReachable(engine);
      return { pool, engine, schemas, isOwn: databaseUrl === undefined };
    }),
} satisfies Partial<Recipes>;

function postgresEngine(pool: pg.Pool, url: string): Engine {
  // The ping has a timeout of its own. A ping that hangs would keep a connection from other queries.
  const ping = () => pool.query(statement('ping', 'select 1', [], PING_TIMEOUT_MS));
  return { name: 'Postgres', address: addressOf(url), ping };
}
