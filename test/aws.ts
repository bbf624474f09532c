// DynamoDB and Kinesis for tests: clients of the local engine, injected faults, and the cost of writes.
import { Readable } from 'node:stream';
import type { DynamoDBClient, PutItemCommandInput } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { KMSClient } from '@aws-sdk/client-kms';
import type { S3Client } from '@aws-sdk/client-s3';
import { createDynamoClient, createKinesisClient } from '../infra/aws.js';
import { createKmsClient } from '../infra/crypto/kms-key-wrap.js';
import type { Item } from '../infra/event-store/dynamodb/dynamodb-item.js';
import { createS3Client } from '../infra/objects/s3-objects.js';
import { describeWith } from './engines.js';
import { the } from './the.js';

export interface TestAws {
  /** Address of the local engine, and the region of the clients. */
  options(): { region: string; endpoint: string };
  /** A new client each time, so that tests do not affect each other. */
  dynamodb(): DynamoDBClient;
  kinesis(): KinesisClient;
  s3(): S3Client;
  kms(): KMSClient;
}

export function describeOnAws(title: string, define: (aws: TestAws) => void): void {
  describeWith(['dynamodb', 'kinesis'], title, (engines) => {
    const clients: { destroy(): void }[] = [];
    after(() => {
      for (const client of clients.splice(0)) client.destroy();
    });
    const options = () => ({ region: 'us-east-1', endpoint: engines.aws() });
    const open = <C extends { destroy(): void }>(create: (options: { region: string; endpoint: string }) => C): C => {
      const client = create(options());
      clients.push(client);
      return client;
    };
    define({
      options,
      dynamodb: () => open(createDynamoClient),
      kinesis: () => open(createKinesisClient),
      s3: () => open(createS3Client),
      kms: () => open(createKmsClient),
    });
  });
}

/** An AWS error by its name, a connection that breaks before or after the request, or no fault. */
export type Fault = { error: string; status?: number; date?: number } | 'no connection' | 'reply lost' | undefined;

/**
 * Called for every request with its operation: `PutItem`, for S3 `PUT /bucket/key`. Faults come from the network layer, so that
 * the whole client meets them.
 */
export function injectFaults(
  client: DynamoDBClient | KinesisClient | S3Client | KMSClient,
  faultOf: (operation: string) => Fault,
): void {
  const handler = client.config.requestHandler as unknown as Handler;
  const handle = handler.handle.bind(handler);
  handler.handle = async (request, options) => {
    const fault = faultOf(operationOf(request));
    if (fault === undefined) return handle(request, options);
    if (typeof fault === 'object') return { response: refusal(fault) };
    if (fault === 'reply lost') await handle(request, options);
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  };
}

interface Handler {
  handle(request: SentRequest, options: unknown): Promise<{ response: unknown }>;
}

interface SentRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
}

function operationOf({ method, path, headers }: SentRequest): string {
  return headers['x-amz-target']?.split('.')[1] ?? `${method} ${path}`;
}

function refusal({ error, status = 400, date = Date.now() }: Exclude<Fault, string | undefined>) {
  return {
    statusCode: status,
    headers: { 'content-type': 'application/x-amz-json-1.0', date: new Date(date).toUTCString() },
    body: Readable.from([JSON.stringify({ __type: `com.amazonaws#${error}`, message: 'injected by the test' })]),
  };
}

/** The operations that the client sends, in order. */
export function recordOperations(client: DynamoDBClient | KinesisClient | KMSClient): string[] {
  const operations: string[] = [];
  injectFaults(client, (operation) => {
    operations.push(operation);
    return undefined;
  });
  return operations;
}

/** The write units that DynamoDB charges for the client's puts, on the table and its keys-only index, by the documented sizes. */
export function meterWrites(client: DynamoDBClient): { table: number; index: number } {
  const units = { table: 0, index: 0 };
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (request) => {
        if (commandName === 'PutItemCommand') {
          const item = the((request.input as PutItemCommandInput).Item);
          const { pk, sk, lp, at } = item;
          units.table += Math.ceil(bytesOf(item) / 1024);
          units.index += Math.ceil(bytesOf({ pk, sk, lp, at } as Item) / 1024);
        }
        return next(request);
      },
    { step: 'initialize' },
  );
  return units;
}

/**
 * Names and values in UTF-8. A number takes one byte for two digits plus one; a list takes three bytes plus one for each element.
 */
function bytesOf(item: Item): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0);
}

function valueBytes(value: Item[string]): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.length / 2) + 1;
  if (value.L !== undefined) return value.L.reduce((sum, element) => sum + 1 + valueBytes(element), 3);
  throw new TypeError(`Attributes like ${JSON.stringify(value)} are not part of a commit.`);
}
