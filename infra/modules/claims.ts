// Checks that run before the shop reads or writes: the process registers its presence and verifies that the stores belong to this
// shop.
import type { Pool } from 'pg';
import { type Config, ConfigError } from '../config.js';
import { findMasterKey, loadMasterKey, masterKeyPlace } from '../crypto/master-key.js';
import { holdPresence } from '../presence.js';
import { type Claimant, claimLog, claimReadModels } from '../stores/claim.js';
import { createSchema } from '../stores/postgres-stores.js';
import { lazy, type Recipes } from './parts.js';

export const claimParts = {
  claimed: ({ postgresServer: { pool, schema }, stores: { log, readModels }, config, lifecycle }) =>
    lazy(async () => {
      const presence = await holdPresence(pool, presenceOf(config, schema));
      lifecycle.onClose(() => presence.release());
      await createSchema(pool, schema);
      await requireSchema(pool, schema);
      const claimant = claimantOf(config);
      const mark = await claimLog(log, claimant);
      await Promise.all(readModels.map((store) => claimReadModels(store, { mark, name: log.name }, claimant)));
      return mark;
    }),

  postgres: ({ postgresServer: { pool, engine }, claimed: _ }) => lazy(() => ({ pool, engine })),
} satisfies Partial<Recipes>;

/** The `embedded` profile has one log per database, shared by all namespaces. */
export function presenceOf({ profile }: Pick<Config, 'profile'>, schema: string): string {
  return profile === 'embedded' ? 'public' : schema;
}

export function claimantOf({ profile, dataDir, masterKey }: Config): Claimant {
  const source = { dataDir, ...(masterKey !== undefined && { given: masterKey }) };
  return {
    findKey: () => findMasterKey(source),
    loadKey: () => loadMasterKey(source),
    keyPlace: masterKeyPlace(source),
    reset: profile === 'aws' ? 'commerce reset --profile aws' : 'commerce reset',
    elsewhere: profile === 'aws' ? 'another COMMERCE_NAMESPACE' : 'another --data or DATABASE_URL',
  };
}

/** A connection pooler may ignore the options that a connection is opened with. */
async function requireSchema(pool: Pool, schema: string): Promise<void> {
  const { rows } = await pool.query<{ schema: string }>('select current_schema() as schema');
  if (rows[0]!.schema === schema) return;
  throw new ConfigError(
    `DATABASE_URL: the server does not accept the option search_path, which connections need. Use the address of PostgreSQL itself instead of a pooler.`,
  );
}
