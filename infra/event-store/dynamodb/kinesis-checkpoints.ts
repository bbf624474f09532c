// Checkpoints of each consumer in each shard of a Kinesis stream, kept in DynamoDB.
import { type DynamoDBClient, PutItemCommand, paginateQuery } from '@aws-sdk/client-dynamodb';
import type { TableDefinition } from '../../aws.js';

/** A consumer name here includes the name of the stream. A position is a sequence number or `SHARD_END`. */
export interface FeedCheckpoints {
  load(consumer: string): Promise<ReadonlyMap<string, string>>;
  save(consumer: string, shard: string, position: string): Promise<void>;
}

/** The shard was closed by a split or a merge, and was read to its end. */
export const SHARD_END = 'SHARD_END';

export const FEED_CHECKPOINTS_TABLE = {
  AttributeDefinitions: [
    { AttributeName: 'consumer', AttributeType: 'S' },
    { AttributeName: 'shard', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'consumer', KeyType: 'HASH' },
    { AttributeName: 'shard', KeyType: 'RANGE' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies TableDefinition;

/** All actions that IAM must allow on the table. @public */
export const FEED_CHECKPOINTS_ACTIONS = ['dynamodb:PutItem', 'dynamodb:Query'] as const;

/** Errors of the client are not wrapped: the reader of the feed retries anyway. */
export function createDynamoCheckpoints({ client, table }: { client: DynamoDBClient; table: string }): FeedCheckpoints {
  return {
    async load(consumer) {
      const positions = new Map<string, string>();
      const pages = paginateQuery(
        { client },
        {
          TableName: table,
          ConsistentRead: true,
          KeyConditionExpression: 'consumer = :consumer',
          ExpressionAttributeValues: { ':consumer': { S: consumer } },
        },
      );
      for await (const { Items = [] } of pages) {
        for (const { shard, position } of Items) positions.set(shard!.S!, position!.S!);
      }
      return positions;
    },
    async save(consumer, shard, position) {
      const Item = { consumer: { S: consumer }, shard: { S: shard }, position: { S: position } };
      await client.send(new PutItemCommand({ TableName: table, Item }));
    },
  };
}
