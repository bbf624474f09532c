// Snapshots in DynamoDB, in a table apart from the log: one item per stream and fold version, replaced by later ones. A large
// snapshot is split into parts. Parts are separate items that never change and expire by themselves. The snapshot's item is
// written last and names its parts.
import { createHash } from 'node:crypto';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../domain/kernel/clock.js';
import { isTransient, type TableDefinition } from '../../aws.js';
import { TTL_ATTRIBUTE } from '../../expiring-table.js';
import { withinBudget } from '../../retry.js';
import type { SnapshotTexts } from '../authentic-snapshots.js';

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

/** All actions that IAM must allow on the table. @public */
export const SNAPSHOTS_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'] as const;

/** Size of an item or a part. DynamoDB accepts 400 KB. */
const MAX_PART_BYTES = 390 * 1024;

/** A larger state is not kept. Its stream is read instead. */
const MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024;

/** Lifetime of the parts of a snapshot. A stream without a new snapshot in this time is read from the log. */
const PARTS_TTL_S = 7 * 24 * 3600;

const BUDGET = { engine: 'DynamoDB', budgetMs: 5_000, isRetryable: isTransient };

export interface DynamoSnapshotsDeps {
  client: DynamoDBClient;
  table: string;
  clock: Clock;
}

type Item = Record<string, AttributeValue>;

export function createDynamoSnapshotTexts({ client, table, clock }: DynamoSnapshotsDeps): SnapshotTexts {
  async function get(key: Item): Promise<Item | undefined> {
    // An older snapshot is good enough, and this read costs half as much as a consistent one.
    const read = new GetItemCommand({ TableName: table, Key: key });
    return (await withinBudget(BUDGET, () => client.send(read))).Item;
  }

  /** Undefined if a part is missing. */
  async function bytesOf({ text, parts, count }: Item): Promise<Uint8Array | undefined> {
    if (!parts?.S) return text?.B ?? new Uint8Array();
    const some = await Promise.all(keysOfParts(parts.S, Number(count?.N)).map(get));
    const bytes = some.flatMap((part) => part?.text?.B ?? []);
    return bytes.length === some.length ? Buffer.concat(bytes) : undefined;
  }

  /** The name contains the hash of the content, so that parts of two snapshots are never mixed. */
  async function saveParts(stream: string, bytes: Buffer): Promise<Item> {
    const name = `${stream}/${createHash('sha256').update(bytes).digest('base64url')}`;
    const keys = keysOfParts(name, Math.ceil(bytes.length / MAX_PART_BYTES));
    const ttl = { N: String(Math.ceil(clock() / 1000) + PARTS_TTL_S) };
    const puts = keys.map((key, n) => {
      const text = { B: bytes.subarray(n * MAX_PART_BYTES, (n + 1) * MAX_PART_BYTES) };
      return new PutItemCommand({ TableName: table, Item: { ...key, text, [TTL_ATTRIBUTE]: ttl } });
    });
    await Promise.all(puts.map((put) => withinBudget(BUDGET, () => client.send(put))));
    return { parts: { S: name }, count: { N: String(keys.length) } };
  }

  return {
    async load(stream, foldVersion) {
      const item = await get(keyOf(stream, foldVersion));
      const bytes = item && (await bytesOf(item));
      return bytes && { commitNo: Number(item.commitNo?.N), text: Buffer.from(bytes).toString() };
    },

    async save(stream, foldVersion, { commitNo, text }) {
      const bytes = Buffer.from(text);
      if (bytes.length > MAX_SNAPSHOT_BYTES) return;
      const content: Item = bytes.length > MAX_PART_BYTES ? await saveParts(stream, bytes) : { text: { B: bytes } };
      const replace = new PutItemCommand({
        TableName: table,
        Item: { ...keyOf(stream, foldVersion), commitNo: { N: String(commitNo) }, ...content },
        // A slow writer does not replace a newer snapshot.
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

function keyOf(stream: string, foldVersion: number): Item {
  return { stream: { S: stream }, fold: { N: String(foldVersion) } };
}

/** An implausible number of parts gives no keys, so that the hash check rejects the snapshot. */
function keysOfParts(name: string, count: number): Item[] {
  const isPossible = Number.isInteger(count) && count > 0 && count * MAX_PART_BYTES < 2 * MAX_SNAPSHOT_BYTES;
  return Array.from({ length: isPossible ? count : 0 }, (_, n) => keyOf(name, n));
}
