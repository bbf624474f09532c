// DynamoDB, which the profile `aws` and the event store `dynamodb` use: in AWS itself, or at AWS_ENDPOINT_URL.
import { type DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { type AwsOptions, createDynamoClient } from '../aws.js';
import { engineAddresses } from '../engines/addresses.js';
import type { ShopConfig } from '../shop-config.js';
import { lazy, type Parts, type Recipes } from './parts.js';
import { addressOf, type Engine } from './reachable.js';

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
  dynamoServer: DynamoServer;
  dynamodb: DynamoServer;
}

export const dynamoParts = {
  awsOptions: ({ config: { awsRegion: region } }) =>
    lazy(async () => {
      const { awsEndpoint: endpoint } = await engineAddresses();
      return endpoint === undefined ? { region, address: region } : { region, endpoint, address: addressOf(endpoint) };
    }),

  dynamoServer: ({ config, awsOptions, lifecycle, untilReachable }) =>
    lazy(async () => {
      const { address, ...options } = awsOptions;
      const client = createDynamoClient(options);
      lifecycle.onClose(() => client.destroy());
      const ping = () => client.send(new ListTablesCommand({ Limit: 1 }));
      const engine = { name: 'DynamoDB', address, ping };
      await untilReachable(engine);
      const prefix = prefixOf(config);
      return { client, engine, name: (kind) => `${prefix}-${kind}`, isLocal: options.endpoint !== undefined };
    }),

  dynamodb: ({ dynamoServer, claimed: _ }) => lazy(() => dynamoServer),
} satisfies Recipes<DynamoParts, Parts & DynamoParts>;

/** Each pair of profile and namespace has its own names. A namespace has no underscore. */
function prefixOf({ profile, namespace }: ShopConfig): string {
  return profile === 'aws' ? namespace : `${namespace}_${profile}`;
}
