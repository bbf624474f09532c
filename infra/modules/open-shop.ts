// Opens the product on the engines of a profile. Nothing is made before it is asked for, and everything is closed in order.
import 'reflect-metadata';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Config } from '../config.js';
import { apiParts } from './api.js';
import { claimParts } from './claims.js';
import { containerOf } from './container.js';
import { createLifecycle } from './lifecycle.js';
import { constant, type Parts, type Recipes } from './parts.js';
import { paymentParts } from './payments.js';
import { postgresParts } from './postgres.js';
import { untilReachable } from './reachable.js';
import { shopParts } from './shop.js';

export interface Shop {
  config: Config;
  get<K extends keyof Parts>(part: K): Promise<Parts[K]>;
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
  const recipes: Recipes = {
    config: constant(config),
    lifecycle: constant(lifecycle),
    untilReachable: constant((engine) => untilReachable(engine, tell, ended)),
    ...shopParts,
    ...paymentParts,
    ...apiParts,
    ...postgresParts,
    ...claimParts,
    ...(await profileParts(config.profile)),
  };
  const container = containerOf(recipes);
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
async function profileParts(profile: Config['profile']) {
  if (profile === 'aws') return (await import('./aws.js')).awsParts;
  return (await import('./embedded.js')).embeddedParts;
}
