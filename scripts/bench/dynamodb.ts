// The bench on DynamoDB: our commands compared with raw conditional puts.
import { randomBytes } from 'node:crypto';
import { DeleteTableCommand, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { createDynamoClient } from '../../infra/aws.js';
import { createDynamoEventStore, createEventsTable } from '../../infra/event-store/dynamodb/dynamodb-event-store.js';
import { toItem } from '../../infra/event-store/dynamodb/dynamodb-item.js';
import { CALLERS, type RatioBench } from './bench.js';
import type { Side } from './measure.js';
import { codec, commitsOf, placeOrder, runnerOn } from './work.js';

/** Tasks of a round. */
const ORDERS = 1_000;

/** Local engines accept any region. */
const REGION = 'us-east-1';

export const dynamodb: RatioBench = {
  kind: 'ratio',
  name: 'dynamodb',
  inFlight: CALLERS,
  target: 0.85,
  how: 'commands on DynamoDB, one order per stream ÷ conditional puts of the same commits by the same client',
  async open(engines) {
    const client = createDynamoClient({ region: REGION, endpoint: await engines.dynamodb() });
    const run = randomBytes(6).toString('hex');
    const [table, rawTable] = [`bench_${run}_events`, `bench_${run}_raw`];
    for (const name of [table, rawTable]) await createEventsTable({ client, table: name });
    return {
      ours: commands(client, table),
      raw: puts(client, rawTable),
      async close() {
        for (const name of [table, rawTable]) await client.send(new DeleteTableCommand({ TableName: name }));
        client.destroy();
      },
    };
  },
};

function commands(client: DynamoDBClient, table: string): Side {
  const store = createDynamoEventStore({ client, table, codec });
  return {
    callers: CALLERS,
    tasks: ORDERS,
    async prepare(tasks) {
      const runner = runnerOn(store);
      return Array.from({ length: tasks }, placeOrder).map((issue) => () => issue(runner));
    },
  };
}

function puts(client: DynamoDBClient, table: string): Side {
  return {
    callers: CALLERS,
    tasks: ORDERS,
    async prepare(tasks) {
      const commits = await commitsOf(Array.from({ length: tasks }, placeOrder));
      const condition = { TableName: table, ConditionExpression: 'attribute_not_exists(pk)' };
      return commits.map(toItem).map((Item) => () => client.send(new PutItemCommand({ ...condition, Item })));
    },
  };
}
