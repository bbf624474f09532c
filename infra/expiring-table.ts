// DynamoDB tables whose items expire by themselves. DynamoDB deletes up to two days late, so readers compare the time, too.
import { DescribeTimeToLiveCommand, type DynamoDBClient, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { ensureTable, type TableDefinition } from './aws.js';

/** The attribute that says when an item expires, in seconds since 1970. */
export const TTL_ATTRIBUTE = 'ttl';

/** Makes the table unless it is there, and has its items expire. For engines on this machine; AWS's come from its stack. */
export async function ensureExpiringTable(
  client: DynamoDBClient,
  table: string,
  definition: TableDefinition,
): Promise<void> {
  await ensureTable(client, table, definition);
  if (await expires(client, table)) return;
  const TimeToLiveSpecification = { AttributeName: TTL_ATTRIBUTE, Enabled: true };
  try {
    await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }));
  } catch (error) {
    if (!(await expires(client, table))) throw error; // else another process was first
  }
}

async function expires(client: DynamoDBClient, table: string): Promise<boolean> {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }));
  return /^ENABL/.test(TimeToLiveDescription?.TimeToLiveStatus ?? '');
}
