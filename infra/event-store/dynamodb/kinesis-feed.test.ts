import { DeleteItemCommand, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { type Commit, START } from '../../../domain/kernel/commit.js';
import type { EventStore } from '../../../domain/kernel/event-store.js';
import { type StreamId, streamId } from '../../../domain/kernel/stream.js';
import { describeOnAws, type Fault, injectFaults } from '../../../test/aws.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { freshName } from '../../../test/engines.js';
import { the } from '../../../test/the.js';
import { ensureStream, ensureTable } from '../../aws.js';
import { createCommitCodec } from '../codec.js';
import { createDynamoEventStore, createEventsTable } from './dynamodb-event-store.js';
import { toItem } from './dynamodb-item.js';
import { createDynamoCheckpoints, FEED_CHECKPOINTS_TABLE, type FeedCheckpoints } from './kinesis-checkpoints.js';
import { createKinesisFeed, type KinesisFeedOptions } from './kinesis-feed.js';

const SHARDS = 3;
const codec = createCommitCodec(notes);

describeOnAws('The change feed by Kinesis', (aws) => {
  let dynamodb: DynamoDBClient;
  let table: string;
  let streamName: string;
  let store: EventStore;
  let checkpoints: FeedCheckpoints;
  let alarms: unknown[][];
  let logged: string[];

  const checkpointsTable = freshName('checkpoints');
  before(() => ensureTable(aws.dynamodb(), checkpointsTable, FEED_CHECKPOINTS_TABLE));

  beforeEach(async () => {
    dynamodb = aws.dynamodb();
    [table, streamName] = [freshName('events'), freshName('changes')];
    const streamArn = await ensureStream(aws.kinesis(), streamName, SHARDS);
    await createEventsTable({ client: dynamodb, table, streamArn });
    store = createDynamoEventStore({ client: dynamodb, table, codec });
    checkpoints = createDynamoCheckpoints({ client: dynamodb, table: checkpointsTable });
    [alarms, logged] = [[], []];
  });

  const write = (_: object, message: string) => void logged.push(message);
  const openFeed = (options: Partial<KinesisFeedOptions> = {}) =>
    createKinesisFeed({
      client: aws.kinesis(),
      streamName,
      table,
      checkpoints,
      codec,
      alarm: (...alarm) => void alarms.push(alarm),
      log: { info: write, warn: write, error: write },
      pollMs: 10,
      ...options,
    });

  /** Appends this many commits, round robin to three streams, and returns their names. */
  async function append(count: number): Promise<string[]> {
    const ends = Array.from({ length: 3 }, () => ({ stream: streamId('note', freshName('n')), end: START }));
    const names: string[] = [];
    for (let n = 0; n < count; n++) {
      const target = the(ends[n % 3]);
      const result = await store.append(target.stream, target.end, noteCommit(target.end, `c${n}`, { text: `${n}` }));
      if (!result.appended) throw new Error('met a conflict');
      target.end = result.position;
      names.push(`${target.stream} ${target.end.commitNo}`);
    }
    return names;
  }

  /** Reads until this many commits have arrived. */
  async function read(count: number, feed = openFeed(), consumer = 'projections'): Promise<string[]> {
    const stopping = new AbortController();
    const names: string[] = [];
    await feed.run(
      consumer,
      async (commits) => {
        names.push(...commits.map(nameOf));
        if (names.length >= count) stopping.abort();
      },
      stopping.signal,
    );
    return names;
  }

  async function runUntil(
    condition: () => boolean,
    feed: ReturnType<typeof openFeed>,
    handle: (commits: readonly Commit[]) => Promise<void> = async () => {},
  ): Promise<void> {
    const stopping = new AbortController();
    const running = feed.run('projections', handle, stopping.signal);
    while (!condition()) await new Promise(setImmediate);
    stopping.abort();
    await running;
  }

  it('delivers every commit of the table as the store reads it', async () => {
    const names = await append(60);
    const seen: Commit[] = [];
    await runUntil(
      () => seen.length === names.length,
      openFeed(),
      async (commits) => void seen.push(...commits),
    );
    expect(seen.map(nameOf)).to.have.members(names);
    for (const commit of seen.slice(0, 5)) {
      for await (const stored of store.read(commit.stream, commit.position.commitNo - 1)) {
        expect(commit).to.deep.equal(stored);
        break;
      }
    }
  });

  it('continues from its checkpoints after a restart, while another consumer starts at the beginning', async () => {
    const old = await append(20);
    expect(await read(20)).to.have.members(old);
    const young = await append(20);
    expect(await read(20)).to.have.members(young);
    expect(await read(40, openFeed(), 'process-managers')).to.have.members([...old, ...young]);
  });

  it('delivers a batch again when its handler fails, one batch at a time, and loses none', async () => {
    const names = await append(30);
    const stopping = new AbortController();
    const tried = new Set<string>();
    const done: string[] = [];
    let atWork = 0;
    await openFeed().run(
      'projections',
      async (commits) => {
        expect(++atWork).to.equal(1);
        await new Promise(setImmediate);
        atWork--;
        const batch = commits.map(nameOf);
        if (!tried.has(the(batch[0]))) {
          tried.add(the(batch[0]));
          throw new Error('the read model is away');
        }
        done.push(...batch);
        if (done.length >= names.length) stopping.abort();
      },
      stopping.signal,
    );
    expect(done).to.have.members(names);
    expect(tried.size).to.be.within(1, SHARDS);
  });

  const passing: Record<string, { on: string; faults: Fault[] }> = {
    'its iterators expire': { on: 'GetRecords', faults: Array(4).fill({ error: 'ExpiredIteratorException' }) },
    'it is throttled': { on: 'GetRecords', faults: Array(6).fill({ error: 'ProvisionedThroughputExceededException' }) },
    'Kinesis does not answer at first': {
      on: 'ListShards',
      faults: ['no connection', { error: 'InternalFailure', status: 500 }],
    },
    'Kinesis fails later': { on: 'GetRecords', faults: [undefined, 'no connection', 'reply lost', 'no connection'] },
  };
  for (const [what, { on, faults }] of Object.entries(passing)) {
    it(`continues when ${what}, and logs it`, async () => {
      const names = await append(12);
      const client = aws.kinesis();
      const left = [...faults];
      injectFaults(client, (operation) => (operation === on ? left.shift() : undefined));
      expect(await read(12, openFeed({ client }))).to.have.members(names);
      expect(logged.filter((line) => line.includes('again in'))).not.to.deep.equal([]);
    });
  }

  it('continues while its checkpoints cannot be saved', async () => {
    const names = await append(6);
    const client = aws.dynamodb();
    const faults: Fault[] = [{ error: 'ThrottlingException' }, 'no connection'];
    injectFaults(client, (operation) => (operation === 'PutItem' ? faults.shift() : undefined));
    const feed = openFeed({ checkpoints: createDynamoCheckpoints({ client, table: checkpointsTable }) });
    const seen = new Set<string>();
    await runUntil(
      () => seen.size === names.length && faults.length === 0,
      feed,
      async (commits) => {
        for (const commit of commits) seen.add(nameOf(commit));
      },
    );
    expect([...seen]).to.have.members(names);
  });

  it('starts with the oldest record when its checkpoint has been trimmed', async () => {
    const names = await append(9);
    await read(9);
    const client = aws.kinesis();
    let refused = 0;
    injectFaults(client, (operation) =>
      operation === 'GetShardIterator' && refused++ < SHARDS ? { error: 'InvalidArgumentException' } : undefined,
    );
    const again = await read(9, openFeed({ client }));
    expect(again).to.have.members(names);
    expect(logged.join()).to.include('oldest record');
  });

  it('skips a record that cannot be read, and reports its position', async () => {
    const before = await append(3);
    for (let n = 0; n < 2 * SHARDS; n++) {
      const Data = Buffer.from(n % 2 ? '{"eventName":"INSERT"}' : 'poison');
      await aws.kinesis().send(new PutRecordCommand({ StreamName: streamName, PartitionKey: `${n}`, Data }));
    }
    const after = await append(3);
    const seen: string[] = [];
    const skipped = () => logged.filter((line) => line.includes('skipped')).length;
    await runUntil(
      () => seen.length >= 6 && skipped() >= 2 * SHARDS,
      openFeed(),
      async (commits) => {
        seen.push(...commits.map(nameOf));
      },
    );
    expect(seen).to.have.members([...before, ...after]);
    expect(skipped()).to.equal(2 * SHARDS);
  });

  it('raises an alarm when a commit is overwritten or removed, and delivers neither', async () => {
    const names = await append(1);
    const [stream, commitNo] = the(names[0]).split(' ') as [StreamId, string];
    const item = toItem(codec.encode(stream, START, noteCommit(START, 'forged', {})));
    await dynamodb.send(new PutItemCommand({ TableName: table, Item: item }));
    const Key = { pk: { S: stream }, sk: { N: commitNo } };
    await dynamodb.send(new DeleteItemCommand({ TableName: table, Key }));
    names.push(...(await append(3)));

    const seen: string[] = [];
    await runUntil(
      () => seen.length >= 4 && alarms.length >= 2,
      openFeed(),
      async (commits) => {
        seen.push(...commits.map(nameOf));
      },
    );
    expect(seen).to.have.members(names);
    expect(alarms).to.have.deep.members([
      [stream, 1, 'modified'],
      [stream, 1, 'removed'],
    ]);
  });

  it('stops at once when idle, otherwise after the current batch, with its checkpoint saved', async () => {
    const names = await append(1);
    const idle = new AbortController();
    const waiting = openFeed({ pollMs: 3_600_000 }).run('idle', async () => idle.abort(), idle.signal);
    await waiting;

    const busy = new AbortController();
    let finished = false;
    await openFeed().run(
      'busy',
      async () => {
        busy.abort();
        await new Promise(setImmediate);
        finished = true;
      },
      busy.signal,
    );
    expect(finished).to.equal(true);
    const next = await append(1);
    expect(await read(1, openFeed(), 'busy'))
      .to.deep.equal(next)
      .and.not.to.deep.equal(names);

    await openFeed().run('never', async () => {}, AbortSignal.abort());
  });

  it('reports its lag', async () => {
    const feed = openFeed();
    const lags: number[] = [];
    await runUntil(() => {
      lags.push(feed.lagMs('projections') ?? Number.NaN);
      return lags.at(-1) === 0;
    }, feed);
    expect(lags[0]).to.be.NaN;
    expect(feed.lagMs('projections')).to.equal(undefined);
  });
});

function nameOf({ stream, position }: Commit): string {
  return `${stream} ${position.commitNo}`;
}
