// Reads one shard of a Kinesis stream page by page from a position to its end. It survives lost iterators and engine failures.

import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorInput,
  type KinesisClient,
  type _Record as KinesisRecord,
} from '@aws-sdk/client-kinesis';
import type { Logger } from '../../../projections/runtime/projector.js';
import { pauseUnlessAborted } from '../../retry.js';

/** Most records that one GetRecords may return. */
const PAGE_RECORDS = 1_000;

/** A shard allows five GetRecords a second for all consumers together. */
const SHORTEST_INTERVAL_MS = 200;

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

export interface ShardReading {
  client: KinesisClient;
  streamName: string;
  shard: string;
  /** Sequence number of the last delivered record. Without it, reading starts with the shard's oldest record. */
  position: string | undefined;
  /** Poll interval of a shard without new records. */
  pollMs: number;
  /** If it rejects, the same records are delivered again. */
  deliver: (records: KinesisRecord[]) => Promise<void>;
  /** Called after each page with its lag behind the end of the stream, in ms. */
  onPage: (behindMs: number) => void;
  log: Logger;
  signal: AbortSignal;
}

/** True if a closed shard was read to its end; false if it no longer exists, or on abort. */
export async function readShard(reading: ShardReading): Promise<boolean> {
  const { client, streamName, shard, pollMs, deliver, onPage, log, signal } = reading;
  let { position } = reading;
  let iterator: string | undefined;

  for (let failures = 0; !signal.aborted; ) {
    const began = performance.now();
    try {
      iterator ??= await iteratorBehindPosition();
      const request = new GetRecordsCommand({ ShardIterator: iterator, Limit: PAGE_RECORDS });
      const page = await client.send(request, { abortSignal: signal });
      const { Records: records = [], MillisBehindLatest: behind = 0, NextShardIterator: next } = page;
      if (records.length > 0) await deliver(records);
      position = records.at(-1)?.SequenceNumber ?? position;
      onPage(behind);
      if (!next) return true;
      iterator = next;
      failures = 0;
      const hasMore = behind > 0 || records.length === PAGE_RECORDS;
      await pauseUnlessAborted((hasMore ? SHORTEST_INTERVAL_MS : pollMs) - (performance.now() - began), signal);
    } catch (error) {
      if (signal.aborted) break;
      const pause = pauseAfter(failures++);
      log.warn({ err: error, streamName, shard, position }, `Kinesis: reading is held up; again in ${pause} ms`);
      await pauseUnlessAborted(pause, signal);
      const { name } = error as Error;
      if (name === 'ResourceNotFoundException') break;
      if (ITERATOR_LOST.has(name)) iterator = undefined;
    }
  }
  return false;

  async function iteratorBehindPosition(): Promise<string> {
    if (position === undefined) return getIterator({ ShardIteratorType: 'TRIM_HORIZON' });
    try {
      return await getIterator({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: position });
    } catch (error) {
      if ((error as Error).name !== 'InvalidArgumentException') throw error;
      const trimmed = 'Kinesis: the checkpoint is no longer in the stream; going on from its oldest record';
      log.warn({ streamName, shard, position }, trimmed);
      return getIterator({ ShardIteratorType: 'TRIM_HORIZON' });
    }
  }

  async function getIterator(
    start: Pick<GetShardIteratorInput, 'ShardIteratorType' | 'StartingSequenceNumber'>,
  ): Promise<string> {
    const request = new GetShardIteratorCommand({ StreamName: streamName, ShardId: shard, ...start });
    const { ShardIterator } = await client.send(request, { abortSignal: signal });
    return ShardIterator!;
  }
}

/** Errors after which only a new iterator helps. */
const ITERATOR_LOST = new Set(['ExpiredIteratorException', 'InvalidArgumentException']);

/** Pause with full jitter. */
export function pauseAfter(failures: number): number {
  return Math.round(Math.random() * Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS));
}
