// Leases in DynamoDB, beside the log: one item for each, changed by conditional requests only.
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../domain/kernel/clock.js';
import type { Fence } from '../../domain/kernel/event-store.js';
import { defined } from '../../domain/kernel/json.js';
import type { TableDefinition } from '../aws.js';
import type { Leases } from './port.js';

export const LEASES_TABLE = {
  AttributeDefinitions: [{ AttributeName: 'name', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'name', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

/** All actions that IAM must allow on the table. ConditionCheckItem is part of an append that carries a fence. @public */
export const LEASES_ACTIONS = [
  'dynamodb:GetItem',
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
  'dynamodb:ConditionCheckItem',
] as const;

/** The condition that a transaction checks for an append with a fence: the lease is still in this term. */
export function fenceCheck(table: string, { lease, token }: Fence) {
  return { TableName: table, Key: { name: { S: lease } }, ...inTerm(token) };
}

function inTerm(token: Fence['token']) {
  return {
    ConditionExpression: '#token = :token',
    ExpressionAttributeNames: { '#token': 'token' },
    ExpressionAttributeValues: { ':token': { N: String(token) } },
  };
}

export interface DynamoLeasesOptions {
  /** A client that makes one attempt per call, with a time limit: see `createDynamoClient`. */
  client: DynamoDBClient;
  table: string;
  clock?: Clock;
}

export function createDynamoLeases({ client, table, clock = Date.now }: DynamoLeasesOptions): Leases {
  const keyOf = (name: string) => ({ TableName: table, Key: { name: { S: name } } });
  const now = () => ({ N: String(clock()) });

  /** Changes the item if it is still in this term and meets the further condition. */
  async function update(
    { lease, token }: Fence,
    change: Required<Pick<UpdateItemCommandInput, 'UpdateExpression' | 'ExpressionAttributeNames'>> &
      Pick<UpdateItemCommandInput, 'ExpressionAttributeValues'>,
    further?: string,
  ): Promise<boolean> {
    const term = inTerm(token);
    const input = {
      ...keyOf(lease),
      UpdateExpression: change.UpdateExpression,
      ConditionExpression: [term.ConditionExpression, further].filter(Boolean).join(' and '),
      ExpressionAttributeNames: { ...term.ExpressionAttributeNames, ...change.ExpressionAttributeNames },
      ExpressionAttributeValues: { ...term.ExpressionAttributeValues, ...change.ExpressionAttributeValues },
    };
    return unlessRefused(() => client.send(new UpdateItemCommand(input)));
  }

  return {
    async look(name) {
      const { Item } = await client.send(new GetItemCommand({ ...keyOf(name), ConsistentRead: true }));
      if (!Item) return undefined;
      const { token, beat, beatAt, holder } = Item;
      return {
        token: Number(token!.N),
        beat: Number(beat!.N),
        beatAt: Number(beatAt!.N),
        ...defined({ holder: holder?.S }),
      };
    },

    async take(name, holder, seen) {
      if (!seen) {
        const Item = { name: { S: name }, token: { N: '1' }, beat: { N: '0' }, beatAt: now(), holder: { S: holder } };
        const names = { ExpressionAttributeNames: { '#name': 'name' } };
        const put = { TableName: table, Item, ConditionExpression: 'attribute_not_exists(#name)', ...names };
        return (await unlessRefused(() => client.send(new PutItemCommand(put)))) ? 1 : undefined;
      }
      const next = seen.token + 1;
      const change = {
        UpdateExpression: 'SET #token = :next, #beat = :zero, beatAt = :now, holder = :holder',
        ExpressionAttributeNames: { '#beat': 'beat' },
        ExpressionAttributeValues: {
          ':next': { N: String(next) },
          ':zero': { N: '0' },
          ':now': now(),
          ':holder': { S: holder },
          ':seenBeat': { N: String(seen.beat) },
          ...(seen.holder !== undefined && { ':seenHolder': { S: seen.holder } }),
        },
      };
      const sameHolder = seen.holder === undefined ? 'attribute_not_exists(holder)' : 'holder = :seenHolder';
      const taken = await update({ lease: name, token: seen.token }, change, `#beat = :seenBeat and ${sameHolder}`);
      return taken ? next : undefined;
    },

    beat: (fence) =>
      update(
        fence,
        {
          UpdateExpression: 'SET #beat = #beat + :one, beatAt = :now',
          ExpressionAttributeNames: { '#beat': 'beat' },
          ExpressionAttributeValues: { ':one': { N: '1' }, ':now': now() },
        },
        'attribute_exists(holder)',
      ),

    async release(fence) {
      await update(fence, { UpdateExpression: 'REMOVE holder', ExpressionAttributeNames: {} });
    },
  };
}

async function unlessRefused(request: () => Promise<unknown>): Promise<boolean> {
  try {
    await request();
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
