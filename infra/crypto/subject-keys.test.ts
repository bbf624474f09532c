import { DeleteTableCommand, DescribeContinuousBackupsCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import type { Pool } from 'pg';
import { describeOnAws } from '../../test/aws.js';
import { personalDataContract } from '../../test/contracts/personal-data.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createPool } from '../postgres.js';
import { createDynamoSubjectKeys, createSubjectKeysTable as createDynamoTable } from './subject-keys-dynamodb.js';
import { createPostgresSubjectKeys, createSubjectKeysTable } from './subject-keys-postgres.js';

describeWith('postgres', 'Personal data with its keys in Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await createSubjectKeysTable(pool);
  });
  after(() => pool.end());

  personalDataContract(async () => createPostgresSubjectKeys(pool));

  it('leaves no key in the row of someone forgotten', async () => {
    const keys = createPostgresSubjectKeys(pool);
    await keys.createIfAbsent('customer_1', Buffer.from('wrapped'));
    await keys.forget('customer_1');
    const { rows } = await pool.query('select wrapped from subject_keys where subject = $1', ['customer_1']);
    expect(rows).to.deep.equal([{ wrapped: null }]);
  });
});

describeOnAws('Personal data with its keys in DynamoDB', (aws) => {
  const table = freshName('subject_keys');

  personalDataContract(async () => {
    await createDynamoTable({ client: aws.dynamodb(), table });
    return createDynamoSubjectKeys({ client: aws.dynamodb(), table });
  });

  it('is in a table that can be restored to any time, and cannot be deleted by mistake', async () => {
    const client = aws.dynamodb();
    const own = freshName('subject_keys');
    for (let n = 0; n < 2; n++) await createDynamoTable({ client, table: own });
    const { ContinuousBackupsDescription: backups } = await client.send(
      new DescribeContinuousBackupsCommand({ TableName: own }),
    );
    expect(backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).to.equal('ENABLED');
    const deleted = await client.send(new DeleteTableCommand({ TableName: own })).catch((error: Error) => error);
    expect(deleted).to.have.property('message').that.includes('protected against deletion');
  });
});
