import {
  type BatchGetItemCommandOutput,
  DeleteTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeKinesisStreamingDestinationCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { hlcOf } from '../../../domain/kernel/clock.js';
import { START } from '../../../domain/kernel/commit.js';
import { ClockSkew, Unavailable } from '../../../domain/kernel/errors.js';
import { type LogEntry, UnreadableCommit } from '../../../domain/kernel/event-store.js';
import {
  APPEND_BUDGET_MS,
  LOG_PARTITIONS,
  MAX_CLOCK_SKEW_MS,
  WATERMARK_LAG_MS,
} from '../../../domain/kernel/limits.js';
import { type StreamId, streamId } from '../../../domain/kernel/stream.js';
import { describeOnAws, type Fault, injectFaults, meterWrites, recordOperations } from '../../../test/aws.js';
import { eventStoreContract } from '../../../test/contracts/event-store.contract.js';
import { noteCommit, notes } from '../../../test/contracts/notes.js';
import { freshName } from '../../../test/engines.js';
import { the } from '../../../test/the.js';
import { ensureStream, ensureTable } from '../../aws.js';
import { createDynamoLeases, LEASES_TABLE } from '../../leadership/dynamodb-leases.js';
import { createCommitCodec, partitionOf } from '../codec.js';
import { createDynamoEventStore, createEventsTable, type DynamoEventStoreOptions } from './dynamodb-event-store.js';
import { fromItem, type Item, toItem } from './dynamodb-item.js';

const codec = createCommitCodec(notes);

describeOnAws('On DynamoDB', (aws) => {
  const table = freshName('events');
  before(() => createEventsTable({ client: aws.dynamodb(), table }));

  eventStoreContract('DynamoDB', () => ({
    open({ loseReply, ...options } = {}) {
      const client = aws.dynamodb();
      if (loseReply)
        injectFaults(client, (operation) => (operation === 'PutItem' && loseReply() ? 'reply lost' : undefined));
      return createDynamoEventStore({ client, table, codec, ...options });
    },
    async items(stream) {
      const { Items } = await aws.dynamodb().send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: stream } },
        }),
      );
      return the(Items).map(fromItem);
    },
  }));

  describe('DynamoDB as an event store', () => {
    let client: DynamoDBClient;
    beforeEach(() => {
      client = aws.dynamodb();
    });

    const openStore = (options: Partial<DynamoEventStoreOptions> = {}) =>
      createDynamoEventStore({ client, table, codec, ...options });
    const newStream = () => streamId('note', freshName('n'));

    it('appends by one PutItem and nothing else, once it knows the clock', async () => {
      const operations = recordOperations(client);
      const store = openStore();
      for (let n = 0; n < 3; n++) await store.append(newStream(), START, noteCommit(START, 'c1', {}));
      expect(operations).to.deep.equal(['Query', 'PutItem', 'PutItem', 'PutItem']);
    });

    it('learns the clock from its reads, and reads a conflict without another request', async () => {
      const stream = newStream();
      await openStore().append(stream, START, noteCommit(START, 'c1', {}));
      const operations = recordOperations(client);
      const store = openStore();
      for await (const _ of store.read(stream));
      expect(await store.append(stream, START, noteCommit(START, 'c2', {}))).to.deep.equal({ appended: false });
      expect(operations).to.deep.equal(['Query', 'PutItem']);
    });

    it('pays one write unit on the table and one on the index for a command up to 1 KB, and more for more', async () => {
      const store = openStore();
      const small = meterWrites(client);
      await store.append(newStream(), START, noteCommit(START, 'c1', { text: 'x'.repeat(350) }));
      expect(small).to.deep.equal({ table: 1, index: 1 });
      const large = meterWrites(client);
      await store.append(newStream(), START, noteCommit(START, 'c1', { text: 'x'.repeat(3_000) }));
      expect(large).to.deep.equal({ table: 4, index: 1 });
    });

    it('retries temporary errors with the identical item, with jitter', async () => {
      const faults: Fault[] = [
        { error: 'ProvisionedThroughputExceededException' },
        { error: 'ThrottlingException' },
        { error: 'RequestLimitExceeded' },
        { error: 'TransactionConflictException' },
        { error: 'InternalServerError', status: 500 },
        { error: 'ServiceUnavailable', status: 503 },
        'no connection',
        'reply lost',
      ];
      const pauses: number[] = [];
      injectFaults(client, (operation) => (operation === 'PutItem' ? faults.shift() : undefined));
      const store = openStore({ random: () => 0.5, sleep: async (ms) => void pauses.push(ms) });
      const stream = newStream();
      const result = await store.append(stream, START, noteCommit(START, 'c1', {}));
      expect(result.appended).to.equal(true);
      expect(pauses).to.deep.equal([10, 20, 40, 80, 160, 320, 500, 500]);
      expect(await lengthOf(stream)).to.equal(1);
    });

    it('throws Unavailable when its budget is spent, and can be called again', async () => {
      let now = Date.now();
      const began = now;
      let throttled = true;
      injectFaults(client, () => (throttled ? { error: 'ThrottlingException', date: now } : undefined));
      const clock = () => now;
      const sleep = async (ms: number) => {
        now += ms;
      };
      const store = openStore({ clock, monotonic: clock, sleep });
      const stream = newStream();
      const commit = noteCommit(START, 'c1', {});
      const refused = await failureOf(store.append(stream, START, commit));
      expect(refused).to.be.instanceOf(Unavailable).and.not.instanceOf(ClockSkew);
      expect(refused).to.have.property('engine', 'DynamoDB');
      expect(now - began).to.be.within(1, APPEND_BUDGET_MS);
      expect(await failureOf(lengthOf(stream, store))).to.be.instanceOf(Unavailable);
      throttled = false;
      now = Date.now();
      expect(await store.append(stream, START, commit)).to.have.property('appended', true);
    });

    it('throws other errors unchanged, at once', async () => {
      injectFaults(client, (operation) => (operation === 'PutItem' ? { error: 'ValidationException' } : undefined));
      const operations = recordOperations(client);
      const refused = await failureOf(openStore().append(newStream(), START, noteCommit(START, 'c1', {})));
      expect(refused).to.have.property('name', 'ValidationException');
      expect(operations.filter((operation) => operation === 'PutItem')).to.have.length(1);
    });

    it('refuses to write while the clock is wrong, and writes again when it is right', async () => {
      let offset = 0;
      const store = openStore({ clock: () => Date.now() + offset });
      const first = newStream();
      await store.append(first, START, noteCommit(START, 'c1', {}));
      offset = 10 * 60_000;
      expect(await failureOf(store.append(newStream(), START, noteCommit(START, 'c1', {})))).to.be.instanceOf(
        ClockSkew,
      );
      offset = MAX_CLOCK_SKEW_MS / 4;
      for await (const _ of store.read(first));
      expect(await store.append(newStream(), START, noteCommit(START, 'c1', {}))).to.have.property('appended', true);
    });

    it('refuses a delayed commit that the watermark might pass', async () => {
      const stream = newStream();
      const late = { ...noteCommit(START, 'c1', {}), at: hlcOf(Date.now() - WATERMARK_LAG_MS + 1_000) };
      const refused = await failureOf(openStore().append(stream, START, late));
      expect(refused)
        .to.be.instanceOf(Unavailable)
        .with.property('message')
        .that.matches(/decide it again/);
      expect(await lengthOf(stream)).to.equal(0);
    });

    it('reads a stream of more than a megabyte page by page', async () => {
      const store = openStore();
      const stream = newStream();
      for (let n = 0, after = START; n < 7; n++) {
        const result = await store.append(stream, after, noteCommit(after, `c${n}`, { text: 'x'.repeat(200_000) }));
        if (!result.appended) throw new Error('met a conflict');
        after = result.position;
      }
      const operations = recordOperations(client);
      expect(await lengthOf(stream, store)).to.equal(7);
      expect(operations).to.deep.equal(['Query', 'Query']);
    });

    it('keeps commits of one instant in one order, whichever pages of the index they are on', async () => {
      const at = hlcOf(Date.now() - 3_000);
      const streams: StreamId[] = [];
      while (streams.length < 6) {
        const stream = newStream();
        if (partitionOf(stream) === 7) streams.push(stream);
      }
      const store = openStore({ watermarkLagMs: 0 });
      for (const stream of streams) await store.append(stream, START, { ...noteCommit(START, 'c1', {}), at });
      client.middlewareStack.add(
        (next) => (request) => next({ ...request, input: { ...request.input, Limit: 2 } as typeof request.input }),
        { step: 'initialize' },
      );
      const shown: string[] = [];
      const isOurs = ({ stream }: { stream: StreamId }) => streams.includes(stream); // other tests may write in this instant, too
      for await (const entry of store.log(at - 1, at)) if (isOurs(entry)) shown.push(entry.stream);
      expect(shown).to.deep.equal(streams.sort());
    });

    it('reads the whole log by the index and by batches of items, and asks again for what an answer lacks', async () => {
      const own = freshName('events');
      await createEventsTable({ client, table: own });
      const store = openStore({ table: own, watermarkLagMs: -60_000 });
      const streams = Array.from({ length: 150 }, newStream);
      await Promise.all(streams.map((stream) => store.append(stream, START, noteCommit(START, 'c1', {}))));
      const operations = recordOperations(client);
      client.middlewareStack.add(
        (next, { commandName }) =>
          async (request) => {
            const answer = await next(request);
            if (commandName !== 'BatchGetItemCommand') return answer;
            const output = answer.output as BatchGetItemCommandOutput;
            const left = the(output.Responses?.[own]).splice(60);
            const Keys = left.map(({ pk, sk }) => ({ pk, sk }) as Item);
            if (Keys.length > 0) output.UnprocessedKeys = { [own]: { Keys, ConsistentRead: true } };
            return answer;
          },
        { step: 'initialize' },
      );
      const read: string[] = [];
      for await (const commit of store.stored()) read.push(commit.pk);
      expect([...read].sort()).to.deep.equal([...streams].sort());
      expect(operations.filter((operation) => operation === 'BatchGetItem')).to.have.length(3);
      expect(operations.filter((operation) => operation === 'Query')).to.have.length(LOG_PARTITIONS);
    });

    it('names what is no commit, or is in the index alone, and reads on after it', async () => {
      const own = freshName('events');
      await createEventsTable({ client, table: own });
      const good = codec.encode(newStream(), START, noteCommit(START, 'c', {}));
      const put = (n: number, changes: Item = {}) =>
        client.send(
          new PutItemCommand({
            TableName: own,
            Item: { ...toItem(good), pk: { S: `note#${n}` }, at: { N: String(n) }, ...changes },
          }),
        );
      await Promise.all([put(1), put(2, { ev: { N: '1' } }), put(3, { pk: { S: 'odd' } }), put(4), put(5)]);
      client.middlewareStack.add(
        (next, { commandName }) =>
          async (request) => {
            const answer = await next(request);
            if (commandName !== 'BatchGetItemCommand') return answer;
            const { Responses } = answer.output as BatchGetItemCommandOutput;
            const found = the(Responses?.[own]);
            Object.assign(the(Responses), { [own]: found.filter(({ pk }) => pk?.S !== 'note#4') });
            return answer;
          },
        { step: 'initialize' },
      );
      const store = openStore({ table: own, watermarkLagMs: -60_000 });
      const read: string[] = [];
      let after: LogEntry | undefined;
      while (read.length < 5) {
        try {
          for await (const commit of store.stored(after ? { after } : {})) read.push(commit.pk);
        } catch (error) {
          if (!(error instanceof UnreadableCommit)) throw error;
          read.push(error.message);
          after = error.entry;
        }
      }
      expect(read).to.deep.equal([
        'note#1',
        'Commit 1 of note#2 cannot be read: its attribute ev is missing or has the wrong type.',
        'Commit 1 of odd cannot be read: its attribute pk is missing or has the wrong type.',
        'Commit 1 of note#4 cannot be read: it is in the index of the log, but not in the table.',
        'note#5',
      ]);
    });

    it('repeats a commit with a fence that meets a heartbeat or throttling', async () => {
      const fence = { lease: 'agenda', token: 1 };
      const leases = freshName('leases');
      await ensureTable(client, leases, LEASES_TABLE);
      await createDynamoLeases({ client, table: leases }).take(fence.lease, 'a', undefined);
      const codes = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'];
      const refused = [...codes];
      client.middlewareStack.add(
        (next, { commandName }) =>
          async (request) => {
            const Code = commandName === 'TransactWriteItemsCommand' && refused.shift();
            if (!Code) return next(request);
            const CancellationReasons = [{ Code: 'None' }, { Code }];
            throw new TransactionCanceledException({ message: Code, $metadata: {}, CancellationReasons });
          },
        { step: 'initialize' },
      );
      const stream = newStream();
      const commit = { ...noteCommit(START, 'c', { text: 'one' }), fence };
      expect(await openStore({ leases }).append(stream, START, commit)).to.have.property('appended', true);
      expect(refused).to.deep.equal([]);
    });

    it('creates its table with recovery and change records, and accepts an existing one', async () => {
      const own = freshName('events');
      const streamArn = await ensureStream(aws.kinesis(), freshName('changes'), 1);
      for (let n = 0; n < 2; n++) await createEventsTable({ client, table: own, streamArn });
      const { ContinuousBackupsDescription: backups } = await client.send(
        new DescribeContinuousBackupsCommand({ TableName: own }),
      );
      expect(backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).to.equal('ENABLED');
      const deleted = await client.send(new DeleteTableCommand({ TableName: own })).catch((error: Error) => error);
      expect(deleted).to.have.property('message').that.includes('protected against deletion');
      const { KinesisDataStreamDestinations } = await client.send(
        new DescribeKinesisStreamingDestinationCommand({ TableName: own }),
      );
      expect(KinesisDataStreamDestinations).to.have.length(1);
      expect(the(KinesisDataStreamDestinations)[0]).to.include({
        StreamArn: streamArn,
        DestinationStatus: 'ACTIVE',
        ApproximateCreationDateTimePrecision: 'MICROSECOND',
      });
    });

    async function lengthOf(stream: ReturnType<typeof newStream>, store = openStore()): Promise<number> {
      let length = 0;
      for await (const _ of store.read(stream)) length++;
      return length;
    }
  });
});

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
