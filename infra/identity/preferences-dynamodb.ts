// Preferences in DynamoDB, as plain documents: one per customer or guest.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Preferences } from '../../commands/identity/ports.js';
import { isTransient, type TableDefinition } from '../aws.js';
import { withinBudget } from '../retry.js';
import { SESSION_BUDGET_MS } from './session-budget.js';

export const PREFERENCES_TABLE = {
  AttributeDefinitions: [{ AttributeName: 'customerId', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'customerId', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

/** All actions that IAM must allow on the table. @public */
export const PREFERENCES_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'] as const;

const BUDGET = { engine: 'DynamoDB', budgetMs: SESSION_BUDGET_MS, isRetryable: isTransient };

export function createDynamoPreferences<P extends object>({
  client,
  table,
}: {
  client: DynamoDBClient;
  table: string;
}): Preferences<P> {
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const retried = <T>(send: () => Promise<T>): Promise<T> => withinBudget(BUDGET, send);

  return {
    async of(customerId) {
      const read = new GetCommand({ TableName: table, Key: { customerId }, ConsistentRead: true });
      const { Item } = await retried(() => documents.send(read));
      return Item?.preferences as P | undefined;
    },
    async put(customerId, preferences) {
      const Item = { customerId, preferences };
      await retried(() => documents.send(new PutCommand({ TableName: table, Item })));
    },
    async forget(customerId) {
      await retried(() => documents.send(new DeleteCommand({ TableName: table, Key: { customerId } })));
    },
  };
}
