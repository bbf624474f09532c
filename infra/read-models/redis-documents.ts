// Reads the hashes that the Redis sink writes, one key each.
import type { Redis } from 'ioredis';
import { pairs } from '../../domain/kernel/collections.js';
import { type Projection, physicalName } from '../../projections/runtime/projection.js';
import { documentKey } from '../sinks/redis.js';
import { orUnavailable } from '../sinks/unavailable.js';
import type { Documents } from './documents.js';

const TOMBSTONE = 'null';

export function redisDocuments<D>(redis: Redis, projection: Projection<D, never>): Documents<D> {
  const table = physicalName(projection);
  const get = (key: string) => redis.hget(documentKey(table, key), 'document');
  return {
    async load<T = D>(keys: readonly string[], read: (json: string) => T | undefined = JSON.parse) {
      const texts = await orUnavailable(
        'Redis',
        () => true,
        () => Promise.all(keys.map(get)),
      );
      const documents = new Map<string, T>();
      for (const [key, text] of pairs(keys, texts)) {
        const document = text === null || text === TOMBSTONE ? undefined : read(text);
        if (document !== undefined) documents.set(key, document);
      }
      return documents;
    },
  };
}
