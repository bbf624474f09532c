import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { idempotencyContract } from '../../test/contracts/idempotency.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createDynamoClient } from '../aws.js';
import { ensureExpiringTable } from '../expiring-table.js';
import { createDynamoIdempotency, IDEMPOTENCY_TABLE } from './dynamodb-idempotency.js';

describeWith('dynamodb', 'idempotency records in DynamoDB', (engines) => {
  const table = freshName('idempotency');
  let client: DynamoDBClient;
  before(async () => {
    client = createDynamoClient({ region: 'eu-west-1', endpoint: engines.aws() });
    await ensureExpiringTable(client, table, IDEMPOTENCY_TABLE);
  });
  after(() => client.destroy());

  idempotencyContract(async () => createDynamoIdempotency({ client, table }));
});
