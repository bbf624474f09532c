// The engines and stores of the shop, of its profile and its event store together. Before the shop reads or writes, the process
// registers its presence and verifies that the stores belong to this shop.
import type { Pool } from 'pg';
import { lastOf } from '../../domain/kernel/collections.js';
import { ConfigError, DEFAULT_EVENT_STORE } from '../config.js';
import { findMasterKey, loadMasterKey, masterKeyPlace } from '../crypto/master-key.js';
import { onlyRow } from '../postgres.js';
import { holdPresence } from '../presence.js';
import type { ShopConfig } from '../shop-config.js';
import { groupBy } from '../sinks/group-by.js';
import { type Claimant, claim } from '../stores/claim.js';
import { createSchema, postgresStore } from '../stores/postgres-stores.js';
import { isLogShared, schemasOf } from '../stores/schemas.js';
import { named } from '../stores/store.js';
import { lazy, type Recipes } from './parts.js';
import type { Engine } from './reachable.js';

export const claimParts = {
  engines: ({ postgresServer, logEngines, profileEngines }) =>
    lazy(() => joined([postgresServer.engine, ...logEngines, ...profileEngines])),

  stores: ({ postgresServer: { pool, engine, schemas }, logStore, profileStores }) =>
    lazy(() => {
      const others = [postgresStore(pool, engine.address, schemas.readModels), ...profileStores];
      return { log: named(logStore), others: others.filter(({ name }) => name !== logStore.name).map(named) };
    }),

  claimed: ({ postgresServer: { pool, schemas }, stores, config, lifecycle }) =>
    lazy(async () => {
      const presence = await holdPresence(pool, schemas.log);
      lifecycle.onClose(() => presence.release());
      await createSchema(pool, schemas.readModels);
      await requireSchema(pool, schemas.readModels);
      return claim(stores, claimantOf(config));
    }),

  postgres: ({ postgresServer: { pool, engine }, claimed: _ }) => lazy(() => ({ pool, engine })),
} satisfies Partial<Recipes>;

/** The event store and the profile may use the same engine. It then has the checks of both. */
function joined(engines: readonly Engine[]): Engine[] {
  return [...groupBy(engines, ({ name }) => name).values()].map((same) => ({
    ...lastOf(same),
    serves: same.some(({ serves }) => serves === 'commands') ? 'commands' : 'read models',
    check: () => Promise.all(same.map(({ check }) => check())),
  }));
}

export function claimantOf(config: ShopConfig): Claimant {
  const { profile, eventStore, dataDir, masterKey } = config;
  const source = { dataDir, given: masterKey };
  const defaultEventStore = DEFAULT_EVENT_STORE[profile];
  return {
    findKey: () => findMasterKey(source),
    loadKey: () => loadMasterKey(source),
    keyPlace: masterKeyPlace(source),
    eventStore,
    defaultEventStore,
    reset: (used) =>
      ['commerce reset', profile === 'aws' && '--profile aws', used !== defaultEventStore && `--event-store ${used}`]
        .filter(Boolean)
        .join(' '),
    elsewhere: isLogShared(schemasOf(config)) ? 'another --data or DATABASE_URL' : 'another COMMERCE_NAMESPACE',
  };
}

/** A connection pooler may ignore the options that a connection is opened with. */
async function requireSchema(pool: Pool, schema: string): Promise<void> {
  const current = onlyRow(await pool.query<{ schema: string }>('select current_schema() as schema'));
  if (current.schema === schema) return;
  throw new ConfigError(
    `DATABASE_URL: the server does not accept the option search_path, which connections need. Use the address of PostgreSQL itself instead of a pooler.`,
  );
}
