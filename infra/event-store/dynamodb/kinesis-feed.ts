// The change feed on AWS. It reads all shards of the Kinesis stream that receives DynamoDB's changes, for each consumer
// separately.
//
// The feed is only a hint: records may come twice, out of order, or be lost after the retention time. A record that cannot be
// read is reported and skipped; the sweeper finds its commit.

import { setMaxListeners } from 'node:events';
import {
  type KinesisClient,
  type _Record as KinesisRecord,
  ListShardsCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { lastOf } from '../../../domain/kernel/collections.js';
import type { Commit } from '../../../domain/kernel/commit.js';
import type { ChangeFeed, TamperAlarm } from '../../../domain/kernel/feed.js';
import type { Logger } from '../../../projections/runtime/projector.js';
import { pauseUnlessAborted } from '../../retry.js';
import { createTurns } from '../../turns.js';
import type { CommitCodec } from '../codec.js';
import { type FeedCheckpoints, SHARD_END } from './kinesis-checkpoints.js';
import { createRecordReader } from './kinesis-record.js';
import { pauseAfter, readShard } from './kinesis-shard.js';

/** Poll interval of a shard without new records. */
const POLL_MS = 250;

/** Interval between checks for shards that were split or merged. The end of a shard starts a check at once. */
const LIST_SHARDS_EVERY_MS = 30_000;

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
    if (signal.aborted) return;
    const group = `${streamName}/${consumer}`;
    const inTurn = createTurns(1);
    const lag = new Map<string, number>();
    lags.set(consumer, lag);
    const stopping = new AbortController();
    // All shards listen to this signal at once, which Node would report as a leak.
    setMaxListeners(0, stopping.signal);
    let awake = new AbortController();
    signal.addEventListener('abort', () => {
      stopping.abort();
      awake.abort();
    });

    const reading = new Map<string, Promise<void>>();
    for (let failures = 0; !signal.aborted; ) {
      let pause = LIST_SHARDS_EVERY_MS;
      awake = new AbortController();
      try {
        const [shards, positions] = await Promise.all([listShards(stopping.signal), checkpoints.load(group)]);
        for (const shard of readableShards(shards, positions)) {
          if (!reading.has(shard)) reading.set(shard, read(shard, positions.get(shard)));
        }
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        pause = pauseAfter(failures++);
        log.warn({ err: error, streamName, consumer }, `Kinesis: cannot list shards; again in ${pause} ms`);
      }
      await pauseUnlessAborted(pause, awake.signal);
    }
    await Promise.all(reading.values());

    async function read(shard: string, position: string | undefined): Promise<void> {
      try {
        const ended = await readShard({
          client,
          streamName,
          shard,
          position,
          pollMs,
          deliver: (records) => deliver(records, shard),
          onPage: (behindMs) => lag.set(shard, behindMs),
          log,
          signal: stopping.signal,
        });
        if (ended) await checkpoints.save(group, shard, SHARD_END);
      } catch (error) {
        log.warn(
          { err: error, streamName, shard, consumer },
          'Kinesis: the end of a shard could not be saved; retrying',
        );
      }
      reading.delete(shard);
      lag.delete(shard);
      awake.abort();
    }

    async function deliver(records: KinesisRecord[], shard: string): Promise<void> {
      const commits = records.flatMap(({ Data = new Uint8Array(), SequenceNumber }) =>
        reader.read(Data, { shard, sequenceNumber: SequenceNumber }),
      );
      await inTurn(async () => {
        signal.throwIfAborted();
        if (commits.length > 0) await handle(commits);
      });
      await checkpoints.save(group, shard, lastOf(records).SequenceNumber!);
    }
  }

  async function listShards(abortSignal: AbortSignal): Promise<Shard[]> {
    const shards: Shard[] = [];
    let NextToken: string | undefined;
    do {
      const page: ListShardsCommand = new ListShardsCommand(NextToken ? { NextToken } : { StreamName: streamName });
      const answer = await client.send(page, { abortSignal });
      shards.push(...(answer.Shards ?? []));
      NextToken = answer.NextToken;
    } while (NextToken);
    return shards;
  }

  return {
    run,
    lagMs(consumer) {
      const behind = [...(lags.get(consumer)?.values() ?? [])];
      return behind.length > 0 ? Math.max(...behind) : undefined;
    },
  };
}

/** A child shard is readable once its parents are read to the end or gone, so that a stream can be resharded. */
function readableShards(shards: Shard[], positions: ReadonlyMap<string, string>): string[] {
  const unfinished = new Set(idsOf(shards).filter((id) => positions.get(id) !== SHARD_END));
  const readable = shards.filter(({ ParentShardId, AdjacentParentShardId }) =>
    [ParentShardId, AdjacentParentShardId].every((parent) => !parent || !unfinished.has(parent)),
  );
  return idsOf(readable).filter((id) => unfinished.has(id));
}

function idsOf(shards: Shard[]): string[] {
  return shards.flatMap(({ ShardId }) => ShardId ?? []);
}
