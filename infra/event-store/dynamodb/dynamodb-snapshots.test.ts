import { randomBytes } from 'node:crypto';
import { type AttributeValue, DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { describeOnAws } from '../../../test/aws.js';
import { snapshotStoreContract } from '../../../test/contracts/snapshot-store.contract.js';
import { freshName } from '../../../test/engines.js';
import { the } from '../../../test/the.js';
import { createKeyedHash } from '../../crypto/master-key.js';
import { ensureExpiringTable } from '../../expiring-table.js';
import { createAuthenticSnapshots } from '../authentic-snapshots.js';
import { createDynamoSnapshotTexts, SNAPSHOTS_TABLE } from './dynamodb-snapshots.js';

describeOnAws('Snapshots', (aws) => {
  const table = freshName('snapshots');
  before(() => ensureExpiringTable(aws.dynamodb(), table, SNAPSHOTS_TABLE));
  const open = (clock = Date.now) => createDynamoSnapshotTexts({ client: aws.dynamodb(), table, clock });

  snapshotStoreContract('DynamoDB', open);

  it('of a state too large for an item are kept in parts, completely or not at all', async () => {
    const texts = open();
    const large = (char: string) => char.repeat(350_000);
    await texts.save('stock#large', 1, { commitNo: 1, text: large('ö') });
    expect(await texts.load('stock#large', 1)).to.deep.equal({ commitNo: 1, text: large('ö') });
    // An older snapshot changes nothing. A newer one replaces everything, and may be small again.
    await texts.save('stock#large', 1, { commitNo: 3, text: large('ä') });
    await texts.save('stock#large', 1, { commitNo: 2, text: large('ü') });
    expect(await texts.load('stock#large', 1)).to.deep.equal({ commitNo: 3, text: large('ä') });
    await texts.save('stock#large', 1, { commitNo: 4, text: 'small' });
    expect(await texts.load('stock#large', 1)).to.deep.equal({ commitNo: 4, text: 'small' });
  });

  it('with an expired part are missing, and are made again', async () => {
    const texts = open();
    await texts.save('stock#part', 1, { commitNo: 1, text: 'x'.repeat(500_000) });
    const { Item } = await aws
      .dynamodb()
      .send(new GetItemCommand({ TableName: table, Key: { stream: { S: 'stock#part' }, fold: { N: '1' } } }));
    const Key = { stream: the(Item?.parts), fold: { N: '1' } };
    expect((await aws.dynamodb().send(new GetItemCommand({ TableName: table, Key }))).Item).to.have.property('ttl');
    await aws.dynamodb().send(new DeleteItemCommand({ TableName: table, Key }));
    expect(await texts.load('stock#part', 1)).to.equal(undefined);
    await texts.save('stock#part', 1, { commitNo: 2, text: 'y'.repeat(500_000) });
    expect(await texts.load('stock#part', 1)).to.deep.equal({ commitNo: 2, text: 'y'.repeat(500_000) });
  });

  it('that are too large to read are not kept, and cause no error', async () => {
    const texts = open();
    await texts.save('stock#huge', 1, { commitNo: 1, text: 'x' });
    await texts.save('stock#huge', 1, { commitNo: 2, text: 'x'.repeat(17 * 1024 * 1024) });
    expect(await texts.load('stock#huge', 1)).to.deep.equal({ commitNo: 1, text: 'x' });
  });

  it('with missing fields or fields of another type are dropped', async () => {
    const texts = open();
    const dropped: string[] = [];
    const snapshots = createAuthenticSnapshots({
      texts,
      keyedHash: createKeyedHash(randomBytes(32)),
      onDropped: (stream) => void dropped.push(stream),
    });
    const odd: Record<string, AttributeValue>[] = [
      {},
      { commitNo: { S: 'x' }, text: { N: '1' } },
      { commitNo: { N: '1' }, parts: { S: 'x' } },
      { commitNo: { N: '1' }, parts: { S: 'x' }, count: { N: '1e9' } },
    ];
    for (const [n, fields] of odd.entries()) {
      const Item = { stream: { S: `stock#odd${n}` }, fold: { N: '1' }, ...fields };
      await aws.dynamodb().send(new PutItemCommand({ TableName: table, Item }));
      expect(await snapshots.load(`stock#odd${n}`, 1)).to.equal(undefined);
      expect(await texts.load(`stock#odd${n}`, 1)).to.equal(undefined);
    }
    expect(dropped).to.deep.equal(odd.map((_, n) => `stock#odd${n}`));
  });
});
