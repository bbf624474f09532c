// The product's data in Redis: read models of one namespace.
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { serversOf } from '../redis.js';
import { MARK, type Probe } from './marks.js';
import { leftMark, type Mark, type Store } from './store.js';

/** Keys that one round of a scan examines. */
const KEYS_PER_ROUND = 1_000;

/** The read has the time limit of the client's commands. Before that, a new client may take `timeoutMs` to connect. */
export function redisProbe(redis: Redis, timeoutMs: number): Probe {
  return async () => {
    if (redis.status === 'connecting') await once(redis, 'ready', { signal: AbortSignal.timeout(timeoutMs) });
    return redis.get(MARK);
  };
}

/**
 * The client adds the namespace to every key, but not to patterns or to the results of a scan. In a cluster each server scans its
 * own keys, and each key is deleted by itself, because one command cannot have keys of several servers.
 */
export function redisReadModels(redis: Redis, address: string): Store {
  const prefix = redis.options.keyPrefix ?? '';

  async function* ownKeys(): AsyncIterable<string[]> {
    for (const server of serversOf(redis)) {
      let cursor = '0';
      do {
        const [next, keys] = await server.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', KEYS_PER_ROUND);
        yield keys.map((key) => key.slice(prefix.length));
        cursor = next;
      } while (cursor !== '0');
    }
  }

  async function isUsed(): Promise<boolean> {
    for await (const keys of ownKeys()) if (keys.length > 0) return true;
    return false;
  }

  async function read(): Promise<Mark | undefined> {
    const text = await redis.get(MARK);
    return text === null ? undefined : (JSON.parse(text) as Mark);
  }

  return {
    name: `Redis at ${address}, keys ${prefix}*`,
    mark: async () => (await read()) ?? ((await isUsed()) ? 'unmarked' : undefined),
    async leaveMark(mark) {
      await redis.setnx(MARK, JSON.stringify(mark));
      return leftMark(await read());
    },
    async erase() {
      for await (const keys of ownKeys()) await Promise.all(keys.map((key) => redis.unlink(key)));
    },
  };
}
