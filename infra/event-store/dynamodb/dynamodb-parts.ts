// The parts of the event store `dynamodb`. On local engines the program creates the tables and the stream itself; in AWS the
// deployment stack creates them.
import { type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { type KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { createKinesisClient, ensureStream, ensureTable } from '../../aws.js';
import { createDynamoLeases, LEASES_TABLE } from '../../leadership/dynamodb-leases.js';
import { type DynamoParts, namesOf, orNotFound } from '../../modules/dynamodb-server.js';
import { type EventStoreParts, lazy, type Parts, type Recipes } from '../../modules/parts.js';
import { type Engine, PING_TIMEOUT_MS } from '../../modules/reachable.js';
import { dynamoStore, STREAM, TABLES, VIEW_STREAM } from '../../stores/dynamodb-store.js';
import { deleteStream } from '../../stores/kinesis-store.js';
import { createDynamoLoader } from './dynamodb-loader.js';
import { type ChangesParts, dynamodbLogParts } from './dynamodb-log.js';
import { createDynamoCheckpoints, FEED_CHECKPOINTS_TABLE } from './kinesis-checkpoints.js';
import { createKinesisFeed } from './kinesis-feed.js';

/** Shards of a local stream. In AWS the stack sets the number. */
const LOCAL_SHARDS = 2;

interface KinesisParts extends ChangesParts {
  kinesisServer: { client: KinesisClient; engine: Engine };
}

export const dynamodbEventStoreParts = {
  ...dynamodbLogParts,

  kinesisServer: ({ config, awsOptions, lifecycle }) =>
    lazy(() => {
      const { address, ...options } = awsOptions;
      const client = createKinesisClient(options);
      lifecycle.onClose(() => client.destroy());
      const check = () => readStream(client, namesOf(config)(STREAM));
      const engine: Engine = {
        name: 'Kinesis',
        address,
        serves: 'read models',
        ping: () => orNotFound(check()),
        check,
      };
      return { client, engine };
    }),

  logEngines: ({ dynamoServer: { client, engine, name }, kinesisServer }) =>
    lazy(() => [{ ...engine, check: () => readNoCommit(client, name(TABLES.events)) }, kinesisServer.engine]),

  logStore: ({ dynamoServer, kinesisServer }) =>
    lazy(() => {
      const { name } = dynamoServer;
      return dynamoStore(dynamoServer, async () => {
        await deleteStream(kinesisServer.client, name(STREAM));
        // The profile `aws` has it beside the log.
        await deleteStream(kinesisServer.client, name(VIEW_STREAM));
      });
    }),

  changes: ({ dynamodb: { name, isLocal }, kinesisServer: { client, engine }, untilReachable }) =>
    lazy(async () => {
      const stream = name(STREAM);
      if (!isLocal) return { name: stream, arn: undefined };
      await untilReachable(engine);
      return { name: stream, arn: await ensureStream(client, stream, LOCAL_SHARDS) };
    }),

  logLoader: ({ dynamoServer: { client, name, isLocal } }) =>
    lazy(() => () => createDynamoLoader({ client, table: name(TABLES.events), isLocal })),

  leases: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.leases);
      if (isLocal) await ensureTable(client, table, LEASES_TABLE);
      return createDynamoLeases({ client, table });
    }),

  feed: ({ dynamodb: { client, name, isLocal }, kinesisServer, changes, codec, tamperAlarm, log }) =>
    lazy(async () => {
      const table = name(TABLES.feedCheckpoints);
      if (isLocal) await ensureTable(client, table, FEED_CHECKPOINTS_TABLE);
      return createKinesisFeed({
        client: kinesisServer.client,
        streamName: changes.name,
        table: name(TABLES.events),
        checkpoints: createDynamoCheckpoints({ client, table }),
        codec,
        alarm: tamperAlarm,
        log,
      });
    }),
} satisfies Recipes<EventStoreParts & DynamoParts & KinesisParts, Parts & DynamoParts & KinesisParts>;

function readNoCommit(client: DynamoDBClient, TableName: string): Promise<unknown> {
  const values = { ':pk': { S: '-' } };
  const query = { TableName, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: values, Limit: 1 };
  return client.send(new QueryCommand(query), { abortSignal: AbortSignal.timeout(PING_TIMEOUT_MS) });
}

function readStream(client: KinesisClient, stream: string): Promise<unknown> {
  const options = { abortSignal: AbortSignal.timeout(PING_TIMEOUT_MS) };
  return client.send(new ListShardsCommand({ StreamName: stream, MaxResults: 1 }), options);
}
