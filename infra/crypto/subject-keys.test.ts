import { expect } from 'chai';
import type { Pool } from 'pg';
import { describeOnAws } from '../../test/aws.js';
import { personalDataContract } from '../../test/contracts/personal-data.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { ensureTable } from '../aws.js';
import { createPool } from '../postgres.js';
import { createDynamoSubjectKeys, SUBJECT_KEYS_TABLE } from './subject-keys-dynamodb.js';
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
    await ensureTable(aws.dynamodb(), table, SUBJECT_KEYS_TABLE);
    return createDynamoSubjectKeys({ client: aws.dynamodb(), table });
  });
});
