// The event store `dynamodb`: the log and its snapshots in DynamoDB, and its changes through Kinesis.
import type { EventStoreDefinition } from '../definition.js';

export const dynamodb: EventStoreDefinition = {
  isInPostgres: false,
  engines: [{ name: 'ministack', variable: 'AWS_ENDPOINT_URL' }],
};
