// Data keys in DynamoDB. Point-in-time recovery keeps a deleted key for its window, at most 35 days.
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { ensureRecoverableTable, isTransient, PROTECTED, type TableDefinition } from '../aws.js';
import { withinBudget } from '../retry.js';
import { KEY_STORE_BUDGET_MS, type SubjectKey, type SubjectKeys } from './subject-keys.js';

export const SUBJECT_KEYS_TABLE = {
  AttributeDefinitions: [{ AttributeName: 'subject', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'subject', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
  ...PROTECTED,
} satisfies TableDefinition;

/**
 * Creates the table with point-in-time recovery: without its keys all personal data is lost. Only for engines on this machine. In
 * AWS the deployment stack creates the table from the same constants.
 */
export function createSubjectKeysTable({ client, table }: { client: DynamoDBClient; table: string }): Promise<void> {
  return ensureRecoverableTable(client, table, SUBJECT_KEYS_TABLE);
}

/** All actions that IAM must allow on the table. @public */
export const SUBJECT_KEYS_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem'] as const;

const BUDGET = { engine: 'DynamoDB', budgetMs: KEY_STORE_BUDGET_MS, isRetryable: isTransient };

export function createDynamoSubjectKeys({ client, table }: { client: DynamoDBClient; table: string }): SubjectKeys {
  return {
    async get(subject) {
      const read = new GetItemCommand({ TableName: table, Key: { subject: { S: subject } }, ConsistentRead: true });
      const { Item } = await withinBudget(BUDGET, () => client.send(read));
      return Item && keyOf(Item);
    },
    async createIfAbsent(subject, wrapped) {
      const create = new PutItemCommand({
        TableName: table,
        Item: { subject: { S: subject }, wrapped: { B: wrapped } },
        ConditionExpression: 'attribute_not_exists(subject)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      });
      try {
        await withinBudget(BUDGET, () => client.send(create));
        return { wrapped };
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException && error.Item) return keyOf(error.Item);
        throw error;
      }
    },
    async forget(subject) {
      const tombstone = new PutItemCommand({ TableName: table, Item: { subject: { S: subject } } });
      await withinBudget(BUDGET, () => client.send(tombstone));
    },
  };
}

/** An item without a key is a tombstone. */
function keyOf({ wrapped }: Record<string, AttributeValue>): SubjectKey {
  return wrapped?.B ? { wrapped: wrapped.B } : { forgotten: true };
}
