// The product's data in MongoDB, OpenSearch and Redis: read models of one namespace each.

import { once } from 'node:events';
import { errors, type Client as OpenSearchClient } from '@opensearch-project/opensearch';
import type { Redis } from 'ioredis';
import type { Db } from 'mongodb';
import { serversOf } from '../redis.js';
import type { Mark, Store } from './store.js';
import { leftMark } from './store.js';

const MARK = 'store_mark';
const MARK_ID = 'read models';

/** Collections and indices of a projection, of any version and build, and those of positions: `catalogue_v3_b2`, `positions_v1`. */
const PHYSICAL_NAME = /^[a-z][a-z-]*_v\d+(_b\d+)?$/;

/** Keys that one round of a scan examines. */
const KEYS_PER_ROUND = 1_000;

/** A cheap read of our own data, whether or not it is there. */
export type Probe = () => Promise<unknown>;

export function mongoProbe(db: Db, timeoutMs: number): Probe {
  return () => {
    const signal = AbortSignal.timeout(timeoutMs);
    return db.collection<{ _id: string }>(MARK).findOne({ _id: MARK_ID }, { signal });
  };
}

export function openSearchProbe(client: OpenSearchClient, namespace: string, requestTimeout: number): Probe {
  const get = { index: `${namespace}-${MARK}`, id: MARK_ID };
  return () => client.get(get, { requestTimeout, maxRetries: 0, ignore: [404] });
}

/** The read has the time limit of the client's commands. Before that, a new client may take `timeoutMs` to connect. */
export function redisProbe(redis: Redis, timeoutMs: number): Probe {
  return async () => {
    if (redis.status === 'connecting') await once(redis, 'ready', { signal: AbortSignal.timeout(timeoutMs) });
    return redis.get(MARK);
  };
}

export function mongoReadModels(db: Db, address: string): Store {
  const marks = db.collection<{ _id: string; mark: Mark }>(MARK);

  async function ownCollections(): Promise<string[]> {
    const found = await db.listCollections({}, { nameOnly: true }).toArray();
    return found.map(({ name }) => name).filter((name) => PHYSICAL_NAME.test(name));
  }

  return {
    name: `MongoDB at ${address}, database ${db.databaseName}`,
    mark: async () =>
      (await marks.findOne({ _id: MARK_ID }))?.mark ?? ((await ownCollections()).length > 0 ? 'unmarked' : undefined),
    async leaveMark(mark) {
      await marks.updateOne({ _id: MARK_ID }, { $setOnInsert: { mark } }, { upsert: true });
      return leftMark((await marks.findOne({ _id: MARK_ID }))?.mark);
    },
    async erase() {
      for (const name of await ownCollections()) await db.dropCollection(name);
      await db.dropCollection(MARK);
    },
  };
}

export function openSearchReadModels(client: OpenSearchClient, address: string, namespace: string): Store {
  const index = `${namespace}-${MARK}`;

  async function read(): Promise<Mark | undefined> {
    try {
      const { body } = await client.get({ index, id: MARK_ID });
      return (body._source as { mark: Mark }).mark;
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async function ownIndices(): Promise<string[]> {
    const { body } = await client.cat.indices({ format: 'json', h: ['index'] });
    const prefix = `${namespace}-`;
    return (body as { index: string }[])
      .map(({ index: name }) => name)
      .filter((name) => name.startsWith(prefix) && isOfNamespace(name.slice(prefix.length)));
  }

  return {
    name: `OpenSearch at ${address}, indices ${namespace}-*`,
    mark: async () => (await read()) ?? ((await ownIndices()).length > 0 ? 'unmarked' : undefined),
    async leaveMark(mark) {
      const settings = { number_of_shards: 1, auto_expand_replicas: '0-1' };
      const mappings = { dynamic: false };
      await unlessStatus(400, () => client.indices.create({ index, body: { settings, mappings } as never }));
      await unlessStatus(409, () => client.create({ index, id: MARK_ID, body: { mark }, refresh: true }));
      return leftMark(await read());
    },
    async erase() {
      for (const name of [...(await ownIndices()), index]) {
        await unlessStatus(404, () => client.indices.delete({ index: name }));
      }
    },
  };
}

/** One namespace may be a prefix of another: `shop` and `shop-two`. OpenSearch holds only the product search. */
function isOfNamespace(rest: string): boolean {
  return /^(product-search|positions)_v\d+(_b\d+)?$/.test(rest);
}

async function unlessStatus(status: number, request: () => Promise<unknown>): Promise<void> {
  try {
    await request();
  } catch (error) {
    if (!isStatus(error, status)) throw error;
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof errors.ResponseError && error.statusCode === status;
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
