// Reads all shards of a Kinesis stream for one consumer, also after shards were split or merged.
import { setMaxListeners } from 'node:events';
import {
  type KinesisClient,
  type _Record as KinesisRecord,
  ListShardsCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { lastOf } from '../../../domain/kernel/collections.js';
import type { Logger } from '../../../projections/runtime/projector.js';
import { pauseUnlessAborted } from '../../retry.js';
import { type FeedCheckpoints, SHARD_END } from './kinesis-checkpoints.js';
import { pauseAfter, readShard } from './kinesis-shard.js';

/** Poll interval of a shard without new records. */
export const POLL_MS = 250;

/** Interval between checks for shards that were split or merged. The end of a shard starts a check at once. */
const LIST_SHARDS_EVERY_MS = 30_000;

export interface StreamReading {
  client: KinesisClient;
  streamName: string;
  consumer: string;
  checkpoints: FeedCheckpoints;
  /** Called for several shards at once. If it rejects, the same records are delivered again. */
  deliver: (records: KinesisRecord[], shard: string) => Promise<void>;
  /** Called after each page of a shard with its lag behind the end of the stream, in ms; undefined when the shard is left. */
  onLag?: (shard: string, behindMs: number | undefined) => void;
  log: Logger;
  pollMs?: number;
  signal: AbortSignal;
}

/** Resolves once the signal has aborted and nothing is delivered any more. */
export async function readStream(reading: StreamReading): Promise<void> {
  const { client, streamName, consumer, checkpoints, deliver, onLag = () => {}, log, signal } = reading;
  const { pollMs = POLL_MS } = reading;
  if (signal.aborted) return;
  const group = `${streamName}/${consumer}`;
  const stopping = new AbortController();
  // All shards listen to this signal at once, which Node would report as a leak.
  setMaxListeners(0, stopping.signal);
  let awake = new AbortController();
  signal.addEventListener('abort', () => {
    stopping.abort();
    awake.abort();
  });

  const open = new Map<string, Promise<void>>();
  for (let failures = 0; !signal.aborted; ) {
    let pause = LIST_SHARDS_EVERY_MS;
    awake = new AbortController();
    try {
      const [shards, positions] = await Promise.all([listShards(stopping.signal), checkpoints.load(group)]);
      for (const shard of readableShards(shards, positions)) {
        if (!open.has(shard)) open.set(shard, read(shard, positions.get(shard)));
      }
      failures = 0;
    } catch (error) {
      if (signal.aborted) break;
      pause = pauseAfter(failures++);
      log.warn({ err: error, streamName, consumer }, `Kinesis: cannot list shards; again in ${pause} ms`);
    }
    await pauseUnlessAborted(pause, awake.signal);
  }
  await Promise.all(open.values());

  async function read(shard: string, position: string | undefined): Promise<void> {
    try {
      const ended = await readShard({
        client,
        streamName,
        shard,
        position,
        pollMs,
        deliver: async (records) => {
          await deliver(records, shard);
          await checkpoints.save(group, shard, lastOf(records).SequenceNumber!);
        },
        onPage: (behindMs) => onLag(shard, behindMs),
        log,
        signal: stopping.signal,
      });
      if (ended) await checkpoints.save(group, shard, SHARD_END);
    } catch (error) {
      log.warn({ err: error, streamName, shard, consumer }, 'Kinesis: the end of a shard could not be saved; retrying');
    }
    open.delete(shard);
    onLag(shard, undefined);
    awake.abort();
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
