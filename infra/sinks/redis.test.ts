// The Redis sink against Redis.
import { createServer } from 'node:net';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { isProblem } from '../../domain/kernel/errors.js';
import { sinkContract } from '../../test/contracts/sink.contract.js';
import { describeWith } from '../../test/engines.js';
import { runsOf } from '../../test/every-case.js';
import { createRedisSink, documentKey, REDIS_OPTIONS } from './redis.js';

describeWith('redis', 'The Redis sink', (engines) => {
  let redis: Redis;
  before(() => {
    redis = new Redis(engines.redis(), REDIS_OPTIONS);
  });
  after(() => redis?.disconnect());

  sinkContract(() => createRedisSink(redis), { runs: runsOf(100) });

  it('stores a document that is readable by its key', async () => {
    const store = await createRedisSink(redis).open([pages]);
    await store.save(
      [{ table: 'pages_v1', key: 'MUG', document: { title: 'Mug' }, positions: {}, revision: undefined }],
      new Map(),
    );
    expect(await redis.hget(documentKey('pages_v1', 'MUG'), 'document')).to.equal('{"title":"Mug"}');
  });

  it('loads in one round trip, and saves in one for the documents and one for the positions', async () => {
    const counted = redis.duplicate();
    await new Promise((resolve) => counted.once('ready', resolve));
    const store = await createRedisSink(counted).open([pages]);
    let trips = 0;
    const pipeline = counted.pipeline.bind(counted);
    counted.pipeline = (...commands) => {
      trips++;
      return pipeline(...commands);
    };
    const ids = ['pages_v1', 'sales_v1'].flatMap((table) => ['CUP', 'JUG'].map((key) => ({ table, key })));
    const streams = ['product#cup', 'product#jug'] as const;
    const { session } = await store.load(ids, streams);
    expect(trips).to.equal(1);
    await store.save(
      ids.map((id) => ({ ...id, document: {}, positions: {}, revision: undefined })),
      new Map(streams.map((stream) => [stream, { of: ['pages_v1', 'sales_v1'], commitNo: 1 }])),
      session,
    );
    expect(trips).to.equal(3);
    counted.disconnect();
  });
});

describe('The Redis sink', () => {
  it('throws Unavailable when nothing listens', async () => {
    const nowhere = new Redis({ ...REDIS_OPTIONS, host: '127.0.0.1', port: 1 });
    nowhere.on('error', () => {});
    const store = await createRedisSink(nowhere).open([pages]);
    const error = await store.load([{ table: 'pages_v1', key: 'a' }], []).catch((caught: unknown) => caught);
    expect(isProblem(error, 'unavailable')).to.equal(true);
    nowhere.disconnect();
  });

  it('throws Unavailable when a server accepts commands and does not answer', async () => {
    const mute = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
    const { port } = mute.address() as { port: number };
    const client = new Redis({
      ...REDIS_OPTIONS,
      commandTimeout: 50,
      enableReadyCheck: false,
      host: '127.0.0.1',
      port,
    });
    client.on('error', () => {});
    const store = await createRedisSink(client).open([pages]);
    const error = await store.load([{ table: 'pages_v1', key: 'a' }], []).catch((caught: unknown) => caught);
    expect(isProblem(error, 'unavailable')).to.equal(true);
    client.disconnect();
    mute.close();
  });
});

const pages = { name: 'pages', version: 1, categories: [], fields: {}, on: {} };
