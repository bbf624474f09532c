// Idempotency records in DynamoDB: a claim is one conditional PutItem. TTL deletes expired records.
import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { defined } from '../../domain/kernel/json.js';
import { isTransient, type TableDefinition } from '../aws.js';
import { TTL_ATTRIBUTE } from '../expiring-table.js';
import { withinBudget } from '../retry.js';
import {
  type Begun,
  type IdempotencyStore,
  RECORD_BUDGET_MS,
  RECORD_TTL_MS,
  type RequestRun,
  RUN_LEASE_MS,
  recordsOf,
} from './port.js';

export const IDEMPOTENCY_TABLE = {
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

/** All actions that IAM must allow on the table. @public */
export const IDEMPOTENCY_ACTIONS = [
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
  'dynamodb:Scan',
] as const;

type Item = Record<string, AttributeValue>;

export function createDynamoIdempotency({
  client,
  table,
}: {
  client: DynamoDBClient;
  table: string;
}): IdempotencyStore {
  /** Undefined if the write took effect; otherwise the item that prevented it. */
  async function attempt(command: PutItemCommand | UpdateItemCommand): Promise<Item | undefined> {
    try {
      await sent(() => client.send(command as PutItemCommand));
      return undefined;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return error.Item ?? {};
      throw error;
    }
  }

  function claim(id: string, request: string, owner: string, now: number): PutItemCommand {
    return new PutItemCommand({
      TableName: table,
      Item: {
        id: { S: id },
        request: { S: request },
        owner: { S: owner },
        leasedUntil: number(now + RUN_LEASE_MS),
        issuedAt: number(now),
        [TTL_ATTRIBUTE]: number(expiry(now)),
      },
      // The last alternative recognises our own claim if its reply was lost.
      ConditionExpression: 'attribute_not_exists(id) or #ttl <= :now or #owner = :owner',
      ExpressionAttributeNames: { '#ttl': TTL_ATTRIBUTE, '#owner': 'owner' },
      ExpressionAttributeValues: { ':now': number(seconds(now)), ':owner': { S: owner } },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
  }

  function takeOver(id: string, former: string, owner: string, now: number): UpdateItemCommand {
    return new UpdateItemCommand({
      TableName: table,
      Key: { id: { S: id } },
      UpdateExpression: 'set #owner = :owner, leasedUntil = :lease, #ttl = :ttl',
      ConditionExpression: '(#owner = :former and attribute_not_exists(answer)) or #owner = :owner',
      ExpressionAttributeNames: { '#ttl': TTL_ATTRIBUTE, '#owner': 'owner' },
      ExpressionAttributeValues: {
        ':owner': { S: owner },
        ':former': { S: former },
        ':lease': number(now + RUN_LEASE_MS),
        ':ttl': number(expiry(now)),
      },
    });
  }

  /** Changes the record only if this run still holds it. */
  async function change({ id, owner }: RequestRun, expression: string, value: AttributeValue): Promise<void> {
    await attempt(
      new UpdateItemCommand({
        TableName: table,
        Key: { id: { S: id } },
        UpdateExpression: expression,
        ConditionExpression: '#owner = :owner',
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: { ':owner': { S: owner }, ':value': value },
      }),
    );
  }

  function sent<T>(send: () => Promise<T>): Promise<T> {
    return withinBudget({ engine: 'DynamoDB', budgetMs: RECORD_BUDGET_MS, isRetryable: isTransient }, send);
  }

  /** Reads the whole table, which has the records of a day. People are forgotten rarely, so this costs less than an index. */
  async function* idsOf(prefix: string): AsyncIterable<string> {
    let ExclusiveStartKey: Item | undefined;
    do {
      const scan = new ScanCommand({
        TableName: table,
        FilterExpression: 'begins_with(id, :prefix)',
        ExpressionAttributeValues: { ':prefix': { S: prefix } },
        ProjectionExpression: 'id',
        ConsistentRead: true,
        ...defined({ ExclusiveStartKey }),
      });
      const page = await sent(() => client.send(scan));
      for (const { id } of page.Items ?? []) if (id?.S !== undefined) yield id.S;
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
  }

  async function remove(id: string): Promise<void> {
    await sent(() => client.send(new DeleteItemCommand({ TableName: table, Key: { id: { S: id } } })));
  }

  return {
    async begin(id, request, now): Promise<Begun> {
      const owner = randomUUID();
      const kept = await attempt(claim(id, request, owner, now));
      if (!kept) return { state: 'run', run: { id, request, owner, issuedAt: now } };
      if (kept.request?.S !== request) return { state: 'mismatch' };
      if (kept.answer?.B !== undefined) return { state: 'answered', answer: kept.answer.B };
      if (Number(kept.leasedUntil?.N) > now) return { state: 'running' };
      const lost = await attempt(takeOver(id, kept.owner?.S ?? '', owner, now));
      const issuedAt = Number(kept.issuedAt?.N);
      return lost ? { state: 'running' } : { state: 'run', run: { id, request, owner, issuedAt } };
    },
    finish: (run, answer) => change(run, 'set answer = :value', { B: answer }),
    release: (run) => change(run, 'set leasedUntil = :value', number(0)),
    async forget(caller) {
      for await (const id of idsOf(recordsOf(caller))) await remove(id);
    },
  };
}

function number(value: number): AttributeValue {
  return { N: String(value) };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function expiry(now: number): number {
  return seconds(now + RECORD_TTL_MS);
}
