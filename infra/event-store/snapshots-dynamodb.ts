// Snapshots in DynamoDB, apart from the log: one item per stream and fold version, replaced by later ones.
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { isTransient, type TableDefinition } from '../aws.js';
import { withinBudget } from '../retry.js';
import type { SnapshotTexts } from './authentic-snapshots.js';

export const SNAPSHOTS_TABLE = {
  AttributeDefinitions: [
    { AttributeName: 'stream', AttributeType: 'S' },
    { AttributeName: 'fold', AttributeType: 'N' },
  ],
  KeySchema: [
    { AttributeName: 'stream', KeyType: 'HASH' },
    { AttributeName: 'fold', KeyType: 'RANGE' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

/** All that IAM must allow on the table. @public */
export const SNAPSHOTS_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'] as const;

/** DynamoDB takes 400 KB. A larger state is not kept: reading its stream is always possible. */
const MAX_SNAPSHOT_BYTES = 390 * 1024;

const BUDGET = { engine: 'DynamoDB', budgetMs: 5_000, isRetryable: isTransient };

export function createDynamoSnapshotTexts({ client, table }: { client: DynamoDBClient; table: string }): SnapshotTexts {
  return {
    async load(stream, foldVersion) {
      // An old one is as good as a fresh one, at half the price of a consistent read.
      const read = new GetItemCommand({ TableName: table, Key: keyOf(stream, foldVersion) });
      const { Item } = await withinBudget(BUDGET, () => client.send(read));
      return Item && { commitNo: Number(Item.commitNo?.N), text: Item.text?.S ?? '' };
    },

    async save(stream, foldVersion, { commitNo, text }) {
      if (Buffer.byteLength(text) > MAX_SNAPSHOT_BYTES) return;
      const replace = new PutItemCommand({
        TableName: table,
        Item: { ...keyOf(stream, foldVersion), commitNo: { N: String(commitNo) }, text: { S: text } },
        // A slow writer does not set it back.
        ConditionExpression: 'attribute_not_exists(commitNo) or commitNo < :commitNo',
        ExpressionAttributeValues: { ':commitNo': { N: String(commitNo) } },
      });
      try {
        await withinBudget(BUDGET, () => client.send(replace));
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    },

    async drop(stream, foldVersion) {
      const remove = new DeleteItemCommand({ TableName: table, Key: keyOf(stream, foldVersion) });
      await withinBudget(BUDGET, () => client.send(remove));
    },
  };
}

function keyOf(stream: string, foldVersion: number) {
  return { stream: { S: stream }, fold: { N: String(foldVersion) } };
}
