// DynamoDB, which the profile `aws` and the event store `dynamodb` use: in AWS itself, or at AWS_ENDPOINT_URL.
import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { type AwsOptions, createDynamoClient } from '../aws.js';
import type { ShopConfig } from '../shop-config.js';
import { TABLES } from '../stores/dynamodb-store.js';
import { lazy, type Parts, type Recipes } from './parts.js';
import { addressOf, type Engine, PING_TIMEOUT_MS } from './reachable.js';

export interface DynamoServer {
  client: DynamoDBClient;
  engine: Engine;
  /** The full name of a table or stream. */
  name(kind: string): string;
  /** True if the engine runs on this machine. The program then creates the tables and streams. */
  isLocal: boolean;
}

/** The engine, first as a client that answers, then with this shop's data. */
export interface DynamoParts {
  /** For all AWS clients. `address` is for messages. */
  awsOptions: AwsOptions & { address: string };
  dynamoClient: DynamoDBClient;
  dynamoServer: DynamoServer;
  dynamodb: DynamoServer;
}

export const dynamoParts = {
  awsOptions: ({ config: { awsRegion: region }, addresses: { awsEndpoint: endpoint } }) =>
    lazy(() => {
      return endpoint === undefined ? { region, address: region } : { region, endpoint, address: addressOf(endpoint) };
    }),

  dynamoClient: ({ awsOptions, lifecycle }) =>
    lazy(() => {
      const { address: _, ...options } = awsOptions;
      const client = createDynamoClient(options);
      lifecycle.onClose(() => client.destroy());
      return client;
    }),

  dynamoServer: ({ config, awsOptions: { address, endpoint }, dynamoClient: client }) =>
    lazy(() => {
      const name = namesOf(config);
      const check = () => readNothing(client, name(TABLES.mark), ['id']);
      const engine: Engine = { name: 'DynamoDB', address, serves: 'commands', ping: () => orNotFound(check()), check };
      return { client, engine, name, isLocal: endpoint !== undefined };
    }),

  dynamodb: ({ dynamoServer, claimed: _ }) => lazy(() => dynamoServer),
} satisfies Recipes<DynamoParts, Parts & DynamoParts>;

/** Full names of tables and streams. Each pair of profile and namespace has its own. A namespace has no underscore. */
export function namesOf({ profile, namespace }: ShopConfig): DynamoServer['name'] {
  const prefix = profile === 'aws' ? namespace : `${namespace}_${profile}`;
  return (kind) => `${prefix}-${kind}`;
}

/** Looks for an item that does not exist, with a time limit. */
export function readNothing(client: DynamoDBClient, table: string, keys: readonly string[]): Promise<unknown> {
  const Key = Object.fromEntries(keys.map((key) => [key, { S: '-' }]));
  const options = { abortSignal: AbortSignal.timeout(PING_TIMEOUT_MS) };
  return client.send(new GetItemCommand({ TableName: table, Key }), options);
}

/** A table or stream that is not there yet is an answer, too. */
export async function orNotFound(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if ((error as Error).name !== 'ResourceNotFoundException') throw error;
  }
}
