import {
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import { describeOnAws, injectFaults } from '../../test/aws.js';
import { archiveStoreContract } from '../../test/contracts/archive-store.contract.js';
import { freshName } from '../../test/engines.js';
import { createS3Archive } from './s3-archive.js';

const DAY_MS = 24 * 60 * 60_000;

describeOnAws('The archive in S3', (aws) => {
  const bucket = freshName('archive').replaceAll('_', '-');
  const open = (client = aws.s3(), changes: { clock?: () => number } = {}) =>
    createS3Archive({ client, bucket, folder: 'log', retentionDays: 30, isLocal: true, ...changes });

  archiveStoreContract(() => open());

  it('locks every object for the retention time, in a bucket with Object Lock', async () => {
    const client = aws.s3();
    await open(client).create('segments/locked', Buffer.from('a'));
    const object = { Bucket: bucket, Key: 'log/segments/locked' };
    const { Retention } = await client.send(new GetObjectRetentionCommand(object));
    expect(Retention?.Mode).to.equal('COMPLIANCE');
    const days = (Number(Retention?.RetainUntilDate) - Date.now()) / DAY_MS;
    expect(days).to.be.within(29.9, 30.1);
    const { ObjectLockConfiguration: lock } = await client.send(
      new GetObjectLockConfigurationCommand({ Bucket: bucket }),
    );
    expect(lock?.ObjectLockEnabled).to.equal('Enabled');
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }));
    expect(Status).to.equal('Enabled');
  });

  it('repeats a request whose answer was lost, throttled or in conflict, and finds its own object', async () => {
    const client = aws.s3();
    const faults = [
      { error: 'SlowDown', status: 503 },
      { error: 'ConditionalRequestConflict', status: 409 },
      'reply lost',
    ];
    injectFaults(client, (operation) =>
      operation === `PUT /${bucket}/log/segments/lost` ? (faults.shift() as never) : undefined,
    );
    const archive = open(client);
    expect(await archive.create('segments/lost', Buffer.from('a'))).to.equal(false);
    expect(faults).to.deep.equal([]);
    expect(await archive.read('segments/lost')).to.deep.equal(Buffer.from('a'));
  });

  it('is unavailable when S3 does not answer', async () => {
    const client = aws.s3();
    injectFaults(client, () => 'no connection');
    let now = Date.now();
    const clock = () => {
      now += 2_000;
      return now;
    };
    const archive = open(client, { clock });
    const attempts = [
      archive.create('a', Buffer.from('a')),
      archive.read('a'),
      archive.list('a')[Symbol.asyncIterator]().next(),
    ];
    for (const attempt of attempts) {
      expect(await attempt.catch((error: unknown) => error)).to.be.instanceOf(Unavailable);
    }
  });
});
