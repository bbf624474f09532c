// The product's data in DynamoDB and Kinesis: the log with its tables, and the stream of its changes.
import {
  ConditionalCheckFailedException,
  DeleteTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb';
import { DeleteStreamCommand, type KinesisClient, waitUntilStreamNotExists } from '@aws-sdk/client-kinesis';
import { ensureTable, retrySetUp, type TableDefinition } from '../aws.js';
import { leftMark, type Mark, type Store } from './store.js';

/** Kinds of tables of a namespace. */
export const TABLES = {
  events: 'events',
  snapshots: 'snapshots',
  feedCheckpoints: 'feed-checkpoints',
  subjectKeys: 'subject-keys',
  sessions: 'sessions',
  idempotency: 'idempotency',
  mark: 'store-mark',
} as const;

/** The stream of a namespace. */
export const STREAM = 'commits';

const MARK_ID = 'log';

/** Holds one item. */
const MARK_TABLE = {
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

const WAIT = { minDelay: 1, maxDelay: 2, maxWaitTime: 60 };

export interface DynamoLogDeps {
  dynamodb: DynamoDBClient;
  kinesis: KinesisClient;
  address: string;
  name(kind: string): string;
  /** If true, the table of the mark is created here. In AWS the deployment stack creates it. */
  isLocal: boolean;
}

export function dynamoLog({ dynamodb, kinesis, address, name, isLocal }: DynamoLogDeps): Store {
  const table = name(TABLES.mark);

  async function read(): Promise<Mark | undefined> {
    const get = new GetItemCommand({ TableName: table, Key: { id: { S: MARK_ID } }, ConsistentRead: true });
    const answer = await unlessMissing(() => retrySetUp(() => dynamodb.send(get)));
    const text = answer?.Item?.mark?.S;
    return text === undefined ? undefined : (JSON.parse(text) as Mark);
  }

  async function holdsCommits(): Promise<boolean> {
    const scan = new ScanCommand({ TableName: name(TABLES.events), Limit: 1 });
    const answer = await unlessMissing(() => retrySetUp(() => dynamodb.send(scan)));
    return (answer?.Count ?? 0) > 0;
  }

  return {
    name: `DynamoDB at ${address}, tables ${name('*')}`,
    mark: async () => (await read()) ?? ((await holdsCommits()) ? 'unmarked' : undefined),

    async leaveMark(mark) {
      if (isLocal) await ensureTable(dynamodb, table, MARK_TABLE);
      const Item = { id: { S: MARK_ID }, mark: { S: JSON.stringify(mark) } };
      const put = new PutItemCommand({ TableName: table, Item, ConditionExpression: 'attribute_not_exists(id)' });
      try {
        await retrySetUp(() => dynamodb.send(put));
        return mark;
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        return leftMark(await read());
      }
    },

    /** The mark is deleted last, so that the data of an interrupted run still has an owner. */
    async erase() {
      const { mark, ...others } = TABLES;
      await deleteStream(kinesis, name(STREAM));
      await Promise.all(Object.values(others).map((kind) => deleteTable(dynamodb, name(kind))));
      await deleteTable(dynamodb, name(mark));
    },
  };
}

async function deleteTable(client: DynamoDBClient, table: string): Promise<void> {
  await unlessMissing(() => retrySetUp(() => client.send(new DeleteTableCommand({ TableName: table }))));
  await waitUntilTableNotExists({ client, ...WAIT }, { TableName: table });
}

async function deleteStream(client: KinesisClient, StreamName: string): Promise<void> {
  const deletion = new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true });
  await unlessMissing(() => retrySetUp(() => client.send(deletion)));
  await waitUntilStreamNotExists({ client, ...WAIT }, { StreamName });
}

async function unlessMissing<T>(request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}
