// The documents of browsing and the stream of views, on the engines of both profiles.
import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { defined } from '../../domain/kernel/json.js';
import { describeOnAws } from '../../test/aws.js';
import { browsingTextsContract, viewStreamContract } from '../../test/contracts/browsing.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { eventually } from '../../test/running-shop.js';
import { ensureStream, ensureTable } from '../aws.js';
import { createDynamoCheckpoints, FEED_CHECKPOINTS_TABLE } from '../event-store/dynamodb/kinesis-checkpoints.js';
import { createPool } from '../postgres.js';
import { REDIS_OPTIONS } from '../sinks/redis.js';
import { createKinesisViewStream } from './stream-kinesis.js';
import { createPostgresViewStream, prepareViewStream } from './stream-postgres.js';
import { createPostgresTexts, prepareBrowsing } from './texts-postgres.js';
import { createRedisTexts } from './texts-redis.js';

const silent = { info() {}, warn() {}, error() {} };

describeWith('postgres', 'Browsing in Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await Promise.all([prepareBrowsing(pool), prepareViewStream(pool)]);
  });
  after(() => pool.end());

  browsingTextsContract((ttlMs) => createPostgresTexts(pool, Date.now, ttlMs));
  viewStreamContract(async () => createPostgresViewStream({ pool, log: silent }, 10));

  it('purges expired documents and nothing else', async () => {
    let now = Date.now();
    const [short, long] = [createPostgresTexts(pool, () => now, 1_000), createPostgresTexts(pool, () => now)];
    const [gone, kept] = [freshName('gone'), freshName('kept')];
    await short.swap(gone, undefined, '1');
    await long.swap(kept, undefined, '2');
    now += 1_000;
    expect(await long.purge()).to.be.at.least(1);
    expect(await long.purge()).to.equal(0);
    const { rows } = await pool.query('select key from browsing where key = any($1)', [[gone, kept]]);
    expect(rows).to.deep.equal([{ key: kept }]);
  });
});

describeWith('redis', 'Browsing in Redis', (engines) => {
  let redis: Redis;
  before(() => {
    redis = new Redis(engines.redis(), REDIS_OPTIONS);
  });
  after(() => redis?.disconnect());

  browsingTextsContract((ttlMs) => createRedisTexts(redis, defined({ ttlMs })));
});

describeOnAws('Views in Kinesis', (aws) => {
  const [streamName, table] = [freshName('views'), freshName('checkpoints')];
  before(async () => {
    await ensureStream(aws.kinesis(), streamName, 2);
    await ensureTable(aws.dynamodb(), table, FEED_CHECKPOINTS_TABLE);
  });

  const open = async (log = silent) =>
    createKinesisViewStream({
      client: aws.kinesis(),
      streamName,
      checkpoints: createDynamoCheckpoints({ client: aws.dynamodb(), table }),
      log,
      pollMs: 10,
    });

  viewStreamContract(open);

  it('reports a record that is no view, and leaves it out', async () => {
    const warnings: string[] = [];
    const stream = await open({
      ...silent,
      warn: (_: object, message: string) => void warnings.push(message),
    } as never);
    for (const Data of [Buffer.from('{"id":1}'), Buffer.from('nonsense')])
      await aws.kinesis().send(new PutRecordCommand({ StreamName: streamName, PartitionKey: 'x', Data }));
    await stream.forget('the last one');
    const got: unknown[] = [];
    const stop = new AbortController();
    const consuming = stream.consume(async (entries) => void got.push(...entries), stop.signal);
    await eventually('they are read', () => {
      expect(got).to.deep.equal([{ forget: 'the last one' }]);
      expect(warnings).to.have.length(2);
    });
    stop.abort();
    await consuming;
  });
});
