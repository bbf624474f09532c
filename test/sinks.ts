// The sink of each store at an address, for tests in which several processes write to one store.
import { Client } from '@opensearch-project/opensearch';
import { Redis } from 'ioredis';
import { createMongoClient } from '../infra/mongodb.js';
import { createPool } from '../infra/postgres.js';
import { createMongoSink } from '../infra/sinks/mongodb.js';
import { createOpenSearchSink } from '../infra/sinks/opensearch.js';
import { createPostgresSink } from '../infra/sinks/postgres.js';
import { createRedisSink, REDIS_OPTIONS } from '../infra/sinks/redis.js';
import type { Sink } from '../projections/runtime/sink.js';

/** Where the documents are: the address of the engine, and a name that no other test uses. */
export interface StorePlace {
  engine: keyof typeof SINKS;
  address: string;
  name: string;
}

export interface OpenSink {
  sink: Sink;
  close(): Promise<unknown>;
}

export function openSink(place: StorePlace): Promise<OpenSink> {
  return SINKS[place.engine](place);
}

const SINKS = {
  postgres: async ({ address }: StorePlace) => {
    const pool = createPool({ url: address, max: 6 });
    return { sink: createPostgresSink(pool), close: () => pool.end() };
  },
  mongodb: async ({ address, name }: StorePlace) => {
    const client = await createMongoClient(address).connect();
    return { sink: createMongoSink(client.db(name)), close: () => client.close() };
  },
  opensearch: async ({ address, name }: StorePlace) => {
    const client = new Client({ node: address });
    return { sink: createOpenSearchSink(client, { prefix: `${name}-` }), close: () => client.close() };
  },
  redis: async ({ address, name }: StorePlace) => {
    const redis = new Redis(address, { ...REDIS_OPTIONS, keyPrefix: `${name}:` });
    redis.on('error', () => {});
    return { sink: createRedisSink(redis), close: async () => redis.disconnect() };
  },
};
