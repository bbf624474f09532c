// The object stores: the contract on a folder and on S3, and what only one of them has.
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectRetentionCommand, type S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { objectsContract } from '../../test/contracts/objects.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { freshFolder } from '../../test/running-shop.js';
import { createFolderObjects } from './folder-objects.js';
import { createS3Client, createS3Objects, ensureBucket } from './s3-objects.js';

const MODE_BITS = 0o777;

describe('Objects in a folder', () => {
  objectsContract(async () => createFolderObjects(join(await freshFolder(), 'objects')));

  it('are read-only files, without the drafts that killed programs left', async () => {
    const root = await freshFolder();
    const objects = createFolderObjects(root).of('log');
    await objects.putOnce('a/b', Buffer.from('x'));
    expect((await stat(join(root, 'log/a/b'))).mode & MODE_BITS).to.equal(0o444);
    await writeFile(join(root, 'log/a/c.77-0123abcd'), 'half of it');
    const found: string[] = [];
    for await (const name of objects.list('a/')) found.push(name);
    expect(found).to.deep.equal(['a/b']);
    expect(await objects.putOnce('a/c', Buffer.from('whole'))).to.equal(true);
    expect(await readdir(join(root, 'log/a'))).to.have.members(['b', 'c', 'c.77-0123abcd']);
    await chmod(join(root, 'log/a/b'), 0o644);
  });
});

describeWith('s3', 'Objects in S3', (engines) => {
  let client: S3Client;
  const bucket = freshName('objects').replaceAll('_', '-');

  before(async () => {
    client = createS3Client({ region: 'eu-west-1', endpoint: engines.aws() });
    await Promise.all([ensureBucket(client, bucket), ensureBucket(client, bucket)]);
    await ensureBucket(client, bucket);
  });
  after(() => client.destroy());

  objectsContract(() => createS3Objects({ client, bucket, prefix: 'shop' }));

  it('are locked against deletion for some time', async () => {
    await createS3Objects({ client, bucket, prefix: 'shop' }).of('log').putOnce('locked', Buffer.from('x'));
    const { Retention } = await client.send(new GetObjectRetentionCommand({ Bucket: bucket, Key: 'shop/log/locked' }));
    expect(Retention?.Mode).to.equal('GOVERNANCE');
  });
});
