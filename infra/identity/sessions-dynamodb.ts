// Sessions in DynamoDB. The sessions of one customer share a partition, so that a consistent read finds all of them.
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Session, SessionKey, Sessions } from '../../commands/identity/ports.js';
import { defined } from '../../domain/kernel/json.js';
import { isTransient, type TableDefinition } from '../aws.js';
import { TTL_ATTRIBUTE } from '../expiring-table.js';
import { withinBudget } from '../retry.js';
import { SESSION_BUDGET_MS } from './session-budget.js';

export const SESSIONS_TABLE = {
  AttributeDefinitions: [
    { AttributeName: 'customerId', AttributeType: 'S' },
    { AttributeName: 'id', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'customerId', KeyType: 'HASH' },
    { AttributeName: 'id', KeyType: 'RANGE' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

/** All actions that IAM must allow on the table. @public */
export const SESSIONS_ACTIONS = [
  'dynamodb:PutItem',
  'dynamodb:GetItem',
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
  'dynamodb:Query',
] as const;

export function createDynamoSessions({ client, table }: { client: DynamoDBClient; table: string }): Sessions {
  function retried<T>(send: () => Promise<T>): Promise<T> {
    return withinBudget({ engine: 'DynamoDB', budgetMs: SESSION_BUDGET_MS, isRetryable: isTransient }, send);
  }

  async function end(key: SessionKey): Promise<void> {
    await retried(() => client.send(new DeleteItemCommand({ TableName: table, Key: keyOf(key) })));
  }

  async function idsOf(customerId: string): Promise<string[]> {
    const ids: string[] = [];
    let last: Record<string, AttributeValue> | undefined;
    do {
      const query = new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'customerId = :customer',
        ExpressionAttributeValues: { ':customer': { S: customerId } },
        ProjectionExpression: 'id',
        ConsistentRead: true,
        ...defined({ ExclusiveStartKey: last }),
      });
      const page = await retried(() => client.send(query));
      ids.push(...(page.Items ?? []).flatMap(({ id }) => id?.S ?? []));
      last = page.LastEvaluatedKey;
    } while (last);
    return ids;
  }

  return {
    async open({ guest, generation, expiresAt, ...key }) {
      const Item = {
        ...keyOf(key),
        guest: { BOOL: guest },
        generation: { N: String(generation) },
        expiresAt: { N: String(expiresAt) },
        [TTL_ATTRIBUTE]: seconds(expiresAt),
      };
      await retried(() => client.send(new PutItemCommand({ TableName: table, Item })));
    },
    async find(key, now) {
      const read = new GetItemCommand({ TableName: table, Key: keyOf(key), ConsistentRead: true });
      const { Item } = await retried(() => client.send(read));
      const session = Item && sessionOf(key, Item);
      return session && session.expiresAt > now ? session : undefined;
    },
    async refresh({ generation, expiresAt, refreshed, ...key }) {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: keyOf(key),
        UpdateExpression:
          'set generation = :to, expiresAt = :expiresAt, #ttl = :ttl, refreshedAt = :at, accessToken = :token',
        ConditionExpression: 'generation = :from',
        ExpressionAttributeNames: { '#ttl': TTL_ATTRIBUTE },
        ExpressionAttributeValues: {
          ':from': { N: String(generation - 1) },
          ':to': { N: String(generation) },
          ':expiresAt': { N: String(expiresAt) },
          ':ttl': seconds(expiresAt),
          ':at': { N: String(refreshed.at) },
          ':token': { S: refreshed.accessToken },
        },
      });
      try {
        await retried(() => client.send(update));
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
    end,
    async endAll(customerId) {
      for (const id of await idsOf(customerId)) await end({ customerId, id });
    },
  };
}

function keyOf({ customerId, id }: SessionKey) {
  return { customerId: { S: customerId }, id: { S: id } };
}

function sessionOf(
  { customerId, id }: SessionKey,
  { guest, generation, expiresAt, refreshedAt, accessToken }: Record<string, AttributeValue>,
): Session {
  const refreshed =
    refreshedAt?.N && accessToken?.S ? { at: Number(refreshedAt.N), accessToken: accessToken.S } : undefined;
  return {
    customerId,
    id,
    guest: guest?.BOOL === true,
    generation: Number(generation?.N),
    expiresAt: Number(expiresAt?.N),
    ...defined({ refreshed }),
  };
}

function seconds(ms: number): AttributeValue {
  return { N: String(Math.floor(ms / 1000)) };
}
