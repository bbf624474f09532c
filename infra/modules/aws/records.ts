// What the profile `aws` keeps in DynamoDB beside the log: data keys, credentials, sessions, preferences and idempotency
// records.

import { ensureTable } from '../../aws.js';
import { createLocalKeyWrap } from '../../crypto/master-key.js';
import { createDynamoSubjectKeys, createSubjectKeysTable } from '../../crypto/subject-keys-dynamodb.js';
import { ensureExpiringTable } from '../../expiring-table.js';
import { createDynamoIdempotency, IDEMPOTENCY_TABLE } from '../../idempotency/dynamodb-idempotency.js';
import { CREDENTIALS_TABLE, createDynamoCredentials } from '../../identity/credentials-dynamodb.js';
import { createDynamoPreferences, PREFERENCES_TABLE } from '../../identity/preferences-dynamodb.js';
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

  keyWrap: ({ config: { kmsKey }, awsOptions, masterKey, claimed: { log: shop }, subjectKeys: keys, lifecycle }) =>
    lazy(async () => {
      const local = createLocalKeyWrap(masterKey);
      if (kmsKey === undefined) return local;
      const { createKmsClient, createKmsKeyWrap } = await import('../../crypto/kms-key-wrap.js');
      const { address: _, ...options } = awsOptions;
      const client = createKmsClient(options);
      lifecycle.onClose(() => client.destroy());
      return createKmsKeyWrap({ client, keyId: kmsKey, shop, keys, local });
    }),

  sessions: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.sessions);
      if (isLocal) await ensureExpiringTable(client, table, SESSIONS_TABLE);
      return createDynamoSessions({ client, table });
    }),

  credentials: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.credentials);
      if (isLocal) await ensureTable(client, table, CREDENTIALS_TABLE);
      return createDynamoCredentials({ client, table });
    }),

  preferences: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.preferences);
      if (isLocal) await ensureTable(client, table, PREFERENCES_TABLE);
      return createDynamoPreferences({ client, table });
    }),

  idempotency: ({ dynamodb: { client, name, isLocal } }) =>
    lazy(async () => {
      const table = name(TABLES.idempotency);
      if (isLocal) await ensureExpiringTable(client, table, IDEMPOTENCY_TABLE);
      return createDynamoIdempotency({ client, table });
    }),
} satisfies Recipes<
  Pick<ProfileParts, 'subjectKeys' | 'keyWrap' | 'sessions' | 'credentials' | 'preferences' | 'idempotency'>,
  Parts & DynamoParts
>;
