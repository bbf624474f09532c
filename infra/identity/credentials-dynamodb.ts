// Credentials in DynamoDB, as plain documents: one per customer, with an attribute for the token of each kind of mail.
import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { Credentials, MailPurpose, SentToken } from '../../commands/identity/ports.js';
import { isTransient, type TableDefinition } from '../aws.js';
import { withinBudget } from '../retry.js';
import { SESSION_BUDGET_MS } from './session-budget.js';

export const CREDENTIALS_TABLE = {
  AttributeDefinitions: [{ AttributeName: 'customerId', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'customerId', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

/** All actions that IAM must allow on the table. @public */
export const CREDENTIALS_ACTIONS = ['dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'] as const;

const BUDGET = { engine: 'DynamoDB', budgetMs: SESSION_BUDGET_MS, isRetryable: isTransient };

export function createDynamoCredentials({ client, table }: { client: DynamoDBClient; table: string }): Credentials {
  const documents = DynamoDBDocumentClient.from(client);
  const retried = <T>(send: () => Promise<T>): Promise<T> => withinBudget(BUDGET, send);
  const itemOf = (customerId: string) => ({ TableName: table, Key: { customerId } });

  /** False if the condition does not hold. */
  async function updated(update: UpdateCommand): Promise<boolean> {
    try {
      await retried(() => documents.send(update));
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  async function read(customerId: string): Promise<Record<string, unknown>> {
    const get = new GetCommand({ ...itemOf(customerId), ConsistentRead: true });
    return (await retried(() => documents.send(get))).Item ?? {};
  }

  return {
    async passwordOf(customerId) {
      const { password } = await read(customerId);
      return typeof password === 'string' ? password : undefined;
    },
    async hasToken(customerId, purpose, hash, now) {
      const token = (await read(customerId))[attributeOf(purpose)] as SentToken | undefined;
      return token?.hash === hash && token.expiresAt > now;
    },
    async setPassword(customerId, hash) {
      const set = new UpdateCommand({
        ...itemOf(customerId),
        UpdateExpression: 'set password = :hash',
        ExpressionAttributeValues: { ':hash': hash },
      });
      await retried(() => documents.send(set));
    },
    resetPassword: (customerId, hash, tokenHash, now) =>
      updated(
        new UpdateCommand({
          ...itemOf(customerId),
          UpdateExpression: 'set password = :password',
          ConditionExpression: '#token.#hash = :hash and #token.expiresAt > :now',
          ExpressionAttributeNames: { '#token': attributeOf('reset'), '#hash': 'hash' },
          ExpressionAttributeValues: { ':password': hash, ':hash': tokenHash, ':now': now },
        }),
      ),
    keepToken: (customerId, purpose, token, notSince) =>
      updated(
        new UpdateCommand({
          ...itemOf(customerId),
          UpdateExpression: 'set #token = :token',
          ConditionExpression: 'attribute_not_exists(#token) or #token.sentAt <= :since',
          ExpressionAttributeNames: { '#token': attributeOf(purpose) },
          ExpressionAttributeValues: { ':token': token, ':since': notSince },
        }),
      ),
    takeToken: (customerId, purpose, hash, now) =>
      updated(
        new UpdateCommand({
          ...itemOf(customerId),
          UpdateExpression: 'remove #token',
          ConditionExpression: '#token.#hash = :hash and #token.expiresAt > :now',
          ExpressionAttributeNames: { '#token': attributeOf(purpose), '#hash': 'hash' },
          ExpressionAttributeValues: { ':hash': hash, ':now': now },
        }),
      ),
    async forget(customerId) {
      await retried(() => documents.send(new DeleteCommand(itemOf(customerId))));
    },
  };
}

function attributeOf(purpose: MailPurpose): string {
  return `${purpose}Token`;
}
