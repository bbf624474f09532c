// AWS clients for our adapters: one attempt per call (our adapters retry within a budget), each with a time limit.
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  UpdateContinuousBackupsCommand,
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

// Suppresses the SDK's warnings about Node versions that it will drop, which would appear in our output. The README names them.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const CONNECT_TIMEOUT_MS = 3_000;
const DYNAMODB_TIMEOUT_MS = 2_000;
/** One GetRecords may return 10 MB. */
const KINESIS_TIMEOUT_MS = 10_000;
const MAX_SOCKETS = 64;
const SET_UP_BUDGET_MS = 60_000;

export interface AwsOptions {
  region: string;
  /** An engine on this machine, which accepts any credentials. Without it: AWS, with the SDK's default credentials. */
  endpoint?: string;
}

/** A request waits while all sockets are in use. The time limits apply only to requests in progress. */
export function createDynamoClient(options: AwsOptions): DynamoDBClient {
  const client = new DynamoDBClient(clientConfig(options, DYNAMODB_TIMEOUT_MS));
  const inTurn = createTurns(MAX_SOCKETS);
  client.middlewareStack.add((next) => (args) => inTurn(() => next(args)), {
    step: 'finalizeRequest',
    name: 'waitForSocket',
  });
  return client;
}

/** Uses HTTP/1. The SDK's default, HTTP/2, has no advantage for polling, and not every local engine supports it. */
export function createKinesisClient(options: AwsOptions): KinesisClient {
  return new KinesisClient(clientConfig(options, KINESIS_TIMEOUT_MS));
}

export function clientConfig({ region, endpoint }: AwsOptions, requestTimeout: number) {
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
  // Timeouts of the request handler and of our code.
  'TimeoutError',
  'AbortError',
  // Network errors.
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** True if the identical request may succeed later: throttling, temporary conflicts, 5xx and network errors. */
export function isTransient(error: unknown): boolean {
  const { name, code, $metadata } = error as { name?: string; code?: string; $metadata?: { httpStatusCode?: number } };
  return TRANSIENT.has(name ?? '') || TRANSIENT.has(code ?? '') || ($metadata?.httpStatusCode ?? 0) >= 500;
}

export type TableDefinition = Omit<CreateTableCommandInput, 'TableName'>;

/**
 * Creates the table if it does not exist, and waits until it is active. Only for engines on this machine; in AWS the stack
 * creates it.
 */
export async function ensureTable(client: DynamoDBClient, table: string, definition: TableDefinition): Promise<void> {
  await retrySetUp(() => unlessThere(client.send(new CreateTableCommand({ TableName: table, ...definition }))));
  await waitUntilTableExists({ client, ...WAIT }, { TableName: table });
}

/** Part of a `TableDefinition`: protects a table against deletion if its data cannot be restored from elsewhere. */
export const PROTECTED = { DeletionProtectionEnabled: true } as const;

/** The same for such a table, with point-in-time recovery. In AWS the stack enables it. */
export async function ensureRecoverableTable(
  client: DynamoDBClient,
  table: string,
  definition: TableDefinition & typeof PROTECTED,
): Promise<void> {
  await ensureTable(client, table, definition);
  const recovery = { PointInTimeRecoveryEnabled: true };
  const backups = new UpdateContinuousBackupsCommand({ TableName: table, PointInTimeRecoverySpecification: recovery });
  await retrySetUp(() => client.send(backups));
}

/** The same for a Kinesis stream. Returns its ARN. */
export async function ensureStream(client: KinesisClient, streamName: string, shards: number): Promise<string> {
  const stream = { StreamName: streamName };
  await retrySetUp(() => unlessThere(client.send(new CreateStreamCommand({ ...stream, ShardCount: shards }))));
  await waitUntilStreamExists({ client, ...WAIT }, stream);
  const { StreamDescriptionSummary } = await retrySetUp(() => client.send(new DescribeStreamSummaryCommand(stream)));
  const arn = StreamDescriptionSummary?.StreamARN;
  if (!arn) throw new Error(`Kinesis gave no ARN for ${streamName}.`);
  return arn;
}

const WAIT = { minDelay: 1, maxDelay: 2, maxWaitTime: SET_UP_BUDGET_MS / 1000 };

/** Retries set-up requests to an engine that is busy or just starting. */
export function retrySetUp<T>(request: () => Promise<T>): Promise<T> {
  return withinBudget({ engine: 'AWS', budgetMs: SET_UP_BUDGET_MS, isRetryable: isTransient }, request);
}

async function unlessThere(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if ((error as Error).name !== 'ResourceInUseException') throw error;
  }
}
