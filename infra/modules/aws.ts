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
import { createDynamoClient, createKinesisClient, ensureStream, ensureTable } from '../aws.js';
import { type Config, ConfigError } from '../config.js';
import { createDynamoSubjectKeys, SUBJECT_KEYS_TABLE } from '../crypto/subject-keys-dynamodb.js';
import { engineAddresses } from '../engines/addresses.js';
import { createDynamoEventStore, createEventsTable } from '../event-store/dynamodb.js';
import { createDynamoSnapshotTexts, SNAPSHOTS_TABLE } from '../event-store/snapshots-dynamodb.js';
import { ensureExpiringTable } from '../expiring-table.js';
import { createKinesisFeed } from '../feed/kinesis.js';
import { createDynamoCheckpoints, FEED_CHECKPOINTS_TABLE } from '../feed/kinesis-checkpoints.js';
import { createDynamoIdempotency, IDEMPOTENCY_TABLE } from '../idempotency/dynamodb.js';
import { createDynamoSessions, SESSIONS_TABLE } from '../identity/sessions-dynamodb.js';
import { createRedisRateLimiter } from '../rate-limits/redis.js';
import { createPostgresAgenda } from '../read-models/agenda.postgres.js';
import { createMongoCatalogue } from '../read-models/catalogue.mongodb.js';
import { createPostgresCurrentCarts } from '../read-models/current-carts.postgres.js';
import { productPageQueries, stockQueries } from '../read-models/documents.js';
import { createPostgresOrders } from '../read-models/orders.postgres.js';
import { postgresTable } from '../read-models/postgres.js';
import { createOpenSearchProductSearch } from '../read-models/product-search.opensearch.js';
import { redisDocuments } from '../read-models/redis.js';
import { createPostgresWorkLists } from '../read-models/work-lists.postgres.js';
import { createMongoSink } from '../sinks/mongodb.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { createRedisSink, REDIS_OPTIONS } from '../sinks/redis.js';
import { mongoReadModels, openSearchReadModels, redisReadModels } from '../stores/documents.js';
import { dynamoLog, STREAM, TABLES } from '../stores/dynamodb.js';
import { postgresReadModels } from '../stores/postgres.js';
import { named, type Stores } from '../stores/store.js';
import type { Lifecycle } from './lifecycle.js';
import {
  type AwsClients,
  type AwsParts,
  type DocumentStores,
  type Parts,
  type PostgresServer,
  type Recipe,
  type Recipes,
  recipesOver,
  type UntilReachable,
} from './parts.js';
import { addressOf, type Engine } from './reachable.js';

/** Shards of a local stream. In AWS the stack sets the number. */
const LOCAL_SHARDS = 2;

const MONGO_OPTIONS = { serverSelectionTimeoutMS: 3_000, connectTimeoutMS: 3_000 };

type AwsRecipes = { [K in keyof AwsParts]: Recipe<AwsParts[K]> };

const recipe = recipesOver<Parts & AwsParts>();

export const awsParts = {
  awsServices: recipe(['config', 'lifecycle', 'untilReachable'], ({ config, lifecycle, untilReachable }) =>
    openAws(config, lifecycle, untilReachable),
  ),

  documentServers: recipe(
    ['config', 'lifecycle', 'log', 'untilReachable'],
    ({ config, lifecycle, log, untilReachable }) => openDocumentStores(config, lifecycle, log, untilReachable),
  ),

  engines: recipe(
    ['postgresServer', 'awsServices', 'documentServers'],
    ({ postgresServer: postgres, awsServices: aws, documentServers: stores }) => [
      postgres.engine,
      ...aws.engines,
      ...stores.engines,
    ],
  ),

  stores: recipe(
    ['config', 'postgresServer', 'awsServices', 'documentServers'],
    ({ config, postgresServer, awsServices, documentServers }) =>
      storesOf(config, postgresServer, awsServices, documentServers),
  ),

  aws: recipe(['awsServices', 'claimed'], ({ awsServices: services }) => services),

  documentStores: recipe(['documentServers', 'claimed'], ({ documentServers: servers }) => servers),

  eventStore: recipe(
    ['aws', 'codec', 'clock'],
    async ({ aws: { dynamodb, streamArn, name, isLocal }, codec, clock }) => {
      const table = name(TABLES.events);
      if (isLocal) await createEventsTable({ client: dynamodb, table, streamArn: await streamArn() });
      return createDynamoEventStore({ client: dynamodb, table, codec, clock });
    },
  ),

  snapshotTexts: recipe(['aws', 'clock'], async ({ aws: { dynamodb, name, isLocal }, clock }) => {
    const table = name(TABLES.snapshots);
    if (isLocal) await ensureExpiringTable(dynamodb, table, SNAPSHOTS_TABLE);
    return createDynamoSnapshotTexts({ client: dynamodb, table, clock });
  }),

  feed: recipe(
    ['aws', 'codec', 'log'],
    async ({ aws: { dynamodb, kinesis, streamArn, name, isLocal }, codec, log }) => {
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
    },
  ),

  subjectKeys: recipe(['aws'], async ({ aws: { dynamodb, name, isLocal } }) => {
    const table = name(TABLES.subjectKeys);
    if (isLocal) await ensureTable(dynamodb, table, SUBJECT_KEYS_TABLE);
    return createDynamoSubjectKeys({ client: dynamodb, table });
  }),

  sessions: recipe(['aws'], async ({ aws: { dynamodb, name, isLocal } }) => {
    const table = name(TABLES.sessions);
    if (isLocal) await ensureExpiringTable(dynamodb, table, SESSIONS_TABLE);
    return createDynamoSessions({ client: dynamodb, table });
  }),

  idempotency: recipe(['aws'], async ({ aws: { dynamodb, name, isLocal } }) => {
    const table = name(TABLES.idempotency);
    if (isLocal) await ensureExpiringTable(dynamodb, table, IDEMPOTENCY_TABLE);
    return createDynamoIdempotency({ client: dynamodb, table });
  }),

  rateLimiter: recipe(
    ['documentStores', 'config', 'lifecycle'],
    ({ documentStores: { redis }, config: { quotas }, lifecycle }) => {
      const limiter = createRedisRateLimiter(redis, quotas);
      lifecycle.onClose(limiter.close);
      return limiter;
    },
  ),

  sinks: recipe(
    ['postgres', 'documentStores', 'config'],
    ({ postgres: { pool }, documentStores: { mongo, opensearch, redis }, config: { namespace } }) => ({
      relational: createPostgresSink(pool),
      documents: createMongoSink(mongo),
      search: createOpenSearchSink(opensearch, { prefix: `${namespace}-` }),
      cache: createRedisSink(redis),
    }),
  ),

  queries: recipe(
    ['postgres', 'documentStores', 'config'],
    ({ postgres: { pool }, documentStores: { mongo, opensearch, redis }, config: { namespace } }) => ({
      orders: createPostgresOrders(pool),
      workLists: createPostgresWorkLists(pool),
      stock: stockQueries(postgresTable(pool, stock)),
      currentCarts: createPostgresCurrentCarts(pool),
      agenda: createPostgresAgenda(pool),
      catalogue: createMongoCatalogue(mongo),
      productSearch: createOpenSearchProductSearch(opensearch, inNamespace(productSearch, namespace)),
      productPage: productPageQueries(redisDocuments(redis, productPage)),
    }),
  ),
} satisfies AwsRecipes & Partial<Recipes>;

/** OpenSearch has neither databases nor key prefixes, so the index names contain the namespace. */
function inNamespace<P extends { name: string }>(projection: P, namespace: string): P {
  return { ...projection, name: `${namespace}-${projection.name}` };
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
