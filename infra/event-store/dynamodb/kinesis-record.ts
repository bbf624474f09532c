// A change record of the events table as DynamoDB's Kinesis destination writes it: JSON around the item in DynamoDB's notation.
import { z } from 'zod';
import type { Commit, StoredCommit } from '../../../domain/kernel/commit.js';
import type { TamperAlarm } from '../../../domain/kernel/feed.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import type { CommitCodec } from '../codec.js';
import { fromItem, type Item, keyOf } from './dynamodb-item.js';

export type ChangeRecord =
  | { kind: 'commit'; commit: StoredCommit }
  /** No legitimate operation modifies or removes a commit; the table has no expiry (TTL). */
  | { kind: 'tampering'; stream: StreamId; commitNo: number; what: 'modified' | 'removed' }
  /** A change of another table in the same stream. */
  | { kind: 'foreign' };

const item = z.custom<Item>((value) => typeof value === 'object' && value !== null);

/**
 * The part of AWS's documented format that is needed here. `ApproximateCreationDateTime` is not used: order comes from positions.
 * The local engine has no `tableName`; it gives the ARN of the table's stream instead, as DynamoDB Streams do.
 */
const changeRecord = z.object({
  eventName: z.enum(['INSERT', 'MODIFY', 'REMOVE']),
  tableName: z.string().optional(),
  eventSourceARN: z.string().optional(),
  dynamodb: z.object({ Keys: item, NewImage: item.optional() }),
});

/** Throws the errors of `JSON.parse`, zod or `fromItem` if the bytes are not a change record or its item is not a commit. */
export function readChangeRecord(bytes: Uint8Array, table: string): ChangeRecord {
  const { eventName, tableName, eventSourceARN, dynamodb } = changeRecord.parse(JSON.parse(utf8.decode(bytes)));
  if ((tableName ?? tableOf(eventSourceARN)) !== table) return { kind: 'foreign' };
  if (eventName === 'INSERT') return { kind: 'commit', commit: fromItem(dynamodb.NewImage ?? {}) };
  const { pk, sk } = keyOf(dynamodb.Keys);
  return { kind: 'tampering', stream: pk, commitNo: sk, what: eventName === 'MODIFY' ? 'modified' : 'removed' };
}

export interface RecordReaderDeps {
  /** The events table. Changes of other tables in the same stream are skipped. */
  table: string;
  codec: Pick<CommitCodec, 'decode'>;
  alarm: TamperAlarm;
  log: { error(fields: object, message: string): void };
}

/** Reads the commit of a record, if it has one. A record that cannot be read is reported and skipped; a sweep finds its commit. */
export function createRecordReader({ table, codec, alarm, log }: RecordReaderDeps) {
  return {
    read(bytes: Uint8Array, place: { shard?: string | undefined; sequenceNumber: string | undefined }): Commit[] {
      try {
        const change = readChangeRecord(bytes, table);
        if (change.kind === 'commit') return [codec.decode(change.commit)];
        if (change.kind === 'tampering') alarm(change.stream, change.commitNo, change.what);
      } catch (error) {
        log.error({ err: error, ...place }, 'Kinesis: a record cannot be read; it is skipped');
      }
      return [];
    },
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `arn:aws:dynamodb:us-east-1:000000000000:table/events/stream/2026-01-01T00:00:00.000` */
function tableOf(arn = ''): string | undefined {
  return arn.match(/:table\/([^/]+)/)?.[1];
}
