// A change record of the events table, as DynamoDB's Kinesis destination writes it: JSON, around the item in DynamoDB's own notation.
import { z } from 'zod';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { fromItem, type Item, keyOf } from '../event-store/dynamodb-item.js';

export type ChangeRecord =
  | { kind: 'commit'; commit: StoredCommit }
  /** Nothing legitimate modifies or removes a commit, expiry (TTL) on that table included. */
  | { kind: 'tampering'; stream: StreamId; commitNo: number; what: 'modified' | 'removed' }
  /** A change of another table in the same stream. */
  | { kind: 'foreign' };

const item = z.custom<Item>((value) => typeof value === 'object' && value !== null);

/**
 * What AWS documents, as far as it matters here. Its `ApproximateCreationDateTime` does not: order comes from positions.
 * The local engine leaves `tableName` out and gives the table's stream instead, as DynamoDB Streams do.
 */
const changeRecord = z.object({
  eventName: z.enum(['INSERT', 'MODIFY', 'REMOVE']),
  tableName: z.string().optional(),
  eventSourceARN: z.string().optional(),
  dynamodb: z.object({ Keys: item, NewImage: item.optional() }),
});

/** Throws what `JSON.parse`, zod or `fromItem` throw if the bytes are no change record, or its item no commit. */
export function readChangeRecord(bytes: Uint8Array, table: string): ChangeRecord {
  const { eventName, tableName, eventSourceARN, dynamodb } = changeRecord.parse(JSON.parse(utf8.decode(bytes)));
  if ((tableName ?? tableOf(eventSourceARN)) !== table) return { kind: 'foreign' };
  if (eventName === 'INSERT') return { kind: 'commit', commit: fromItem(dynamodb.NewImage ?? {}) };
  const { pk, sk } = keyOf(dynamodb.Keys);
  return { kind: 'tampering', stream: pk, commitNo: sk, what: eventName === 'MODIFY' ? 'modified' : 'removed' };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `arn:aws:dynamodb:us-east-1:000000000000:table/events/stream/2026-01-01T00:00:00.000` */
function tableOf(arn = ''): string | undefined {
  return arn.match(/:table\/([^/]+)/)?.[1];
}
