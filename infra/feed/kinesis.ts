// The change feed on AWS: reads the Kinesis stream that DynamoDB's changes go to, all shards of it, each consumer for itself.
//
// It is a hint: records come twice, in any order, and are lost to retention. So nothing here tries to be more exact than
// its readers need, and a record that cannot be read is reported and left behind; the sweeper finds what it held.
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorInput,
  type KinesisClient,
  type _Record as KinesisRecord,
  ListShardsCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import type { Logger } from 'pino';
import type { Commit } from '../../domain/kernel/commit.js';
import type { ChangeFeed, TamperAlarm } from '../../domain/kernel/feed.js';
import type { CommitCodec } from '../event-store/codec.js';
import { type FeedCheckpoints, SHARD_END } from './kinesis-checkpoints.js';
import { readChangeRecord } from './kinesis-record.js';

/** Most records of one GetRecords, and so of one batch. */
const PAGE_RECORDS = 1_000;

/** A shard takes five GetRecords a second, of all consumers together. */
const SHORTEST_INTERVAL_MS = 200;

/** How often a shard without news is asked. */
const POLL_MS = 250;

/** How often we look for shards that were split or merged; the end of a shard makes us look at once. */
const LIST_SHARDS_EVERY_MS = 30_000;

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

export interface KinesisFeed extends ChangeFeed {
  /** How far the slowest shard of the consumer was behind the stream's end at its last page, in ms. */
  lagMs(consumer: string): number | undefined;
}

/** All that IAM must allow on the stream. */
export const KINESIS_FEED_ACTIONS = ['kinesis:ListShards', 'kinesis:GetShardIterator', 'kinesis:GetRecords'] as const;

export interface KinesisFeedOptions {
  client: KinesisClient;
  streamName: string;
  /** The events table; changes of others in the same stream are passed over. */
  table: string;
  checkpoints: FeedCheckpoints;
  codec: Pick<CommitCodec, 'decode'>;
  alarm: TamperAlarm;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
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
    const group = `${streamName}/${consumer}`;
    if (signal.aborted) return;
    const stopping = new AbortController();
    let awake = new AbortController();
    signal.addEventListener('abort', () => {
      stopping.abort();
      awake.abort();
    });
    const stop = stopping.signal;
    // Every shard listens to it at once, which Node would take for a leak.
    setMaxListeners(0, stop);
    const inTurn = oneAtATime();
    const lagOf = new Map<string, number>();
    lags.set(consumer, lagOf);

    const reading = new Map<string, Promise<void>>();
    for (let failures = 0; !stop.aborted; ) {
      let pause = LIST_SHARDS_EVERY_MS;
      awake = new AbortController();
      try {
        const [shards, positions] = await Promise.all([listShards(stop), checkpoints.load(group)]);
        for (const shard of readableShards(shards, positions)) {
          if (reading.has(shard)) continue;
          const ended = readShard(shard, positions.get(shard)).finally(() => {
            reading.delete(shard);
            lagOf.delete(shard);
            awake.abort();
          });
          reading.set(shard, ended);
        }
        failures = 0;
      } catch (error) {
        if (stop.aborted) break;
        pause = pauseAfter(failures++);
        log.warn({ err: error, stream: streamName, consumer }, `Kinesis: cannot list shards; again in ${pause} ms`);
      }
      await sleep(pause, awake.signal);
    }
    await Promise.all(reading.values());

    /** Resolves at the end of the shard, when it is gone, or when stopped. */
    async function readShard(shard: string, checkpoint: string | undefined): Promise<void> {
      let position = checkpoint;
      let iterator: string | undefined;
      for (let failures = 0; !stop.aborted; ) {
        const began = performance.now();
        try {
          iterator ??= await iteratorBehind(position, shard);
          const page = await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: PAGE_RECORDS }), {
            abortSignal: stop,
          });
          const { Records: records = [], MillisBehindLatest: behind = 0, NextShardIterator: next } = page;
          if (records.length > 0) position = await deliver(records, shard);
          lagOf.set(shard, behind);
          if (!next) return await checkpoints.save(group, shard, SHARD_END);
          iterator = next;
          failures = 0;
          const hasMore = behind > 0 || records.length === PAGE_RECORDS;
          await sleep((hasMore ? SHORTEST_INTERVAL_MS : pollMs) - (performance.now() - began), stop);
        } catch (error) {
          if (stop.aborted) return;
          const pause = pauseAfter(failures++);
          log.warn({ err: error, shard, position, consumer }, `Kinesis: reading is held up; again in ${pause} ms`);
          await sleep(pause, stop);
          const { name } = error as Error;
          if (name === 'ResourceNotFoundException') return;
          if (ITERATOR_LOST.has(name)) iterator = undefined;
        }
      }
    }

    /** Answers the position behind the records. If the handler rejects, they are read again. */
    async function deliver(records: KinesisRecord[], shard: string): Promise<string> {
      const commits = records.flatMap((record) => commitsOf(record, shard));
      await inTurn(async () => {
        stop.throwIfAborted();
        if (commits.length > 0) await handle(commits);
      });
      const position = records.at(-1)!.SequenceNumber!;
      await checkpoints.save(group, shard, position);
      return position;
    }

    async function iteratorBehind(position: string | undefined, shard: string): Promise<string> {
      if (position === undefined) return getIterator(shard, { ShardIteratorType: 'TRIM_HORIZON' });
      try {
        return await getIterator(shard, {
          ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
          StartingSequenceNumber: position,
        });
      } catch (error) {
        if ((error as Error).name !== 'InvalidArgumentException') throw error;
        log.warn(
          { shard, position, consumer },
          'Kinesis: the checkpoint is no longer in the stream; from its oldest record on',
        );
        return getIterator(shard, { ShardIteratorType: 'TRIM_HORIZON' });
      }
    }

    async function getIterator(
      shard: string,
      start: Pick<GetShardIteratorInput, 'ShardIteratorType' | 'StartingSequenceNumber'>,
    ): Promise<string> {
      const command = new GetShardIteratorCommand({ StreamName: streamName, ShardId: shard, ...start });
      const { ShardIterator } = await client.send(command, { abortSignal: stop });
      return ShardIterator!;
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
        const { stream, commitNo, what } = change;
        log.error({ stream, commitNo, shard, SequenceNumber }, `The log was tampered with: a commit was ${what}`);
        alarm(stream, commitNo, what);
      }
    } catch (error) {
      log.error({ err: error, shard, SequenceNumber }, 'Kinesis: a record cannot be read; it is passed over');
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

/** After these, only a new iterator helps. */
const ITERATOR_LOST = new Set(['ExpiredIteratorException', 'InvalidArgumentException']);

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

/** A handler gets the batches of all shards one after the other. */
function oneAtATime(): (work: () => Promise<void>) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}

function pauseAfter(failures: number): number {
  return Math.round(Math.random() * Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS));
}

/** Ends early when the signal comes. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(Math.max(0, ms), undefined, { signal }).catch(() => {});
}
