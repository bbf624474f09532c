import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import type { Pool } from 'pg';
import { sessionsContract } from '../../test/contracts/sessions.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createDynamoClient } from '../aws.js';
import { ensureExpiringTable } from '../expiring-table.js';
import { createPool } from '../postgres.js';
import { createDynamoSessions, SESSIONS_TABLE } from './sessions-dynamodb.js';
import { createPostgresSessions, prepareSessions } from './sessions-postgres.js';

describeWith('postgres', 'sessions in Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await prepareSessions(pool);
  });
  after(() => pool.end());

  sessionsContract(async () => createPostgresSessions(pool));

  it('purges expired sessions and nothing else', async () => {
    const sessions = createPostgresSessions(pool);
    await sessions.purge(Number.MAX_SAFE_INTEGER);
    for (const expiresAt of [1_000, 2_000]) {
      await sessions.open({
        customerId: 'customer_1',
        id: `session_${expiresAt}`,
        guest: true,
        generation: 0,
        expiresAt,
      });
    }
    expect(await sessions.purge(1_000)).to.equal(1);
    expect(await sessions.purge(1_000)).to.equal(0);
  });
});

describeWith('dynamodb', 'sessions in DynamoDB', (engines) => {
  const table = freshName('sessions');
  let client: DynamoDBClient;
  before(async () => {
    client = createDynamoClient({ region: 'eu-west-1', endpoint: engines.aws() });
    await ensureExpiringTable(client, table, SESSIONS_TABLE);
  });
  after(() => client.destroy());

  sessionsContract(async () => createDynamoSessions({ client, table }));
});
