import { randomBytes } from 'node:crypto';
import { type AttributeValue, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { describeOnAws } from '../../test/aws.js';
import { snapshotStoreContract } from '../../test/contracts/snapshot-store.contract.js';
import { freshName } from '../../test/engines.js';
import { ensureTable } from '../aws.js';
import { createKeyedHash } from '../crypto/master-key.js';
import { createAuthenticSnapshots } from './authentic-snapshots.js';
import { createDynamoSnapshotTexts, SNAPSHOTS_TABLE } from './snapshots-dynamodb.js';

describeOnAws('Snapshots', (aws) => {
  const table = freshName('snapshots');
  before(() => ensureTable(aws.dynamodb(), table, SNAPSHOTS_TABLE));

  snapshotStoreContract('DynamoDB', () => createDynamoSnapshotTexts({ client: aws.dynamodb(), table }));

  it('of a state too large for an item are not kept, and disturb nobody', async () => {
    const texts = createDynamoSnapshotTexts({ client: aws.dynamodb(), table });
    await texts.save('stock#small', 1, { commitNo: 1, text: 'x'.repeat(300_000) });
    expect((await texts.load('stock#small', 1))?.text).to.have.length(300_000);
    await texts.save('stock#large', 1, { commitNo: 1, text: 'x'.repeat(400_000) });
    expect(await texts.load('stock#large', 1)).to.equal(undefined);
  });

  it('of which fields are missing or of another type are dropped', async () => {
    const texts = createDynamoSnapshotTexts({ client: aws.dynamodb(), table });
    const dropped: string[] = [];
    const snapshots = createAuthenticSnapshots({
      texts,
      keyedHash: createKeyedHash(randomBytes(32)),
      onDropped: (stream) => void dropped.push(stream),
    });
    const odd: Record<string, AttributeValue>[] = [{}, { commitNo: { S: 'x' }, text: { N: '1' } }];
    for (const [n, fields] of odd.entries()) {
      const Item = { stream: { S: `stock#odd${n}` }, fold: { N: '1' }, ...fields };
      await aws.dynamodb().send(new PutItemCommand({ TableName: table, Item }));
      expect(await snapshots.load(`stock#odd${n}`, 1)).to.equal(undefined);
      expect(await texts.load(`stock#odd${n}`, 1)).to.equal(undefined);
    }
    expect(dropped).to.deep.equal(['stock#odd0', 'stock#odd1']);
  });
});
