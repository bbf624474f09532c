// The event store on DynamoDB: one commit is one immutable item, and one append is one conditional PutItem.
import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DescribeKinesisStreamingDestinationCommand,
  type DynamoDBClient,
  EnableKinesisStreamingDestinationCommand,
  type KinesisDataStreamDestination,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { type Clock, type Hlc, hlcOf, millisOf } from '../../../domain/kernel/clock.js';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { Deposed, Unavailable } from '../../../domain/kernel/errors.js';
import {
  compareLogEntries,
  type EventStore,
  type Fence,
  type LogEntry,
  UnreadableCommit,
} from '../../../domain/kernel/event-store.js';
import { APPEND_BUDGET_MS, LOG_PARTITIONS, WATERMARK_LAG_MS } from '../../../domain/kernel/limits.js';
import { ensureRecoverableTable, isTransient, PROTECTED, retrySetUp, type TableDefinition } from '../../aws.js';
import { fenceCheck } from '../../leadership/dynamodb-leases.js';
import { withinBudget } from '../../retry.js';
import { type CommitCodec, positionOf } from '../codec.js';
import { inBatches, mergeOrdered } from '../merge.js';
import { createStoreClock } from '../store-clock.js';
import { fromItem, type Item, indexEntryOf, NotACommit, toItem } from './dynamodb-item.js';

const ENGINE = 'DynamoDB';

/**
 * An older commit is not sent, because the watermark might pass it. The four seconds cover the attempt itself, which the
 * client ends after two, the second that a `Date` header leaves open, and the delay of the index behind the table.
 */
const MAX_COMMIT_AGE_MS = WATERMARK_LAG_MS - 4_000;

/** Retry time for one page of a read. */
const READ_BUDGET_MS = 5_000;

/** Index entries of one log partition that are held in memory. */
const LOG_PAGE = 500;

/** Most items that one BatchGetItem may ask for, and how many are in flight when the whole log is read. */
const ITEMS_PER_BATCH = 100;
const BATCHES_IN_FLIGHT = 4;

export const LOG_INDEX = 'log';

export const EVENTS_TABLE = {
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'N' },
    { AttributeName: 'lp', AttributeType: 'N' },
    { AttributeName: 'at', AttributeType: 'N' },
  ],
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: LOG_INDEX,
      KeySchema: [
        { AttributeName: 'lp', KeyType: 'HASH' },
        { AttributeName: 'at', KeyType: 'RANGE' },
      ],
      // Keys only, so that an index entry of any commit costs one write unit.
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
  ],
  BillingMode: 'PAY_PER_REQUEST',
  ...PROTECTED,
} satisfies TableDefinition;

/** Precision of the times in change records. */
export const CHANGE_TIME_PRECISION = 'MICROSECOND';

/**
 * All actions that IAM must allow on the table and its index. UpdateItem and DeleteItem are missing so that the log cannot be
 * changed. IAM cannot enforce the condition of a PutItem; the feed's alarm and the hash chain detect an overwrite. @public
 */
export const EVENT_STORE_ACTIONS = ['dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:BatchGetItem'] as const;

export interface DynamoEventStoreOptions {
  /** A client that makes one attempt per call: see `createDynamoClient`. */
  client: DynamoDBClient;
  table: string;
  /** Table of the leases. Only commits that carry a fence need it. */
  leases?: string;
  codec: CommitCodec;
  clock?: Clock;
  /** Milliseconds from an arbitrary start. This clock is never adjusted. */
  monotonic?: () => number;
  /** Jitter of the pauses between attempts, in [0, 1). */
  random?: () => number;
  sleep?: (ms: number) => Promise<void>;
  watermarkLagMs?: number;
}

export function createDynamoEventStore({
  client,
  table,
  leases,
  codec,
  clock = Date.now,
  monotonic = () => performance.now(),
  watermarkLagMs = WATERMARK_LAG_MS,
  ...pauses
}: DynamoEventStoreOptions): EventStore {
  const storeClock = createStoreClock(ENGINE, clock, monotonic);
  const budget = { engine: ENGINE, isRetryable: isTransient, clock, ...pauses };

  /** A commit with a fence is stored by a transaction, which costs twice as much. Only those of the agenda have one. */
  async function put(stored: StoredCommit, fence: Fence | undefined): Promise<void> {
    const input = {
      TableName: table,
      Item: toItem(stored),
      ConditionExpression: 'attribute_not_exists(pk)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    } as const;
    const assertTimely = (): void => {
      storeClock.assertInStep();
      if (storeClock.earliest() - millisOf(stored.at) > MAX_COMMIT_AGE_MS)
        throw new Unavailable(ENGINE, 'the commit was delayed and is too old to append; decide it again.');
    };
    await withinBudget({ ...budget, budgetMs: APPEND_BUDGET_MS }, async () => {
      await requireStoreClock();
      if (!fence) await client.send(timed(new PutItemCommand(input), assertTimely));
      else await client.send(timed(fenced(input, fence), assertTimely)).catch(rethrowCancelled(fence));
    });
  }

  function fenced(input: PutItemCommand['input'] & Required<Pick<PutItemCommand['input'], 'Item'>>, fence: Fence) {
    if (leases === undefined) throw new TypeError('A commit with a fence needs the table of the leases.');
    const TransactItems = [{ Put: input as never }, { ConditionCheck: fenceCheck(leases, fence) }];
    return new TransactWriteItemsCommand({ TransactItems });
  }

  /** A recent read of this process usually has shown the store's time already. Otherwise this sends the cheapest read. */
  async function requireStoreClock(): Promise<void> {
    if (storeClock.isKnown()) return;
    const nothing = { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: 'clock#' } } };
    await client.send(timed(new QueryCommand({ TableName: table, Limit: 1, ...nothing })));
    if (!storeClock.isKnown()) throw new Unavailable(ENGINE, 'its answers have no Date header to check the clock by.');
  }

  /** `check` runs immediately before the request is sent, when it has its socket. */
  function timed<C extends PutItemCommand | TransactWriteItemsCommand | QueryCommand | BatchGetItemCommand>(
    command: C,
    check?: () => void,
  ): C {
    const stack = command.middlewareStack as C['middlewareStack'] & PutItemCommand['middlewareStack'];
    stack.add(
      (next) => async (request) => {
        check?.();
        const askedAt = monotonic();
        const answer = await next(request);
        const { headers } = answer.response as { headers: Record<string, string> };
        storeClock.observe(askedAt, headers.date);
        return answer;
      },
      // The step closest to the network, where failed requests still have response headers.
      { step: 'deserialize', priority: 'low' },
    );
    return command;
  }

  async function* query(input: Omit<QueryCommandInput, 'TableName'>): AsyncGenerator<Item[]> {
    let next: Item | undefined;
    do {
      const page = { TableName: table, ExclusiveStartKey: next, ...input };
      const send = () => client.send(timed(new QueryCommand(page)));
      const { Items, LastEvaluatedKey } = await withinBudget({ ...budget, budgetMs: READ_BUDGET_MS }, send);
      yield Items ?? [];
      next = LastEvaluatedKey;
    } while (next);
  }

  // The watermark never goes back, even if a later answer is less exact.
  let highest: Hlc = 0;
  async function watermark(): Promise<Hlc> {
    await withinBudget({ ...budget, budgetMs: READ_BUDGET_MS }, requireStoreClock);
    highest = Math.max(highest, hlcOf(storeClock.earliest() - watermarkLagMs));
    return highest;
  }

  /** One partition of the index in total order. The index itself does not order commits of the same instant. */
  async function* partition(lp: number, after: Hlc, upTo: Hlc): AsyncGenerator<LogEntry> {
    const pages = query({
      IndexName: LOG_INDEX,
      Limit: LOG_PAGE,
      KeyConditionExpression: 'lp = :lp and #at between :from and :to',
      ExpressionAttributeNames: { '#at': 'at' },
      ExpressionAttributeValues: {
        ':lp': { N: String(lp) },
        ':from': { N: String(after + 1) },
        ':to': { N: String(upTo) },
      },
    });
    let sameInstant: LogEntry[] = [];
    for await (const items of pages) {
      for (const entry of items.map(indexEntryOf)) {
        if (sameInstant[0] && sameInstant[0].at !== entry.at) {
          yield* sameInstant.sort(compareLogEntries);
          sameInstant = [];
        }
        sameInstant.push(entry);
      }
    }
    yield* sameInstant.sort(compareLogEntries);
  }

  function entries(after: Hlc, upTo: Hlc): AsyncIterable<LogEntry> {
    const partitions = Array.from({ length: LOG_PARTITIONS }, (_, lp) => partition(lp, after, upTo));
    return mergeOrdered(partitions, compareLogEntries);
  }

  /** The commits of these entries. Each answer has at least one item: if none can be read, DynamoDB answers with an error. */
  async function commitsOf(entries: readonly LogEntry[]): Promise<(StoredCommit | UnreadableCommit)[]> {
    const found = new Map<string, Item>();
    let Keys = entries.map(({ stream, commitNo }): Item => ({ pk: { S: stream }, sk: { N: String(commitNo) } }));
    while (Keys.length > 0) {
      const request = { RequestItems: { [table]: { Keys, ConsistentRead: true } } };
      const send = () => client.send(timed(new BatchGetItemCommand(request)));
      const { Responses, UnprocessedKeys } = await withinBudget({ ...budget, budgetMs: READ_BUDGET_MS }, send);
      for (const item of Responses?.[table] ?? []) found.set(placeOf(indexEntryOf(item)), item);
      Keys = UnprocessedKeys?.[table]?.Keys ?? [];
    }
    return entries.map((entry) => commitAt(entry, found.get(placeOf(entry))));
  }

  return {
    async append(stream, after, commit) {
      const stored = codec.encode(stream, after, commit);
      try {
        await put(stored, commit.fence);
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        const isOurs = error.Item?.h?.S === stored.h;
        if (!isOurs) return { appended: false };
      }
      return { appended: true, position: positionOf(stored) };
    },

    async *read(stream, after = 0) {
      const pages = query({
        ConsistentRead: true,
        KeyConditionExpression: 'pk = :pk and sk > :after',
        ExpressionAttributeValues: { ':pk': { S: stream }, ':after': { N: String(after) } },
      });
      for await (const items of pages) {
        for (const item of items) yield codec.decode(fromItem(item));
      }
    },

    async *stored({ after, upTo = Number.MAX_SAFE_INTEGER } = {}) {
      const from = after ? after.at - 1 : Number.MIN_SAFE_INTEGER;
      const until = Math.min(upTo, await watermark());
      if (until <= from) return;
      const batches = { size: ITEMS_PER_BATCH, atOnce: BATCHES_IN_FLIGHT };
      for await (const commit of inBatches(behind(entries(from, until), after), batches, commitsOf)) {
        if (commit instanceof UnreadableCommit) throw commit;
        yield commit;
      }
    },

    async *log(after, upTo = Number.MAX_SAFE_INTEGER) {
      const until = Math.min(upTo, await watermark());
      if (until > after) yield* entries(after, until);
    },

    newest: (after) => entries(after, Number.MAX_SAFE_INTEGER),

    watermark,
  };
}

async function* behind(entries: AsyncIterable<LogEntry>, after: LogEntry | undefined): AsyncGenerator<LogEntry> {
  for await (const entry of entries) if (!after || compareLogEntries(entry, after) > 0) yield entry;
}

function placeOf({ stream, commitNo }: Omit<LogEntry, 'at'>): string {
  return `${commitNo} ${stream}`;
}

function commitAt(entry: LogEntry, item: Item | undefined): StoredCommit | UnreadableCommit {
  if (!item) return new UnreadableCommit(entry, 'it is in the index of the log, but not in the table');
  try {
    return fromItem(item);
  } catch (error) {
    if (!(error instanceof NotACommit)) throw error;
    return new UnreadableCommit(entry, error.problem);
  }
}

/** Throws the error of a plain request. If the commit is stored already, that is the error, even if the term is over. */
function rethrowCancelled({ lease, token }: Fence) {
  return (error: unknown): never => {
    if (!(error instanceof TransactionCanceledException)) throw error;
    const [put, check] = error.CancellationReasons ?? [];
    const { message, $metadata } = error;
    if (put?.Code === 'ConditionalCheckFailed') {
      throw new ConditionalCheckFailedException({ message, $metadata, ...(put.Item && { Item: put.Item }) });
    }
    if (check?.Code === 'ConditionalCheckFailed') throw new Deposed(ENGINE, lease, token);
    // Throttling, or a conflict with a heartbeat. The error gets the name that it has outside of transactions.
    const code = [put, check].map((reason) => reason?.Code).find((known) => known !== undefined && known !== 'None');
    throw code ? Object.assign(error, { name: `${code.replace(/Error$/, '')}Exception` }) : error;
  };
}

/**
 * Creates the table with point-in-time recovery and, if a Kinesis stream is given, sends the table's changes to it. Only for
 * engines on this machine. In AWS the deployment stack creates the table from the same constants.
 */
export async function createEventsTable(options: {
  client: DynamoDBClient;
  table: string;
  streamArn?: string | undefined;
}): Promise<void> {
  const { client, table, streamArn } = options;
  await ensureRecoverableTable(client, table, EVENTS_TABLE);
  if (streamArn) await retrySetUp(() => sendChanges(client, table, streamArn));
}

/** A table accepts a destination only once. */
async function sendChanges(client: DynamoDBClient, table: string, streamArn: string): Promise<void> {
  const { KinesisDataStreamDestinations = [] } = await client.send(
    new DescribeKinesisStreamingDestinationCommand({ TableName: table }),
  );
  if (KinesisDataStreamDestinations.some((known) => known.StreamArn === streamArn && isSending(known))) return;
  const precision = { ApproximateCreationDateTimePrecision: CHANGE_TIME_PRECISION } as const;
  await client.send(
    new EnableKinesisStreamingDestinationCommand({
      TableName: table,
      StreamArn: streamArn,
      EnableKinesisStreamingConfiguration: precision,
    }),
  );
}

function isSending({ DestinationStatus }: KinesisDataStreamDestination): boolean {
  return DestinationStatus === 'ACTIVE' || DestinationStatus === 'ENABLING';
}
