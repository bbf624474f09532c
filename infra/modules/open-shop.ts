// Opens the product with a profile and an event store. Parts are made when they are first needed and closed in reverse order.
import 'reflect-metadata';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Config } from '../config.js';
import { engineAddresses } from '../engines/addresses.js';
import type { EventStoreName } from '../event-store/event-stores.js';
import type { TracesConfig } from '../shop-config.js';
import type { Tracing } from '../tracing/port.js';
import { tracedProjector, tracedStore } from '../tracing/traced.js';
import { apiParts } from './api.js';
import { archiveParts } from './archive.js';
import { claimParts } from './claims.js';
import { containerOf } from './container.js';
import { createLifecycle, type Lifecycle } from './lifecycle.js';
import { constant, type EventStoreParts, lazy, type Parts, type ProfileParts, type Recipes } from './parts.js';
import { paymentParts } from './payments.js';
import { postgresParts } from './postgres-server.js';
import { untilReachable } from './reachable.js';
import { shopParts } from './shop.js';

export interface Shop {
  config: Config;
  get<K extends keyof Parts>(part: K): Promise<Parts[K]>;
  close(): Promise<void>;
}

export interface ShopOptions {
  /** Shows a message to the person who started the program, for example that an engine does not answer yet. */
  tell: (message: string) => void;
  /** Ends the wait for engines that do not answer. The waiting calls reject with its reason. */
  signal?: AbortSignal;
  /** Called after every commit that this process appends. */
  onAppend?: (stream: StreamId, commitNo: number) => void;
}

export async function openShop(config: Config, { tell, signal, onAppend }: ShopOptions): Promise<Shop> {
  const lifecycle = createLifecycle();
  // If one part cannot be opened, the shop closes while other parts still wait for their engines.
  const closing = new AbortController();
  const ended = AbortSignal.any([closing.signal, ...(signal ? [signal] : [])]);
  const tracing = config.traces && (await openTracing(config.traces, lifecycle));
  const recipes: Recipes<Parts, never> = {
    config: constant(config),
    tracing: constant(tracing),
    lifecycle: constant(lifecycle),
    addresses: () => lazy(engineAddresses),
    untilReachable: constant((engine) => untilReachable(engine, tell, ended)),
    ...shopParts,
    ...paymentParts,
    ...archiveParts,
    ...apiParts,
    ...postgresParts,
    ...claimParts,
    ...(await LOGS[config.eventStore]()),
    ...(await PROFILES[config.profile]()),
  };
  const container = containerOf(recipes);
  if (tracing) {
    container.onActivation('eventStore', (_, store: Parts['eventStore']) => tracedStore(store, tracing));
    container.onActivation('readModels', (_, models: Parts['readModels']) => ({
      ...models,
      projectors: models.projectors.map((projector) => tracedProjector(projector, tracing)),
    }));
  }
  if (onAppend) {
    container.onActivation('eventStore', (_, store: Parts['eventStore']) => telling(store, onAppend));
  }
  return {
    config,
    get: (part) => container.getAsync(part),
    close() {
      closing.abort(new Error('The shop is closed.'));
      return lifecycle.close();
    },
  };
}

/** Loaded only where traces are made. */
async function openTracing(traces: TracesConfig, lifecycle: Lifecycle): Promise<Tracing> {
  const { createTracing } = await import('../tracing/opentelemetry.js');
  const tracing = createTracing(traces);
  lifecycle.onClose(tracing.close);
  return tracing;
}

function telling(store: EventStore, onAppend: NonNullable<ShopOptions['onAppend']>): EventStore {
  return {
    ...store,
    async append(stream, after, commit) {
      const result = await store.append(stream, after, commit);
      if (result.appended) onAppend(stream, result.position.commitNo);
      return result;
    },
  };
}

/** An event store is loaded when it is used. */
const LOGS = {
  postgres: async () => (await import('../event-store/postgres/postgres-parts.js')).postgresEventStoreParts,
  dynamodb: async () => (await import('../event-store/dynamodb/dynamodb-parts.js')).dynamodbEventStoreParts,
  eventstoredb: async () =>
    (await import('../event-store/eventstoredb/eventstoredb-parts.js')).eventstoredbEventStoreParts,
} satisfies Record<EventStoreName, () => Promise<Recipes<EventStoreParts, never>>>;

/** A profile is loaded when it is used, so that `embedded` does not load the clients of other engines. */
const PROFILES = {
  embedded: async () => (await import('./embedded-profile.js')).embeddedParts,
  aws: async () => (await import('./aws-profile.js')).awsParts,
} satisfies Record<Config['profile'], () => Promise<Recipes<ProfileParts, never>>>;
