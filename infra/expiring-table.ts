// DynamoDB tables whose items expire. DynamoDB deletes up to two days late, so readers also check the time.
import { DescribeTimeToLiveCommand, type DynamoDBClient, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { ensureTable, type TableDefinition } from './aws.js';

/** The attribute with the expiry time of an item, in seconds since 1970. */
export const TTL_ATTRIBUTE = 'ttl';

/** Creates the table if it does not exist, and enables expiry. Only for engines on this machine; in AWS the stack creates it. */
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
    if (!(await expires(client, table))) throw error; // otherwise another process was first
  }
}

async function expires(client: DynamoDBClient, table: string): Promise<boolean> {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }));
  return /^ENABL/.test(TimeToLiveDescription?.TimeToLiveStatus ?? '');
}
