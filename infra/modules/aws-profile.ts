// The `aws` profile: read models are in Postgres, MongoDB, OpenSearch and Redis; data keys, sessions and idempotency records are in
// DynamoDB, objects in S3. On local engines the program creates the tables itself; in AWS the deployment stack creates them.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import type { Redis } from 'ioredis';
import type { Db } from 'mongodb';
import type { Logger } from 'pino';
import { ConfigError } from '../config.js';
import { createLocalKeyWrap } from '../crypto/master-key.js';
import { createDynamoSubjectKeys, createSubjectKeysTable } from '../crypto/subject-keys-dynamodb.js';
import { engineAddresses } from '../engines/addresses.js';
import { ensureExpiringTable } from '../expiring-table.js';
import { createDynamoIdempotency, IDEMPOTENCY_TABLE } from '../idempotency/dynamodb-idempotency.js';
import { createDynamoSessions, SESSIONS_TABLE } from '../identity/sessions-dynamodb.js';
import { createMongoClient } from '../mongodb.js';
import { createBulkFiles } from '../objects/bulk-files.js';
import { createS3Files } from '../objects/s3-files.js';
import { createS3Client, createS3Objects, ensureBucket, pingBucket } from '../objects/s3-objects.js';
import { createOpenSearchClient } from '../opensearch.js';
import { createRedisRateLimiter } from '../rate-limits/redis.js';
import { createPostgresAgenda } from '../read-models/agenda.postgres.js';
import { createMongoCatalogue } from '../read-models/catalogue.mongodb.js';
import { createPostgresCurrentCarts } from '../read-models/current-carts.postgres.js';
import { productPageQueries, stockQueries } from '../read-models/documents.js';
import { createPostgresOrders } from '../read-models/orders.postgres.js';
import { postgresTable } from '../read-models/postgres-documents.js';
import { createOpenSearchProductSearch } from '../read-models/product-search.opensearch.js';
import { redisDocuments } from '../read-models/redis-documents.js';
import { createPostgresWorkLists } from '../read-models/work-lists.postgres.js';
import { createRedisClient, duplicateOf } from '../redis.js';
import type { ShopConfig } from '../shop-config.js';
import { createMongoSink } from '../sinks/mongodb.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { createRedisSink } from '../sinks/redis.js';
import {
  mongoProbe,
  mongoReadModels,
  openSearchProbe,
  openSearchReadModels,
  type Probe,
  redisProbe,
  redisReadModels,
} from '../stores/document-stores.js';
import { dynamoStore, TABLES } from '../stores/dynamodb-store.js';
import { type DynamoParts, dynamoParts, readNothing } from './dynamodb-server.js';
import type { Lifecycle } from './lifecycle.js';
import { lazy, type Parts, type ProfileParts, type Recipes, type UntilReachable } from './parts.js';
import { addressOf, type Engine, PING_TIMEOUT_MS } from './reachable.js';

interface DocumentStores {
  mongo: Db;
  opensearch: OpenSearchClient;
  redis: Redis;
  engines: Record<'mongodb' | 'opensearch' | 'redis', Engine>;
}

/**
 * Engines that only this profile has. Those of `documentServers` answer; those of `documentStores` are also verified to have
 * this shop's data.
 */
interface DocumentParts {
  documentServers: DocumentStores;
  documentStores: DocumentStores;
}

/** S3 as a client that answers. */
interface S3Parts {
  s3Server: { client: S3Client; bucket: string; engine: Engine };
}

export const awsParts = {
  ...dynamoParts,

  documentServers: ({ config, dynamoClient, lifecycle, log, untilReachable }) =>
    lazy(() => openDocumentStores(config, dynamoClient, lifecycle, log, untilReachable)),

  documentStores: ({ documentServers, claimed: _ }) => lazy(() => documentServers),

  s3Server: ({ config, awsOptions, lifecycle, untilReachable }) =>
    lazy(async () => {
      const { address, ...options } = awsOptions;
      const isLocal = options.endpoint !== undefined;
      const bucket = bucketOf(config, isLocal);
      const client = createS3Client(options);
      lifecycle.onClose(() => client.destroy());
      const check = () => pingBucket(client, bucket, PING_TIMEOUT_MS);
      const ping = () =>
        check().catch((error) => (isLocal && error.name === 'NotFound' ? undefined : Promise.reject(error)));
      const engine: Engine = { name: 'S3', address, serves: 'read models', ping, check };
      await untilReachable(engine);
      if (isLocal) await ensureBucket(client, bucket);
      return { client, bucket, engine };
    }),

  objectPlace: ({ s3Server: { client, bucket }, config: { namespace: prefix } }) =>
    lazy(() => createS3Objects({ client, bucket, prefix })),

  bulkFiles: ({ s3Server: { client } }) => lazy(() => createBulkFiles(createS3Files(client))),

  profileEngines: ({ dynamoServer: { client, engine, name }, s3Server, documentServers: { engines } }) =>
    lazy(() => {
      const check = () =>
        Promise.all([
          readNothing(client, name(TABLES.subjectKeys), ['subject']),
          readNothing(client, name(TABLES.sessions), ['customerId', 'id']),
        ]);
      return [{ ...engine, check }, s3Server.engine, engines.mongodb, engines.opensearch, engines.redis];
    }),

  profileStores: ({ dynamoServer, documentServers: { mongo, opensearch, redis, engines }, config: { namespace } }) =>
    lazy(() => [
      dynamoStore(dynamoServer),
      mongoReadModels(mongo, engines.mongodb.address),
      openSearchReadModels(opensearch, engines.opensearch.address, namespace),
      redisReadModels(redis, engines.redis.address),
    ]),

  subjectKeys: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.subjectKeys);
      if (isLocal) await createSubjectKeysTable({ client, table });
      return createDynamoSubjectKeys({ client, table });
    }),

  keyWrap: ({ config: { kmsKey }, awsOptions, masterKey, claimed: { log: shop }, subjectKeys: keys, lifecycle }) =>
    lazy(async () => {
      const local = createLocalKeyWrap(masterKey);
      if (kmsKey === undefined) return local;
      const { createKmsClient, createKmsKeyWrap } = await import('../crypto/kms-key-wrap.js');
      const { address: _, ...options } = awsOptions;
      const client = createKmsClient(options);
      lifecycle.onClose(() => client.destroy());
      return createKmsKeyWrap({ client, keyId: kmsKey, shop, keys, local });
    }),

  sessions: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.sessions);
      if (isLocal) await ensureExpiringTable(client, table, SESSIONS_TABLE);
      return createDynamoSessions({ client, table });
    }),

  idempotency: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.idempotency);
      if (isLocal) await ensureExpiringTable(client, table, IDEMPOTENCY_TABLE);
      return createDynamoIdempotency({ client, table });
    }),

  rateLimiter: ({ documentStores: { redis }, config: { quotas }, lifecycle }) =>
    lazy(() => {
      const limiter = createRedisRateLimiter({ duplicate: (options) => duplicateOf(redis, options) }, quotas);
      lifecycle.onClose(limiter.close);
      return limiter;
    }),

  sinks: ({ postgres: { pool }, documentStores: { mongo, opensearch, redis }, config: { namespace } }) =>
    lazy(() => ({
      relational: createPostgresSink(pool),
      documents: createMongoSink(mongo),
      search: createOpenSearchSink(opensearch, { prefix: `${namespace}-` }),
      cache: createRedisSink(redis),
    })),

  queriesOf: ({ postgres: { pool }, documentStores: { mongo, opensearch, redis }, config: { namespace } }) =>
    lazy(() => ({
      orders: (build) => createPostgresOrders(pool, build),
      workLists: (build) => createPostgresWorkLists(pool, build),
      stock: (build) => stockQueries(postgresTable(pool, build)),
      currentCarts: (build) => createPostgresCurrentCarts(pool, build),
      agenda: (build) => createPostgresAgenda(pool, build),
      catalogue: (build) => createMongoCatalogue(mongo, build),
      productSearch: (build) => createOpenSearchProductSearch(opensearch, inNamespace(build, namespace)),
      productPage: (build) => productPageQueries(redisDocuments(redis, build)),
    })),
} satisfies Recipes<
  ProfileParts & DynamoParts & DocumentParts & S3Parts,
  Parts & DynamoParts & DocumentParts & S3Parts
>;

/** OpenSearch has neither databases nor key prefixes, so the index names contain the namespace. */
function inNamespace<P extends { name: string }>(projection: P, namespace: string): P {
  return { ...projection, name: `${namespace}-${projection.name}` };
}

/** Bucket names are global in AWS, so there is no default that would belong to this shop. */
function bucketOf({ bucket, namespace }: ShopConfig, isLocal: boolean): string {
  if (bucket !== undefined) return bucket;
  if (isLocal) return `${namespace}-objects`;
  throw new ConfigError('COMMERCE_BUCKET: is not set; name the S3 bucket for stock snapshots and the archive.');
}

async function openDocumentStores(
  { namespace, awsRegion, redisCluster, openSearchSigning }: ShopConfig,
  dynamodb: DynamoDBClient,
  lifecycle: Lifecycle,
  log: Logger,
  untilReachable: UntilReachable,
): Promise<DocumentStores> {
  const { mongodbUrl, opensearchUrl, redisUrl } = await engineAddresses();
  if (!mongodbUrl || !opensearchUrl || !redisUrl) {
    throw new ConfigError(
      'The profile aws needs MongoDB, OpenSearch and Redis: run `npm run engines -- up`, or set MONGODB_URL, OPENSEARCH_URL and REDIS_URL.',
    );
  }
  const client = createMongoClient(mongodbUrl);
  lifecycle.onClose(() => client.close());
  const mongo = client.db(namespace);
  const opensearch = createOpenSearchClient({
    node: opensearchUrl,
    // The same credentials as those of DynamoDB.
    ...(openSearchSigning && {
      signing: { service: openSearchSigning, region: awsRegion, credentials: () => dynamodb.config.credentials() },
    }),
  });
  lifecycle.onClose(() => opensearch.close());
  const redis = createRedisClient({ url: redisUrl, isCluster: redisCluster, keyPrefix: `${namespace}:` });
  redis.on('error', (error) => log.warn({ err: error }, 'the connection to Redis was lost'));
  lifecycle.onClose(() => redis.disconnect());

  const engine = (name: string, url: string, ping: Probe): Engine => {
    return { name, address: addressOf(url), serves: 'read models', ping, check: ping };
  };
  const engines = {
    mongodb: engine('MongoDB', mongodbUrl, mongoProbe(mongo, PING_TIMEOUT_MS)),
    opensearch: engine('OpenSearch', opensearchUrl, openSearchProbe(opensearch, namespace, PING_TIMEOUT_MS)),
    redis: engine('Redis', redisUrl, redisProbe(redis, PING_TIMEOUT_MS)),
  };
  await Promise.all(Object.values(engines).map(untilReachable));
  return { mongo, opensearch, redis, engines };
}
