// The log in DynamoDB as functions and programs use it that do not read its changes from Kinesis.

import { ensureExpiringTable } from '../../expiring-table.js';
import { type DynamoParts, dynamoParts } from '../../modules/dynamodb-server.js';
import { type EventStoreParts, lazy, type Parts, type Recipes } from '../../modules/parts.js';
import { TABLES } from '../../stores/dynamodb-store.js';
import { createDynamoEventStore, createEventsTable } from './dynamodb-event-store.js';
import { createDynamoSnapshotTexts, SNAPSHOTS_TABLE } from './dynamodb-snapshots.js';

export interface ChangesParts {
  /** The stream of the log's changes. The ARN is known only of a local stream, which is created here. */
  changes: { name: string; arn: string | undefined };
}

export const dynamodbLogParts = {
  ...dynamoParts,

  eventStore: ({ dynamodb: { client, name, isLocal }, changes, codec, clock }) =>
    lazy(async () => {
      const table = name(TABLES.events);
      if (isLocal) await createEventsTable({ client, table, streamArn: changes.arn });
      return createDynamoEventStore({ client, table, leases: name(TABLES.leases), codec, clock });
    }),

  snapshotTexts: ({ dynamodb: { client, name, isLocal }, clock }) =>
    lazy(async () => {
      const table = name(TABLES.snapshots);
      if (isLocal) await ensureExpiringTable(client, table, SNAPSHOTS_TABLE);
      return createDynamoSnapshotTexts({ client, table, clock });
    }),
} satisfies Recipes<
  Pick<EventStoreParts, 'eventStore' | 'snapshotTexts'> & DynamoParts,
  Parts & DynamoParts & ChangesParts
>;
