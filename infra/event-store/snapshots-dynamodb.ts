// Snapshots in DynamoDB, apart from the log: one item per stream and fold version, replaced by later ones.
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Position } from '../../domain/kernel/commit.js';
import type { SnapshotStore } from '../../domain/kernel/event-store.js';
import { isTransient, type TableDefinition } from '../aws.js';
import { withinBudget } from '../retry.js';

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
export const SNAPSHOTS_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem'] as const;

/** DynamoDB takes 400 KB. A larger state is not kept: reading its stream is always possible. */
const MAX_SNAPSHOT_BYTES = 390 * 1024;

const BUDGET = { engine: 'DynamoDB', budgetMs: 5_000, isRetryable: isTransient };

export function createDynamoSnapshotStore({ client, table }: { client: DynamoDBClient; table: string }): SnapshotStore {
  return {
    async load(stream, foldVersion) {
      // An old one is as good as a fresh one, at half the price of a consistent read.
      const read = new GetItemCommand({ TableName: table, Key: keyOf(stream, foldVersion) });
      const { Item } = await withinBudget(BUDGET, () => client.send(read));
      if (!Item) return undefined;
      const position: Position = JSON.parse(Item.position!.S!);
      return { position, state: JSON.parse(Item.state!.S!) };
    },

    async save(stream, foldVersion, { position, state }) {
      const text = JSON.stringify(state);
      if (Buffer.byteLength(text) > MAX_SNAPSHOT_BYTES) return;
      const replace = new PutItemCommand({
        TableName: table,
        Item: {
          ...keyOf(stream, foldVersion),
          commitNo: { N: String(position.commitNo) },
          position: { S: JSON.stringify(position) },
          state: { S: text },
        },
        // A slow writer does not set it back.
        ConditionExpression: 'attribute_not_exists(commitNo) or commitNo < :commitNo',
        ExpressionAttributeValues: { ':commitNo': { N: String(position.commitNo) } },
      });
      try {
        await withinBudget(BUDGET, () => client.send(replace));
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    },
  };
}

function keyOf(stream: string, foldVersion: number) {
  return { stream: { S: stream }, fold: { N: String(foldVersion) } };
}
