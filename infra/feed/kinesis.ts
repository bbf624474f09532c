// The change feed on AWS: reads the Kinesis stream that DynamoDB's changes go to, all shards of it, each consumer for itself.
//
// It is a hint: records come twice, in any order, and are lost to retention. So nothing here tries to be more exact than
// its readers need, and a record that cannot be read is reported and left behind; the sweeper finds what it held.
import { setMaxListeners } from 'node:events';
import {
  type KinesisClient,
  type _Record as KinesisRecord,
  ListShardsCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import type { Commit } from '../../domain/kernel/commit.js';
import type { ChangeFeed, TamperAlarm } from '../../domain/kernel/feed.js';
import type { Logger } from '../../projections/runtime/projector.js';
import type { CommitCodec } from '../event-store/codec.js';
import { createTurns } from '../turns.js';
import { type FeedCheckpoints, SHARD_END } from './kinesis-checkpoints.js';
import { readChangeRecord } from './kinesis-record.js';
import { pauseAfter, readShard, sleep } from './kinesis-shard.js';

/** How often a shard without news is asked. */
const POLL_MS = 250;

/** How often we look for shards that were split or merged; the end of a shard makes us look at once. */
const LIST_SHARDS_EVERY_MS = 30_000;

export interface KinesisFeed extends ChangeFeed {
  /** How far the slowest shard of the consumer was behind the stream's end at its last page, in ms; while it runs. */
  lagMs(consumer: string): number | undefined;
}

/** All that IAM must allow on the stream. @public */
export const KINESIS_FEED_ACTIONS = ['kinesis:ListShards', 'kinesis:GetShardIterator', 'kinesis:GetRecords'] as const;

export interface KinesisFeedOptions {
  client: KinesisClient;
  streamName: string;
  /** The events table; changes of others in the same stream are passed over. */
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
    // Every shard listens to it at once, which Node would take for a leak.
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
      await sleep(pause, awake.signal);
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
      const commits = records.flatMap((record) => commitsOf(record, shard));
      await inTurn(async () => {
        signal.throwIfAborted();
        if (commits.length > 0) await handle(commits);
      });
      await checkpoints.save(group, shard, records.at(-1)!.SequenceNumber!);
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

  function commitsOf({ Data, SequenceNumber }: KinesisRecord, shard: string): Commit[] {
    try {
      const change = readChangeRecord(Data ?? new Uint8Array(), table);
      if (change.kind === 'commit') return [codec.decode(change.commit)];
      if (change.kind === 'tampering') {
        alarm(change.stream, change.commitNo, change.what);
      }
    } catch (error) {
      log.error({ err: error, shard, SequenceNumber }, 'Kinesis: a record cannot be read; it is skipped');
    }
    return [];
  }

  return {
    run,
    lagMs(consumer) {
      const behind = [...(lags.get(consumer)?.values() ?? [])];
      return behind.length > 0 ? Math.max(...behind) : undefined;
    },
  };
}

/** Children only when their parents are read to the end or gone, so that a stream can be resharded. */
function readableShards(shards: Shard[], positions: ReadonlyMap<string, string>): string[] {
  const unfinished = new Set(shards.map(({ ShardId }) => ShardId!).filter((id) => positions.get(id) !== SHARD_END));
  return shards
    .filter(({ ParentShardId, AdjacentParentShardId }) =>
      [ParentShardId, AdjacentParentShardId].every((parent) => !parent || !unfinished.has(parent)),
    )
    .map(({ ShardId }) => ShardId!)
    .filter((id) => unfinished.has(id));
}
