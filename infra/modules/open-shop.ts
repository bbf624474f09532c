// Opens the product on the engines of a profile. Nothing is made before it is asked for, and everything is closed in order.
import 'reflect-metadata';
import { Container, type ServiceIdentifier } from 'inversify';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Config } from '../config.js';
import { apiModule } from './api.js';
import { claimModule } from './claims.js';
import { createLifecycle } from './lifecycle.js';
import { paymentModule } from './payments.js';
import { postgresModule } from './postgres.js';
import { untilReachable } from './reachable.js';
import { shopModule } from './shop.js';
import { CONFIG, EVENT_STORE, LIFECYCLE, UNTIL_REACHABLE } from './tokens.js';

export interface Shop {
  config: Config;
  get<T>(token: ServiceIdentifier<T>): Promise<T>;
  close(): Promise<void>;
}

export interface ShopOptions {
  /** Speaks to the person who started the program, for example of an engine that is waited for. */
  tell: (message: string) => void;
  /** Ends the wait for engines that are away: whoever waits gets its reason. */
  signal?: AbortSignal;
  /** Told of every commit that this process has appended. */
  onAppend?: (stream: StreamId, commitNo: number) => void;
}

export async function openShop(config: Config, { tell, signal, onAppend }: ShopOptions): Promise<Shop> {
  const lifecycle = createLifecycle();
  // One part that cannot be opened closes the shop while others still wait for their engines.
  const closing = new AbortController();
  const ended = AbortSignal.any([closing.signal, ...(signal ? [signal] : [])]);
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(CONFIG).toConstantValue(config);
  container.bind(LIFECYCLE).toConstantValue(lifecycle);
  container.bind(UNTIL_REACHABLE).toConstantValue((engine) => untilReachable(engine, tell, ended));
  container.load(
    shopModule,
    paymentModule,
    apiModule,
    postgresModule,
    claimModule,
    await profileModule(config.profile),
  );
  if (onAppend) container.onActivation(EVENT_STORE, (_, store) => telling(store, onAppend));
  return {
    config,
    get: (token) => container.getAsync(token),
    close() {
      closing.abort(new Error('The shop is closed.'));
      return lifecycle.close();
    },
  };
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

/** Loaded when used: the embedded profile never loads a client of AWS. */
async function profileModule(profile: Config['profile']) {
  if (profile === 'aws') return (await import('./aws.js')).awsModule;
  return (await import('./embedded.js')).embeddedModule;
}
