// Postgres in functions: few connections each, through RDS Proxy. What a session would keep, such as the schema, is set by the proxy.

import type { Pool } from 'pg';
import { ConfigError } from '../config.js';
import { relationalSink } from '../modules/aws/postgres.js';
import { lazy, type PostgresServer } from '../modules/parts.js';
import { addressOf, PING_TIMEOUT_MS } from '../modules/reachable.js';
import { relationalQueries } from '../modules/relational-queries.js';
import { createPool, onlyRow, statement } from '../postgres.js';
import { postgresStore } from '../stores/postgres-stores.js';
import { schemasOf } from '../stores/schemas.js';
import { type FunctionRecipes, given } from './open.js';

/** An instance serves one request at a time, which asks for some things at once. */
const CONNECTIONS = 4;

/** The recipe of the server. `prepare` runs before its sessions are verified to look in the schema of the shop. */
export function postgresServerIn(prepare: (server: Pick<PostgresServer, 'pool' | 'schemas'>) => Promise<unknown>) {
  return (({ config, addresses: { databaseUrl }, lifecycle, log }) =>
    lazy(() => {
      const url = given(databaseUrl, 'DATABASE_URL');
      const schemas = schemasOf(config);
      const pool = createPool({ url, max: CONNECTIONS, warn: (message) => log.warn(message) });
      lifecycle.onClose(() => pool.end());
      const verifyPath = () => requireSchema(pool, schemas.readModels);
      const ping = () => pool.query(statement('ping', 'select 1', [], PING_TIMEOUT_MS));
      const engine = { name: 'Postgres', address: addressOf(url), serves: 'read models' as const, ping, check: ping };
      const store = postgresStore(pool, engine.address, schemas.readModels);
      return {
        pool,
        engine,
        store,
        schemas,
        isOwn: false,
        verifyPath,
        async prepare() {
          await prepare({ pool, schemas });
          await verifyPath();
        },
      };
    })) satisfies FunctionRecipes['postgresServer'];
}

/** The proxy sets the schema, because a session that sets it itself would keep a connection of the database. */
async function requireSchema(pool: Pool, schema: string): Promise<void> {
  const current = onlyRow(await pool.query<{ schema: string | null }>('select current_schema() as schema'));
  if (current.schema === schema) return;
  throw new ConfigError(
    `DATABASE_URL: its sessions look in the schema ${current.schema}, not in ${schema}. Begin them with \`set search_path to ${schema}\`, the initialisation query of the proxy.`,
  );
}

/** The store of the read models in Postgres. */
export const relationalStoreParts = {
  postgresServer: postgresServerIn(async () => {}),
  sinks: ({ postgresServer, admit }) => lazy(() => ({ relational: relationalSink(postgresServer, admit) })),
  queriesOf: ({ postgresServer: { pool } }) => lazy(() => relationalQueries(pool) as never),
} satisfies FunctionRecipes;
