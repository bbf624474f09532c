// The `aws` profile: the log is in DynamoDB and its changes go through Kinesis; read models are in Postgres, MongoDB, OpenSearch
// and Redis. On local engines the program creates the tables and streams itself; in AWS the deployment stack creates them.
import { type DynamoDBClient, GetItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { type KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import type { Logger } from 'pino';
import type { StreamId } from '../../domain/kernel/stream.js';
import { productPage } from '../../projections/models/product-page.js';
import { productSearch } from '../../projections/models/product-search.js';
import { stock } from '../../projections/models/stock.js';
import type { Sink } from '../../projections/runtime/sink.js';
import { createDynamoClient, createKinesisClient, ensureStream, ensureTable } from '../aws.js';
import { type Config, ConfigError } from '../config.js';
import { createDynamoSubjectKeys, createSubjectKeysTable } from '../crypto/subject-keys-dynamodb.js';
import { engineAddresses } from '../engines/addresses.js';
import { createDynamoEventStore, createEventsTable } from '../event-store/dynamodb.js';
import { createDynamoSnapshotTexts, SNAPSHOTS_TABLE } from '../event-store/snapshots-dynamodb.js';
import { ensureExpiringTable } from '../expiring-table.js';
import { createKinesisFeed } from '../feed/kinesis.js';
import { createDynamoCheckpoints, FEED_CHECKPOINTS_TABLE } from '../feed/kinesis-checkpoints.js';
import { createDynamoIdempotency, IDEMPOTENCY_TABLE } from '../idempotency/dynamodb.js';
import { createDynamoSessions, SESSIONS_TABLE } from '../identity/sessions-dynamodb.js';
import { createDynamoLeases, LEASES_TABLE } from '../leadership/dynamodb.js';
import { createMongoClient } from '../mongodb.js';
import { createOpenSearchClient } from '../opensearch.js';
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
import { createRedisClient, duplicateOf } from '../redis.js';
import { createMongoSink } from '../sinks/mongodb.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { createRedisSink } from '../sinks/redis.js';
import {
  mongoProbe,
  mongoReadModels,
  openSearchProbe,
  openSearchReadModels,
  redisProbe,
  redisReadModels,
} from '../stores/documents.js';
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
import { addressOf, type Engine, PING_TIMEOUT_MS } from './reachable.js';

/** Shards of a local stream. In AWS the stack sets the number. */
const LOCAL_SHARDS = 2;

type AwsRecipes = { [K in keyof AwsParts]: Recipe<AwsParts[K]> };

const recipe = recipesOver<Parts & AwsParts>();

export const awsParts = {
  awsServices: recipe(['config', 'lifecycle', 'untilReachable'], ({ config, lifecycle, untilReachable }) =>
    openAws(config, lifecycle, untilReachable),
  ),

  documentServers: recipe(
    ['config', 'awsServices', 'lifecycle', 'log', 'untilReachable'],
    ({ config, awsServices, lifecycle, log, untilReachable }) =>
      openDocumentStores(config, awsServices, lifecycle, log, untilReachable),
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
      return createDynamoEventStore({ client: dynamodb, table, leases: name(TABLES.leases), codec, clock });
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

  leases: recipe(['aws'], async ({ aws: { dynamodb, name, isLocal } }) => {
    const table = name(TABLES.leases);
    if (isLocal) await ensureTable(dynamodb, table, LEASES_TABLE);
    return createDynamoLeases({ client: dynamodb, table });
  }),

  subjectKeys: recipe(['aws'], async ({ aws: { dynamodb, name, isLocal } }) => {
    const table = name(TABLES.subjectKeys);
    if (isLocal) await createSubjectKeysTable({ client: dynamodb, table });
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
      const limiter = createRedisRateLimiter({ duplicate: (options) => duplicateOf(redis, options) }, quotas);
      lifecycle.onClose(limiter.close);
      return limiter;
    },
  ),

  sinks: recipe(
    ['postgres', 'documentStores', 'config'],
    ({ postgres: { pool }, documentStores: { mongo, opensearch, redis }, config: { namespace } }) => ({
      relational: createPostgresSink(pool),
      documents: createMongoSink(mongo),
      search: inNamespaceOf(createOpenSearchSink(opensearch), namespace),
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
  const name = (kind: string) => `${namespace}-${kind}`;
  const check = { dynamodb: () => readCommandTables(dynamodb, name), kinesis: () => readStream(kinesis, name) };
  const engines: Engine[] = [
    {
      name: 'DynamoDB',
      address,
      serves: 'commands',
      ping: () => orNotFound(check.dynamodb),
      check: check.dynamodb,
    },
    { name: 'Kinesis', address, serves: 'read models', ping: () => orNotFound(check.kinesis), check: check.kinesis },
  ];
  await Promise.all(engines.map(untilReachable));

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

/** Reads items that do not exist, of the tables that commands need. */
async function readCommandTables(client: DynamoDBClient, name: AwsClients['name']): Promise<unknown> {
  const none = { S: '-' };
  const options = { abortSignal: AbortSignal.timeout(PING_TIMEOUT_MS) };
  return Promise.all([
    client.send(
      new QueryCommand({
        TableName: name(TABLES.events),
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': none },
        Limit: 1,
      }),
      options,
    ),
    client.send(new GetItemCommand({ TableName: name(TABLES.subjectKeys), Key: { subject: none } }), options),
    client.send(new GetItemCommand({ TableName: name(TABLES.sessions), Key: { customerId: none, id: none } }), options),
  ]);
}

function readStream(client: KinesisClient, name: AwsClients['name']): Promise<unknown> {
  const options = { abortSignal: AbortSignal.timeout(PING_TIMEOUT_MS) };
  return client.send(new ListShardsCommand({ StreamName: name(STREAM), MaxResults: 1 }), options);
}

/** A table or stream that is not there yet is an answer, too. */
async function orNotFound(check: () => Promise<unknown>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if ((error as Error).name !== 'ResourceNotFoundException') throw error;
  }
}

async function openDocumentStores(
  { namespace, awsRegion, redisCluster, openSearchSigning }: Config,
  { dynamodb }: AwsClients,
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
    // The same credentials as those of the log.
    ...(openSearchSigning && {
      signing: { service: openSearchSigning, region: awsRegion, credentials: () => dynamodb.config.credentials() },
    }),
  });
  lifecycle.onClose(() => opensearch.close());
  const redis = createRedisClient({ url: redisUrl, isCluster: redisCluster, keyPrefix: `${namespace}:` });
  redis.on('error', (error) => log.warn({ err: error }, 'the connection to Redis was lost'));
  lifecycle.onClose(() => redis.disconnect());

  const engines = [
    { name: 'MongoDB', address: addressOf(mongodbUrl), ping: mongoProbe(mongo, PING_TIMEOUT_MS) },
    {
      name: 'OpenSearch',
      address: addressOf(opensearchUrl),
      ping: openSearchProbe(opensearch, namespace, PING_TIMEOUT_MS),
    },
    { name: 'Redis', address: addressOf(redisUrl), ping: redisProbe(redis, PING_TIMEOUT_MS) },
  ].map((engine): Engine => ({ ...engine, serves: 'read models', check: engine.ping }));
  await Promise.all(engines.map(untilReachable));
  return { mongo, opensearch, redis, engines };
}
