// The engines and stores of the shop, of its profile and its event store together. Before the shop reads or writes a store, the
// process registers its presence and verifies that the store belongs to this shop. Stores of read models may be away meanwhile.
import { lastOf } from '../../domain/kernel/collections.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import { DEFAULT_EVENT_STORE } from '../config.js';
import { findMasterKey, loadMasterKey, masterKeyPlace } from '../crypto/master-key.js';
import type { ShopConfig } from '../shop-config.js';
import { groupBy } from '../sinks/group-by.js';
import { type Claimant, claim, claimOther, examine } from '../stores/claim.js';
import { isLogShared, schemasOf } from '../stores/schemas.js';
import { named, type Store } from '../stores/store.js';
import { lazy, type Parts, type ReadModelServer, type Recipes } from './parts.js';
import { type Engine, requireAnswer } from './reachable.js';

export const claimParts = {
  engines: ({ postgresServer, logEngines, profileEngines }) =>
    lazy(() => joined([postgresServer.engine, ...logEngines, ...profileEngines])),

  readModelServers: ({ postgresServer, profileServers }) => lazy(() => [postgresServer, ...profileServers]),

  stores: ({ engines, postgresServer, logStore, profileStores, readModelServers, untilReachable }) =>
    lazy(async () => {
      await Promise.all(engines.map(untilReachable));
      await postgresServer.verifyPath();
      const others = [...readModelServers.map(({ store }) => store), ...profileStores];
      return { log: named(logStore), others: others.filter(({ name }) => name !== logStore.name).map(named) };
    }),

  claimed: ({ engines, logStore, profileStores, readModelServers, config, untilReachable }) =>
    lazy(async () => {
      await Promise.all(engines.filter(({ serves }) => serves === 'commands').map(untilReachable));
      const claimant = claimantOf(config);
      const log = named(logStore);
      const commands = profileStores.filter(({ name }) => name !== logStore.name).map(named);
      const readModels = await Promise.all(readModelServers.map(storeIfPresent));
      await examine({ log, others: [...commands, ...readModels.flat()] }, claimant);
      return claim({ log, others: commands }, claimant);
    }),

  admit: ({ claimed: mark, logStore, config }) =>
    lazy((): Parts['admit'] => async (server) => {
      const store = await present(server);
      await claimOther(store, { mark, name: logStore.name }, claimantOf(config));
    }),

  postgres: ({ postgresServer, admit, untilReachable }) =>
    lazy(async () => {
      const { pool, engine } = postgresServer;
      await untilReachable(engine);
      await admit(postgresServer);
      return { pool, engine };
    }),
} satisfies Partial<Recipes>;

/** Its store, if it answers: a wrong one is refused before any store is marked. The others are looked at when they are opened. */
async function storeIfPresent(server: ReadModelServer): Promise<Store[]> {
  try {
    const store = await present(server);
    await store.mark();
    return [store];
  } catch (error) {
    if (error instanceof Unavailable) return [];
    throw error;
  }
}

async function present({ engine, prepare, store }: ReadModelServer): Promise<Store> {
  await requireAnswer(engine);
  await prepare?.();
  return named(store);
}

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
