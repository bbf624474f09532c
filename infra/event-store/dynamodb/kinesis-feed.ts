// The change feed on AWS. It reads all shards of the Kinesis stream that receives DynamoDB's changes, for each consumer
// separately.
//
// The feed is only a hint: records may come twice, out of order, or be lost after the retention time. A record that cannot be
// read is reported and skipped; the sweeper finds its commit.

import type { KinesisClient, _Record as KinesisRecord } from '@aws-sdk/client-kinesis';
import type { Commit } from '../../../domain/kernel/commit.js';
import type { ChangeFeed, TamperAlarm } from '../../../domain/kernel/feed.js';
import type { Logger } from '../../../projections/runtime/projector.js';
import { createTurns } from '../../turns.js';
import type { CommitCodec } from '../codec.js';
import type { FeedCheckpoints } from './kinesis-checkpoints.js';
import { createRecordReader } from './kinesis-record.js';
import { POLL_MS, readStream } from './kinesis-stream.js';

export interface KinesisFeed extends ChangeFeed {
  /**
   * Lag of the consumer's slowest shard behind the stream's end at its last page, in ms. Undefined while the consumer does not
   * run.
   */
  lagMs(consumer: string): number | undefined;
}

/** All actions that IAM must allow on the stream. @public */
export const KINESIS_FEED_ACTIONS = ['kinesis:ListShards', 'kinesis:GetShardIterator', 'kinesis:GetRecords'] as const;

export interface KinesisFeedOptions {
  client: KinesisClient;
  streamName: string;
  /** The events table. Changes of other tables in the same stream are skipped. */
  table: string;
  checkpoints: FeedCheckpoints;
  codec: Pick<CommitCodec, 'decode'>;
  alarm: TamperAlarm;
  log: Logger;
  pollMs?: number;
}

export function createKinesisFeed({
  client,
  streamName,
  table,
  checkpoints,
  codec,
  alarm,
  log,
  pollMs = POLL_MS,
}: KinesisFeedOptions): KinesisFeed {
  const lags = new Map<string, Map<string, number>>();
  const reader = createRecordReader({ table, codec, alarm, log });

  async function run(
    consumer: string,
    handle: (commits: readonly Commit[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const inTurn = createTurns(1);
    const lag = new Map<string, number>();
    lags.set(consumer, lag);

    async function deliver(records: KinesisRecord[], shard: string): Promise<void> {
      const commits = records.flatMap(({ Data = new Uint8Array(), SequenceNumber }) =>
        reader.read(Data, { shard, sequenceNumber: SequenceNumber }),
      );
      await inTurn(async () => {
        signal.throwIfAborted();
        if (commits.length > 0) await handle(commits);
      });
    }

    await readStream({
      client,
      streamName,
      consumer,
      checkpoints,
      deliver,
      onLag(shard, behindMs) {
        if (behindMs === undefined) lag.delete(shard);
        else lag.set(shard, behindMs);
      },
      log,
      pollMs,
      signal,
    });
  }

  return {
    run,
    lagMs(consumer) {
      const behind = [...(lags.get(consumer)?.values() ?? [])];
      return behind.length > 0 ? Math.max(...behind) : undefined;
    },
  };
}
