// The product's data in DynamoDB and Kinesis: the tables of a shop, and the stream of the log's changes.

import {
  ConditionalCheckFailedException,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateTableCommand,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb';
import { LOG_PARTITIONS } from '../../domain/kernel/limits.js';
import { ensureTable, retrySetUp, type TableDefinition } from '../aws.js';
import { LOG_INDEX } from '../event-store/dynamodb/dynamodb-event-store.js';
import type { Mark, Store } from './store.js';
import { leftMark } from './store.js';

/** Kinds of tables of a shop: of its log, of the profile `aws`, and of the mark. */
export const TABLES = {
  events: 'events',
  snapshots: 'snapshots',
  feedCheckpoints: 'feed-checkpoints',
  subjectKeys: 'subject-keys',
  sessions: 'sessions',
  credentials: 'credentials',
  preferences: 'preferences',
  idempotency: 'idempotency',
  leases: 'leases',
  mark: 'store-mark',
} as const;

/** The stream of a shop's commits. */
export const STREAM = 'commits';
/** The stream of what its customers look at. */
export const VIEW_STREAM = 'views';

const MARK_ID = 'log';

/** Holds one item. */
export const MARK_TABLE = {
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

/** All actions that IAM must allow on the table of the mark. @public */
export const STORE_MARK_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem'] as const;

export const WAIT = { minDelay: 1, maxDelay: 2, maxWaitTime: 60 };

export interface DynamoStoreDeps {
  client: DynamoDBClient;
  engine: { address: string };
  name(kind: string): string;
  /** If true, the table of the mark is created here. In AWS the deployment stack creates it. */
  isLocal: boolean;
}

/** All tables of a shop. `eraseStream` deletes the stream of their changes. */
export function dynamoStore(
  { client, engine: { address }, name, isLocal }: DynamoStoreDeps,
  eraseStream?: () => Promise<void>,
): Store {
  const table = name(TABLES.mark);

  async function read(): Promise<Mark | undefined> {
    const get = new GetItemCommand({ TableName: table, Key: { id: { S: MARK_ID } }, ConsistentRead: true });
    const answer = await unlessMissing(() => retrySetUp(() => client.send(get)));
    const text = answer?.Item?.mark?.S;
    return text === undefined ? undefined : (JSON.parse(text) as Mark);
  }

  /** Asks the index, because the rights on the log do not include a scan. */
  async function holdsCommits(): Promise<boolean> {
    const counts = Array.from({ length: LOG_PARTITIONS }, async (_, lp) => {
      const query = new QueryCommand({
        TableName: name(TABLES.events),
        IndexName: LOG_INDEX,
        KeyConditionExpression: 'lp = :lp',
        ExpressionAttributeValues: { ':lp': { N: String(lp) } },
        Limit: 1,
      });
      return (await unlessMissing(() => retrySetUp(() => client.send(query))))?.Count ?? 0;
    });
    return (await Promise.all(counts)).some((count) => count > 0);
  }

  return {
    name: `DynamoDB at ${address}, tables ${name('*')}`,
    mark: async () => (await read()) ?? ((await holdsCommits()) ? 'unmarked' : undefined),

    async leaveMark(mark) {
      if (isLocal) await ensureTable(client, table, MARK_TABLE);
      const Item = { id: { S: MARK_ID }, mark: { S: JSON.stringify(mark) } };
      const put = new PutItemCommand({ TableName: table, Item, ConditionExpression: 'attribute_not_exists(id)' });
      try {
        await retrySetUp(() => client.send(put));
        return mark;
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        return leftMark(await read());
      }
    },

    /** The mark is deleted last, so that the data of an interrupted run still has an owner. */
    async erase() {
      const { mark, ...others } = TABLES;
      await eraseStream?.();
      await Promise.all(Object.values(others).map((kind) => deleteTable(client, name(kind))));
      await deleteTable(client, name(mark));
    },
  };
}

/** Some tables are protected against deletion. */
async function deleteTable(client: DynamoDBClient, table: string): Promise<void> {
  const described = await unlessMissing(() =>
    retrySetUp(() => client.send(new DescribeTableCommand({ TableName: table }))),
  );
  if (described?.Table?.DeletionProtectionEnabled) {
    const release = new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: false });
    await retrySetUp(() => client.send(release));
    await waitUntilTableExists({ client, ...WAIT }, { TableName: table });
  }
  await unlessMissing(() => retrySetUp(() => client.send(new DeleteTableCommand({ TableName: table }))));
  await waitUntilTableNotExists({ client, ...WAIT }, { TableName: table });
}

/** Undefined if the table or stream does not exist. */
export async function unlessMissing<T>(request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}
