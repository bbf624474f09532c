import { DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { describeWith, freshName } from '../test/engines.js';
import { createDynamoClient } from './aws.js';
import { ensureExpiringTable, TTL_ATTRIBUTE } from './expiring-table.js';
import { SESSIONS_TABLE } from './identity/sessions-dynamodb.js';

describeWith('dynamodb', 'an expiring table', (engines) => {
  it('is made once, with expiry on, by processes that start together', async () => {
    const client = createDynamoClient({ region: 'eu-west-1', endpoint: engines.aws() });
    const table = freshName('expiring');
    const make = () => ensureExpiringTable(client, table, SESSIONS_TABLE);
    await Promise.all([make(), make(), make()]);
    await make();
    const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }));
    expect(TimeToLiveDescription).to.deep.equal({ TimeToLiveStatus: 'ENABLED', AttributeName: TTL_ATTRIBUTE });
    client.destroy();
  });
});
