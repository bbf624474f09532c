// The `aws` profile: the log is in DynamoDB and its changes go through Kinesis; read models are in Postgres, MongoDB, OpenSearch
// and Redis. On local engines the program creates the tables and streams itself; in AWS the deployment stack creates them.
import { type DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { type KinesisClient, ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import type { Logger } from 'pino';
import type { StreamId } from '../../domain/kernel/stream.js';
import { productPage } from '../../projections/models/product-page.js';
import { productSearch } from '../../projections/models/product-search.js';
import { stock } from '../../projections/models/stock.js';
import type { Sink } from '../../projections/runtime/sink.js';
import { createDynamoClient, createKinesisClient, ensureStream, ensureTable } from '../aws.js';
import { type Config, ConfigError } from '../config.js';
import { createDynamoSubjectKeys, SUBJECT_KEYS_TABLE } from '../crypto/subject-keys-dynamodb.js';
import { engineAddresses } from '../engines/addresses.js';
import { createDynamoEventStore, createEventsTable } from '../event-store/dynamodb/dynamodb-event-store.js';
import { createDynamoSnapshotTexts, SNAPSHOTS_TABLE } from '../event-store/dynamodb/dynamodb-snapshots.js';
import { createDynamoCheckpoints, FEED_CHECKPOINTS_TABLE } from '../event-store/dynamodb/kinesis-checkpoints.js';
import { createKinesisFeed } from '../event-store/dynamodb/kinesis-feed.js';
import { ensureExpiringTable } from '../expiring-table.js';
import { createDynamoIdempotency, IDEMPOTENCY_TABLE } from '../idempotency/dynamodb-idempotency.js';
import { createDynamoSessions, SESSIONS_TABLE } from '../identity/sessions-dynamodb.js';
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
import { createMongoSink } from '../sinks/mongodb.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { createRedisSink, REDIS_OPTIONS } from '../sinks/redis.js';
import { mongoReadModels, openSearchReadModels, redisReadModels } from '../stores/document-stores.js';
import { dynamoLog, STREAM, TABLES } from '../stores/dynamodb-store.js';
import { postgresReadModels } from '../stores/postgres-stores.js';
import { named, type Stores } from '../stores/store.js';
import type { Lifecycle } from './lifecycle.js';
import {
  type AwsClients,
  type AwsParts,
  type DocumentStores,
  lazy,
  type Parts,
  type PostgresServer,
  type Recipes,
  type UntilReachable,
} from './parts.js';
import { addressOf, type Engine } from './reachable.js';

/** Shards of a local stream. In AWS the stack sets the number. */
const LOCAL_SHARDS = 2;

const MONGO_OPTIONS = { serverSelectionTimeoutMS: 3_000, connectTimeoutMS: 3_000 };

export const awsParts = {
  awsServices: ({ config, lifecycle, untilReachable }) => lazy(() => openAws(config, lifecycle, untilReachable)),

  documentServers: ({ config, lifecycle, log, untilReachable }) =>
    lazy(() => openDocumentStores(config, lifecycle, log, untilReachable)),

  engines: ({ postgresServer: postgres, awsServices: aws, documentServers: stores }) =>
    lazy(() => [postgres.engine, ...aws.engines, ...stores.engines]),

  stores: ({ config, postgresServer, awsServices, documentServers }) =>
    lazy(() => storesOf(config, postgresServer, awsServices, documentServers)),

  aws: ({ awsServices: services, claimed: _ }) => lazy(() => services),

  documentStores: ({ documentServers: servers, claimed: _ }) => lazy(() => servers),

  eventStore: ({ aws: { dynamodb, streamArn, name, isLocal }, codec, clock }) =>
    lazy(async () => {
      const table = name(TABLES.events);
      if (isLocal) await createEventsTable({ client: dynamodb, table, streamArn: await streamArn() });
      return createDynamoEventStore({ client: dynamodb, table, codec, clock });
    }),

  snapshotTexts: ({ aws: { dynamodb, name, isLocal }, clock }) =>
    lazy(async () => {
      const table = name(TABLES.snapshots);
      if (isLocal) await ensureExpiringTable(dynamodb, table, SNAPSHOTS_TABLE);
      return createDynamoSnapshotTexts({ client: dynamodb, table, clock });
    }),

  feed: ({ aws: { dynamodb, kinesis, streamArn, name, isLocal }, codec, log }) =>
    lazy(async () => {
      const table = name(TABLES.feedCheckpoints);
      if (isLocal) await Promise.all([ensureTable(dynamodb, table, FEED_CHECKPOINTS_TABLE), streamArn()]);
      const alarm = (stream: StreamId, commitNo: number, what: string) =>
        log.error({ stream, commitNo }, `THE LOG WAS TAMPERED WITH: a stored commit was ${what}`);
      return createKinesisFeed({
        client: kinesis,
        streamName: name(STREAM),
        table: name(TABLES.events),
        checkpoints: createDynamoCheckpoints({ client: dynamodb, table }),
        codec,
        alarm,
        log,
      });
    }),

  subjectKeys: ({ aws: { dynamodb, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.subjectKeys);
      if (isLocal) await ensureTable(dynamodb, table, SUBJECT_KEYS_TABLE);
      return createDynamoSubjectKeys({ client: dynamodb, table });
    }),

  sessions: ({ aws: { dynamodb, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.sessions);
      if (isLocal) await ensureExpiringTable(dynamodb, table, SESSIONS_TABLE);
      return createDynamoSessions({ client: dynamodb, table });
    }),

  idempotency: ({ aws: { dynamodb, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.idempotency);
      if (isLocal) await ensureExpiringTable(dynamodb, table, IDEMPOTENCY_TABLE);
      return createDynamoIdempotency({ client: dynamodb, table });
    }),

  rateLimiter: ({ documentStores: { redis }, config: { quotas }, lifecycle }) =>
    lazy(() => {
      const limiter = createRedisRateLimiter(redis, quotas);
      lifecycle.onClose(limiter.close);
      return limiter;
    }),

  sinks: ({ postgres: { pool }, documentStores: { mongo, opensearch, redis }, config: { namespace } }) =>
    lazy(() => ({
      relational: createPostgresSink(pool),
      documents: createMongoSink(mongo),
      search: inNamespaceOf(createOpenSearchSink(opensearch), namespace),
      cache: createRedisSink(redis),
    })),

  queries: ({ postgres: { pool }, documentStores: { mongo, opensearch, redis }, config: { namespace } }) =>
    lazy(() => ({
      orders: createPostgresOrders(pool),
      workLists: createPostgresWorkLists(pool),
      stock: stockQueries(postgresTable(pool, stock)),
      currentCarts: createPostgresCurrentCarts(pool),
      agenda: createPostgresAgenda(pool),
      catalogue: createMongoCatalogue(mongo),
      productSearch: createOpenSearchProductSearch(opensearch, inNamespace(productSearch, namespace)),
      productPage: productPageQueries(redisDocuments(redis, productPage)),
    })),
} satisfies Recipes<AwsParts, Parts & AwsParts> & Partial<Recipes<Parts, Parts & AwsParts>>;

/** OpenSearch has neither databases nor key prefixes, so the index names contain the namespace. */
function inNamespace<P extends { name: string }>(projection: P, namespace: string): P {
  return { ...projection, name: `${namespace}-${projection.name}` };
}

function inNamespaceOf(sink: Sink, namespace: string): Sink {
  return { open: (projection) => sink.open(inNamespace(projection, namespace)) };
}

function storesOf(
  { namespace }: Config,
  { pool, engine, schema }: PostgresServer,
  { dynamodb, kinesis, engines, name, isLocal }: AwsClients,
  { mongo, opensearch, redis, engines: documents }: DocumentStores,
): Stores {
  const addressOf = (engine: string) => [...engines, ...documents].find(({ name }) => name === engine)!.address;
  return {
    log: named(dynamoLog({ dynamodb, kinesis, address: addressOf('DynamoDB'), name, isLocal })),
    readModels: [
      postgresReadModels(pool, engine.address, schema),
      mongoReadModels(mongo, addressOf('MongoDB')),
      openSearchReadModels(opensearch, addressOf('OpenSearch'), namespace),
      redisReadModels(redis, addressOf('Redis')),
    ].map(named),
  };
}

async function openAws(
  { namespace, awsRegion }: Config,
  lifecycle: Lifecycle,
  untilReachable: UntilReachable,
): Promise<AwsClients> {
  const { awsEndpoint } = await engineAddresses();
  const options = {
    region: awsRegion,
    ...(awsEndpoint !== undefined && { endpoint: awsEndpoint }),
  };
  const dynamodb: DynamoDBClient = createDynamoClient(options);
  const kinesis: KinesisClient = createKinesisClient(options);
  lifecycle.onClose(() => dynamodb.destroy());
  lifecycle.onClose(() => kinesis.destroy());
  const address = awsEndpoint === undefined ? options.region : addressOf(awsEndpoint);
  const engines: Engine[] = [
    { name: 'DynamoDB', address, ping: () => dynamodb.send(new ListTablesCommand({ Limit: 1 })) },
    { name: 'Kinesis', address, ping: () => kinesis.send(new ListStreamsCommand({ Limit: 1 })) },
  ];
  await Promise.all(engines.map(untilReachable));

  const name = (kind: string) => `${namespace}-${kind}`;
  let stream: Promise<string> | undefined;
  return {
    dynamodb,
    kinesis,
    engines,
    name,
    isLocal: awsEndpoint !== undefined,
    streamArn: () => (stream ??= ensureStream(kinesis, name(STREAM), LOCAL_SHARDS)),
  };
}

async function openDocumentStores(
  { namespace }: Config,
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
  const client = new MongoClient(mongodbUrl, MONGO_OPTIONS);
  lifecycle.onClose(() => client.close());
  const mongo = client.db(namespace);
  const opensearch = new OpenSearchClient({ node: opensearchUrl });
  lifecycle.onClose(() => opensearch.close());
  const redis = new Redis(redisUrl, { ...REDIS_OPTIONS, keyPrefix: `${namespace}:` });
  redis.on('error', (error) => log.warn({ err: error }, 'the connection to Redis was lost'));
  lifecycle.onClose(() => redis.disconnect());

  const engines: Engine[] = [
    { name: 'MongoDB', address: addressOf(mongodbUrl), ping: () => mongo.command({ ping: 1 }) },
    { name: 'OpenSearch', address: addressOf(opensearchUrl), ping: () => opensearch.ping() },
    { name: 'Redis', address: addressOf(redisUrl), ping: () => redis.ping() },
  ];
  await Promise.all(engines.map(untilReachable));
  return { mongo, opensearch, redis, engines };
}
