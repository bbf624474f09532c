// The stores of the benches of rebuilds. Each loads the same documents raw, too: by its bulk path, in one connection, into an empty
// table, collection or index with the same indexes, and with nothing else to do.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client } from '@opensearch-project/opensearch';
import { Redis } from 'ioredis';

import type { Pool } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { createMongoClient } from '../../infra/mongodb.js';
import { withConnection } from '../../infra/postgres.js';
import { createMongoSink } from '../../infra/sinks/mongodb.js';
import { createOpenSearchSink } from '../../infra/sinks/opensearch.js';
import { createPostgresSink, tableName } from '../../infra/sinks/postgres.js';
import { createRedisSink, documentKey, REDIS_OPTIONS } from '../../infra/sinks/redis.js';
import { orders } from '../../projections/models/orders.js';
import type { DocumentStore, Sink, StoredDocument } from '../../projections/runtime/sink.js';
import type { BenchEngines } from './engines.js';

/** As the rebuild has them. */
const DOCUMENTS_AT_ONCE = 2_000;
const REDIS_AT_ONCE = 500;
const BULK_LENGTH = 5_000_000;

const KEYS_AT_ONCE = 1_000;

export interface BenchStore {
  sink: Sink;
  /** Reads the documents of a table, and returns a way to load them raw. */
  rawLoad(table: string, documents: DocumentStore): Promise<RawLoad>;
  close(): Promise<void>;
}

export interface RawLoad {
  /** An empty place for the documents. */
  prepare(): Promise<void>;
  load(): Promise<unknown>;
}

const RAW = 'raw_documents';

export const STORES = {
  postgres: async (_: BenchEngines, pool: Pool): Promise<BenchStore> => ({
    sink: createPostgresSink(pool),
    async rawLoad(table) {
      const rows: Buffer[] = [];
      await withConnection(pool, async (client) => {
        for await (const some of client.query(copyTo(`copy ${table} to stdout`))) rows.push(some);
      });
      return {
        async prepare() {
          await pool.query(`drop table if exists ${RAW}`);
          await pool.query(`create table ${RAW} (like ${tableName(orders)} including all)`);
        },
        load: () =>
          withConnection(pool, (client) =>
            pipeline(Readable.from(rows), client.query(copyFrom(`copy ${RAW} from stdin`))),
          ),
      };
    },
    close: async () => {},
  }),

  async mongodb(engines: BenchEngines): Promise<BenchStore> {
    const client = createMongoClient(await engines.local('mongodb'));
    const db = client.db(newName());
    const raw = db.collection<{ _id: string }>(RAW);
    return {
      sink: createMongoSink(db),
      async rawLoad(table) {
        const documents = await db.collection<{ _id: string }>(table).find().toArray();
        const indexes = (await db.collection(table).indexes()).filter(({ name }) => name !== '_id_');
        return {
          async prepare() {
            await db.dropCollection(RAW);
            for (const { key } of indexes) await raw.createIndex(key);
          },
          async load() {
            for (const some of parts(documents, DOCUMENTS_AT_ONCE)) await raw.insertMany(some, { ordered: false });
          },
        };
      },
      async close() {
        await db.dropDatabase();
        await client.close();
      },
    };
  },

  async opensearch(engines: BenchEngines): Promise<BenchStore> {
    const client = new Client({ node: await engines.local('opensearch') });
    const prefix = `${newName()}-`;
    const index = prefix + RAW;
    return {
      sink: createOpenSearchSink(client, { prefix }),
      async rawLoad(table, store) {
        const lines = (await all(store, table)).map(
          ({ key, document, positions }) =>
            `${JSON.stringify({ create: { _index: index, _id: key } })}\n${JSON.stringify({ document, positions })}\n`,
        );
        const bodies: string[] = [];
        for (const line of lines) {
          if ((bodies.at(-1)?.length ?? BULK_LENGTH) >= BULK_LENGTH) bodies.push('');
          bodies[bodies.length - 1] += line;
        }
        const { body } = await client.indices.getMapping({ index: prefix + table });
        const [{ mappings }] = Object.values(body) as [{ mappings: object }];
        return {
          async prepare() {
            await client.indices.delete({ index, ignore_unavailable: true });
            await client.indices.create({ index, body: { settings: { number_of_shards: 1 }, mappings } as never });
          },
          async load() {
            for (const some of bodies) {
              const answer = await client.bulk({ body: some as never });
              if (answer.body.errors) throw new Error('OpenSearch refused a document.');
            }
            await client.indices.refresh({ index });
          },
        };
      },
      async close() {
        await client.indices.delete({ index: `${prefix}*` });
        await client.close();
      },
    };
  },

  async redis(engines: BenchEngines): Promise<BenchStore> {
    const redis = new Redis(await engines.local('redis'), { ...REDIS_OPTIONS, keyPrefix: `${newName()}:` });
    return {
      sink: createRedisSink(redis),
      async rawLoad(table, store) {
        const documents = (await all(store, table)).map(({ key, document, positions }) => ({
          key: documentKey(RAW, key),
          fields: { document: JSON.stringify(document), positions: JSON.stringify(positions), revision: '1' },
        }));
        const inPipelines = async (command: (one: (typeof documents)[number]) => [string, ...string[]]) => {
          for (const some of parts(documents, REDIS_AT_ONCE)) await redis.pipeline(some.map(command)).exec();
        };
        return {
          prepare: () => inPipelines(({ key }) => ['unlink', key]),
          load: () => inPipelines(({ key, fields }) => ['hset', key, ...Object.entries(fields).flat()]),
        };
      },
      // The server ends with the bench, or belongs to somebody who deletes by the prefix.
      close: async () => redis.disconnect(),
    };
  },
} satisfies Record<string, (engines: BenchEngines, pool: Pool) => Promise<BenchStore>>;

export type StoreName = keyof typeof STORES;

async function all(documents: DocumentStore, table: string): Promise<StoredDocument[]> {
  const found = new Map<string, StoredDocument>();
  for await (const keys of documents.keys(table)) {
    for (const some of parts(keys, KEYS_AT_ONCE)) {
      const loaded = await documents.load(
        some.map((key) => ({ table, key })),
        [],
      );
      for (const document of loaded.documents) found.set(document.key, document);
    }
  }
  return [...found.values()];
}

function parts<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}

function newName(): string {
  return `bench-${randomBytes(6).toString('hex')}`;
}
