import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import kinesalite from 'kinesalite';
import { START } from '../../../domain/kernel/commit.js';
import { type StreamId, streamId } from '../../../domain/kernel/stream.js';
import { type Note, noteCommit, notes } from '../../../test/contracts/notes.js';
import { the } from '../../../test/the.js';
import { createKinesisClient, ensureStream } from '../../aws.js';
import { createCommitCodec } from '../codec.js';
import { toItem } from './dynamodb-item.js';
import { type FeedCheckpoints, SHARD_END } from './kinesis-checkpoints.js';
import { createKinesisFeed } from './kinesis-feed.js';

const StreamName = 'changes';
const MIDDLE_HASH_KEY = (2n ** 127n).toString();
const codec = createCommitCodec(notes);

/** Partition keys of the writer beside the resharding. Their hashes lie in both halves of the stream. */
const KEYS = 6;

// Runs on kinesalite, the only local engine that splits and merges shards as Kinesis does.
describe('The change feed by Kinesis, while its stream is resharded', () => {
  const server = kinesalite({ createStreamMs: 0, updateStreamMs: 0 });
  let client: KinesisClient;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    client = createKinesisClient({ region: 'us-east-1', endpoint: `http://127.0.0.1:${port}` });
    await ensureStream(client, StreamName, 1);
  });
  after(() => {
    client.destroy();
    server.close();
  });

  it('reads every shard to its end before the shards that follow it, also after a restart', async () => {
    const checkpoints = inMemory();
    await put('before', 20);
    const [whole] = await shards();
    await client.send(
      new SplitShardCommand({ StreamName, ShardToSplit: the(whole), NewStartingHashKey: MIDDLE_HASH_KEY }),
    );
    await settled();
    await put('split', 20);
    expect(await read(30, checkpoints)).to.satisfy(startsWith('before', 20));

    const [, left, right] = await shards();
    await client.send(
      new MergeShardsCommand({ StreamName, ShardToMerge: the(left), AdjacentShardToMerge: the(right) }),
    );
    await settled();
    await put('merged', 20);
    const all = inMemory();
    const texts = await read(60, all);
    expect(texts.slice(0, 20)).to.deep.equal(Array(20).fill('before'));
    expect(texts.slice(20, 40)).to.deep.equal(Array(20).fill('split'));
    expect(texts.slice(40)).to.deep.equal(Array(20).fill('merged'));
    expect((await all.load('changes/projections')).get(the(whole))).to.equal(SHARD_END);

    const rest = await read(20, checkpoints, 'merged');
    expect(rest).not.to.include('before');
  });

  it('keeps the order of each key while shards are split and merged under a writer', async () => {
    await reshard();
    const written = new Map<string, number>();
    const stopping = new AbortController();
    const arrived = new Map<string, number[]>();
    const reading = feedWith(inMemory()).run(
      'projections',
      async (commits) => {
        for (const { stream, events } of commits) {
          const { text, stars } = the(events[0]).data as Note;
          if (text === 'live') arrived.set(stream, [...(arrived.get(stream) ?? []), stars]);
        }
      },
      stopping.signal,
    );
    let isResharding = true;
    const writing = (async () => {
      for (let n = 0; isResharding || n % KEYS !== 0; n++) {
        const stream = streamId('note', `live${n % KEYS}`);
        const stars = (written.get(stream) ?? 0) + 1;
        await putNote(stream, { text: 'live', stars }, `${n % KEYS}`);
        written.set(stream, stars);
      }
    })();
    for (let times = 0; times < 3; times++) await reshard();
    isResharding = false;
    await writing;
    const count = (lists: Iterable<number[]>) => [...lists].reduce((sum, list) => sum + list.length, 0);
    while (count(arrived.values()) < [...written.values()].reduce((sum, each) => sum + each, 0)) await delay(5);
    stopping.abort();
    await reading;
    for (const [stream, last] of written) {
      expect(arrived.get(stream), stream).to.deep.equal(Array.from({ length: last }, (_, n) => n + 1));
    }
  });

  /** Splits the shard that takes all keys, or merges the two that share them. */
  async function reshard(): Promise<void> {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
    const open = Shards.filter(({ SequenceNumberRange }) => !SequenceNumberRange?.EndingSequenceNumber);
    const [first, second] = open.map(({ ShardId }) => the(ShardId));
    if (second === undefined) {
      const where = { ShardToSplit: the(first), NewStartingHashKey: MIDDLE_HASH_KEY };
      await client.send(new SplitShardCommand({ StreamName, ...where }));
    } else {
      await client.send(new MergeShardsCommand({ StreamName, ShardToMerge: the(first), AdjacentShardToMerge: second }));
    }
    await settled();
  }

  async function put(text: string, count: number): Promise<void> {
    for (let n = 0; n < count; n++) await putNote(streamId('note', `${text}${n}`), { text }, `${n}`);
  }

  async function putNote(stream: StreamId, note: Partial<Note>, PartitionKey: string): Promise<void> {
    const stored = codec.encode(stream, START, noteCommit(START, 'c1', note));
    const NewImage = toItem(stored);
    const change = {
      eventName: 'INSERT',
      tableName: 'events',
      recordFormat: 'application/json',
      dynamodb: { Keys: { pk: NewImage.pk, sk: NewImage.sk }, NewImage },
    };
    const Data = Buffer.from(JSON.stringify(change));
    await client.send(new PutRecordCommand({ StreamName, PartitionKey, Data }));
  }

  /** The texts of the notes, once this many have arrived, or this many of one kind. */
  async function read(count: number, checkpoints: FeedCheckpoints, kind?: string): Promise<string[]> {
    const stopping = new AbortController();
    const texts: string[] = [];
    await feedWith(checkpoints).run(
      'projections',
      async (commits) => {
        texts.push(...commits.map(({ events }) => (the(events[0]).data as { text: string }).text));
        if (texts.filter((text) => !kind || text === kind).length >= count) stopping.abort();
      },
      stopping.signal,
    );
    return texts;
  }

  function feedWith(checkpoints: FeedCheckpoints) {
    const silent = () => {};
    return createKinesisFeed({
      client,
      streamName: StreamName,
      table: 'events',
      checkpoints,
      codec,
      alarm: silent,
      log: { info: silent, warn: silent, error: silent },
      pollMs: 5,
    });
  }

  async function shards(): Promise<string[]> {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
    return Shards.map(({ ShardId }) => the(ShardId));
  }

  async function settled(): Promise<void> {
    for (;;) {
      const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
      if (StreamDescriptionSummary?.StreamStatus === 'ACTIVE') return;
    }
  }
});

function startsWith(text: string, count: number) {
  return (texts: string[]) => texts.slice(0, count).every((found) => found === text) && texts.length > count;
}

function inMemory(): FeedCheckpoints {
  const positions = new Map<string, string>();
  return {
    load: async () => new Map(positions),
    save: async (_, shard, position) => void positions.set(shard, position),
  };
}
