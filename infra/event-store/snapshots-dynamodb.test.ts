import { expect } from 'chai';
import { START } from '../../domain/kernel/commit.js';
import { describeOnAws } from '../../test/aws.js';
import { snapshotStoreContract } from '../../test/contracts/snapshot-store.contract.js';
import { freshName } from '../../test/engines.js';
import { ensureTable } from '../aws.js';
import { createDynamoSnapshotStore, SNAPSHOTS_TABLE } from './snapshots-dynamodb.js';

describeOnAws('Snapshots', (aws) => {
  const table = freshName('snapshots');
  before(() => ensureTable(aws.dynamodb(), table, SNAPSHOTS_TABLE));

  snapshotStoreContract('DynamoDB', () => createDynamoSnapshotStore({ client: aws.dynamodb(), table }));

  it('of a state too large for an item are not kept, and disturb nobody', async () => {
    const store = createDynamoSnapshotStore({ client: aws.dynamodb(), table });
    await store.save('stock#small', 1, { position: START, state: 'x'.repeat(300_000) });
    expect(await store.load('stock#small', 1))
      .to.have.property('state')
      .with.length(300_000);
    await store.save('stock#large', 1, { position: START, state: 'x'.repeat(400_000) });
    expect(await store.load('stock#large', 1)).to.equal(undefined);
  });
});
