// AWS clients as our adapters need them: one attempt per call (retries are ours, inside a budget), each bounded in time.
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { withinBudget } from './retry.js';
import { createTurns } from './turns.js';

// The SDK's own switch. It would warn, among our output, of Node versions that it will drop; the README says so.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const CONNECT_TIMEOUT_MS = 3_000;
const DYNAMODB_TIMEOUT_MS = 2_000;
/** One GetRecords may carry 10 MB. */
const KINESIS_TIMEOUT_MS = 10_000;
const MAX_SOCKETS = 64;
const SET_UP_BUDGET_MS = 60_000;

export interface AwsOptions {
  region: string;
  /** An engine on this machine, which takes any credentials. Without one: AWS, with the SDK's own search for credentials. */
  endpoint?: string;
}

/** A request that finds all sockets taken waits its turn: the time limits are for those that are under way. */
export function createDynamoClient(options: AwsOptions): DynamoDBClient {
  const client = new DynamoDBClient(clientConfig(options, DYNAMODB_TIMEOUT_MS));
  const inTurn = createTurns(MAX_SOCKETS);
  client.middlewareStack.add((next) => (args) => inTurn(() => next(args)), {
    step: 'finalizeRequest',
    name: 'waitForSocket',
  });
  return client;
}

/** Over HTTP/1: polling gains nothing from the SDK's default, HTTP/2, which not every local engine speaks. */
export function createKinesisClient(options: AwsOptions): KinesisClient {
  return new KinesisClient(clientConfig(options, KINESIS_TIMEOUT_MS));
}

function clientConfig({ region, endpoint }: AwsOptions, requestTimeout: number) {
  return {
    region,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
    }),
    ...(endpoint ? { endpoint, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } } : {}),
  };
}

const TRANSIENT = new Set([
  // Throttling.
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'LimitExceededException',
  'TransactionConflictException',
  'TransactionInProgressException',
  // Timeouts: the request handler's and our own.
  'TimeoutError',
  'AbortError',
  // The network.
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Would the identical request, sent again, succeed? True for throttling, conflicts in passing, 5xx and the network. */
export function isTransient(error: unknown): boolean {
  const { name, code, $metadata } = error as { name?: string; code?: string; $metadata?: { httpStatusCode?: number } };
  return TRANSIENT.has(name ?? '') || TRANSIENT.has(code ?? '') || ($metadata?.httpStatusCode ?? 0) >= 500;
}

export type TableDefinition = Omit<CreateTableCommandInput, 'TableName'>;

/** Makes the table unless it is there, and waits until it can be used. For engines on this machine; AWS's come from its stack. */
export async function ensureTable(client: DynamoDBClient, table: string, definition: TableDefinition): Promise<void> {
  await patiently(() => unlessThere(client.send(new CreateTableCommand({ TableName: table, ...definition }))));
  await waitUntilTableExists({ client, ...WAIT }, { TableName: table });
}

/** The same for a Kinesis stream. Answers its ARN. */
export async function ensureStream(client: KinesisClient, streamName: string, shards: number): Promise<string> {
  const stream = { StreamName: streamName };
  await patiently(() => unlessThere(client.send(new CreateStreamCommand({ ...stream, ShardCount: shards }))));
  await waitUntilStreamExists({ client, ...WAIT }, stream);
  const { StreamDescriptionSummary } = await patiently(() => client.send(new DescribeStreamSummaryCommand(stream)));
  return StreamDescriptionSummary!.StreamARN!;
}

const WAIT = { minDelay: 1, maxDelay: 2, maxWaitTime: SET_UP_BUDGET_MS / 1000 };

/** Setting up an engine that is busy or just coming up. */
export function patiently<T>(request: () => Promise<T>): Promise<T> {
  return withinBudget({ engine: 'AWS', budgetMs: SET_UP_BUDGET_MS, isRetryable: isTransient }, request);
}

async function unlessThere(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if ((error as Error).name !== 'ResourceInUseException') throw error;
  }
}
