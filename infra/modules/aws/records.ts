// What the profile `aws` keeps in DynamoDB beside the log: data keys, sessions and idempotency records.
import { createDynamoSubjectKeys, createSubjectKeysTable } from '../../crypto/subject-keys-dynamodb.js';
import { ensureExpiringTable } from '../../expiring-table.js';
import { createDynamoIdempotency, IDEMPOTENCY_TABLE } from '../../idempotency/dynamodb-idempotency.js';
import { createDynamoSessions, SESSIONS_TABLE } from '../../identity/sessions-dynamodb.js';
import { TABLES } from '../../stores/dynamodb-store.js';
import type { DynamoParts } from '../dynamodb-server.js';
import { lazy, type Parts, type ProfileParts, type Recipes } from '../parts.js';

export const recordParts = {
  subjectKeys: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.subjectKeys);
      if (isLocal) await createSubjectKeysTable({ client, table });
      return createDynamoSubjectKeys({ client, table });
    }),

  sessions: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.sessions);
      if (isLocal) await ensureExpiringTable(client, table, SESSIONS_TABLE);
      return createDynamoSessions({ client, table });
    }),

  idempotency: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.idempotency);
      if (isLocal) await ensureExpiringTable(client, table, IDEMPOTENCY_TABLE);
      return createDynamoIdempotency({ client, table });
    }),
} satisfies Recipes<Pick<ProfileParts, 'subjectKeys' | 'sessions' | 'idempotency'>, Parts & DynamoParts>;
