// Sessions in DynamoDB; those of one customer share a partition, so that all of them are found by a consistent read.
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { SessionKey, Sessions } from '../../commands/identity/ports.js';
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

/** All that IAM must allow on the table. @public */
export const SESSIONS_ACTIONS = [
  'dynamodb:PutItem',
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
        ...(last && { ExclusiveStartKey: last }),
      });
      const page = await retried(() => client.send(query));
      for (const { id } of page.Items ?? []) ids.push(id!.S!);
      last = page.LastEvaluatedKey;
    } while (last);
    return ids;
  }

  return {
    async open({ guest, refreshHash, expiresAt, ...key }) {
      const Item = {
        ...keyOf(key),
        guest: { BOOL: guest },
        refreshHash: { S: refreshHash },
        [TTL_ATTRIBUTE]: seconds(expiresAt),
      };
      await retried(() => client.send(new PutItemCommand({ TableName: table, Item })));
    },
    async rotate(key, from, { refreshHash, expiresAt }, now) {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: keyOf(key),
        UpdateExpression: 'set refreshHash = :to, #ttl = :ttl',
        // `:to` as well as `:from`: a repeat after a lost reply finds its own exchange.
        ConditionExpression: 'refreshHash in (:from, :to) and #ttl > :now',
        ExpressionAttributeNames: { '#ttl': TTL_ATTRIBUTE },
        ExpressionAttributeValues: {
          ':from': { S: from },
          ':to': { S: refreshHash },
          ':ttl': seconds(expiresAt),
          ':now': seconds(now),
        },
        ReturnValues: 'ALL_NEW',
      });
      try {
        const { Attributes } = await retried(() => client.send(update));
        return { ...key, guest: Attributes?.guest?.BOOL === true, refreshHash, expiresAt };
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return undefined;
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

function seconds(ms: number): AttributeValue {
  return { N: String(Math.floor(ms / 1000)) };
}
