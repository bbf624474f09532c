// Documents of browsing in Redis, one key each.
import type { Redis } from 'ioredis';
import { orUnavailable } from '../sinks/unavailable.js';
import { BROWSING_TTL_MS, type ExpiringTexts } from './texts.js';

const ENGINE = 'Redis';

/** Compare-and-set of a text that expires: it must be the loaded one, or '' if there was none. */
const SWAP = `
  if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1`;

/** Each request first waits for `admitted`: the server may be that of another shop, or away. */
export function createRedisTexts(
  redis: Redis,
  { ttlMs = BROWSING_TTL_MS, admitted = async () => {} }: { ttlMs?: number; admitted?: () => Promise<void> } = {},
): ExpiringTexts {
  const keyOf = (key: string) => `browsing:${key}`;
  const ask = async <T>(request: () => Promise<T>) => {
    await admitted();
    return orUnavailable(ENGINE, () => true, request);
  };
  return {
    engine: ENGINE,
    // One GET each, sent together: in a cluster the keys are on several servers.
    load: async (keys) =>
      (await ask(() => Promise.all(keys.map((key) => redis.get(keyOf(key)))))).map((text) => text ?? undefined),
    swap: async (key, before, after) =>
      (await ask(() => redis.eval(SWAP, 1, keyOf(key), before ?? '', after, ttlMs))) === 1,
    delete: async (key) => void (await ask(() => redis.unlink(keyOf(key)))),
  };
}
