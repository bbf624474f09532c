import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Pool } from 'pg';
import { credentialsContract, preferencesContract } from '../../test/contracts/accounts.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createMemoryCredentials, createMemoryPreferences } from '../../test/memory-accounts.js';
import { createDynamoClient, ensureTable } from '../aws.js';
import { createPool } from '../postgres.js';
import { CREDENTIALS_TABLE, createDynamoCredentials } from './credentials-dynamodb.js';
import { createPostgresCredentials, prepareCredentials } from './credentials-postgres.js';
import { createDynamoPreferences, PREFERENCES_TABLE } from './preferences-dynamodb.js';
import { createPostgresPreferences, preparePreferences } from './preferences-postgres.js';

describe('The doubles of account stores', () => {
  describe('credentials', () => credentialsContract(() => createMemoryCredentials()));
  describe('preferences', () => preferencesContract(() => createMemoryPreferences()));
});

describeWith('postgres', 'Account stores in Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await prepareCredentials(pool);
    await preparePreferences(pool);
  });
  after(() => pool.end());

  describe('credentials', () => credentialsContract(() => createPostgresCredentials(pool)));
  describe('preferences', () => preferencesContract(() => createPostgresPreferences(pool)));
});

describeWith('dynamodb', 'Account stores in DynamoDB', (engines) => {
  const [credentials, preferences] = [freshName('credentials'), freshName('preferences')];
  let client: DynamoDBClient;
  before(async () => {
    client = createDynamoClient({ region: 'eu-west-1', endpoint: engines.aws() });
    await ensureTable(client, credentials, CREDENTIALS_TABLE);
    await ensureTable(client, preferences, PREFERENCES_TABLE);
  });
  after(() => client.destroy());

  describe('credentials', () => credentialsContract(() => createDynamoCredentials({ client, table: credentials })));
  describe('preferences', () => preferencesContract(() => createDynamoPreferences({ client, table: preferences })));
});
