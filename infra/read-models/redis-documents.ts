// Reads the hashes that the Redis sink writes, one key each.
import type { Redis } from 'ioredis';
import { pairs } from '../../domain/kernel/collections.js';
import { type Projection, physicalName } from '../../projections/runtime/projection.js';
import { documentKey } from '../sinks/redis.js';
import { orUnavailable } from '../sinks/unavailable.js';
import type { Documents } from './documents.js';

export function redisDocuments<D>(redis: Redis, projection: Projection<D, never>): Documents<D> {
  const table = physicalName(projection);
  const get = (key: string) => redis.hget(documentKey(table, key), 'document');
  return {
    async load(keys) {
      const texts = await orUnavailable(
        'Redis',
        () => true,
        () => Promise.all(keys.map(get)),
      );
      const documents = new Map<string, D>();
      for (const [key, text] of pairs(keys, texts)) {
        const document = text === null ? null : (JSON.parse(text) as D | null);
        if (document !== null) documents.set(key, document);
      }
      return documents;
    },
  };
}
