import { expect } from 'chai';
import type { Pool } from 'pg';
import { Unavailable } from '../../domain/kernel/errors.js';
import { idempotencyContract } from '../../test/contracts/idempotency.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createTcpProxy, type TcpProxy } from '../../test/tcp-proxy.js';
import { createPool } from '../postgres.js';
import { RECORD_TTL_MS } from './port.js';
import { createPostgresIdempotency, prepareIdempotency } from './postgres-idempotency.js';

const NOW = 1_000;

describeWith('postgres', 'idempotency records in Postgres', (engines) => {
  let url: string;
  let pool: Pool;
  before(async () => {
    url = await engines.freshDatabase();
    pool = createPool({ url });
    await Promise.all([prepareIdempotency(pool), prepareIdempotency(pool)]);
  });
  after(() => pool.end());

  idempotencyContract(async () => createPostgresIdempotency({ pool }));

  it('purges expired records and nothing else', async () => {
    const store = createPostgresIdempotency({ pool });
    await store.purge(Number.MAX_SAFE_INTEGER);
    await store.begin(freshName('request'), 'a', 1_000);
    await store.begin(freshName('request'), 'a', 2_000);
    expect(await store.purge(1_000 + RECORD_TTL_MS)).to.equal(1);
    expect(await store.purge(1_000 + RECORD_TTL_MS)).to.equal(0);
  });

  describe('while Postgres does not answer', function () {
    this.timeout(60_000);
    let proxy: TcpProxy;
    let cutPool: Pool;
    before(async () => {
      proxy = await createTcpProxy(url);
      cutPool = createPool({ url: proxy.url });
    });
    after(async () => {
      await cutPool.end();
      await proxy.cut();
    });

    it('writes the end of a run once it answers again, and not only when the lease has expired', async () => {
      const lost: unknown[] = [];
      const store = createPostgresIdempotency({ pool: cutPool, onLostEnd: (error) => lost.push(error) });
      const id = freshName('request');
      const begun = await store.begin(id, 'a', NOW);
      await proxy.cut();
      if (begun.state === 'run') await store.finish(begun.run, Buffer.from('done'));
      await expectUnavailable(store.begin(freshName('request'), 'a', NOW));
      await proxy.mend();
      await store.close();
      expect(lost).to.deep.equal([]);
      expect(await store.begin(id, 'a', NOW + 1)).to.deep.equal({ state: 'answered', answer: Buffer.from('done') });
    });

    it('releases a claim whose reply is lost', async () => {
      const store = createPostgresIdempotency({ pool: cutPool });
      const id = freshName('request');
      const blocking = await pool.connect();
      await blocking.query('begin');
      await blocking.query('lock table idempotency in exclusive mode');
      await expectUnavailable(store.begin(id, 'a', NOW));
      await blocking.query('commit');
      blocking.release();
      await store.close();
      const { rows } = await pool.query('select leased_until as "leasedUntil" from idempotency where id = $1', [id]);
      expect(rows).to.deep.equal([{ leasedUntil: 0 }]);
    });
  });
});

async function expectUnavailable(attempt: Promise<unknown>): Promise<void> {
  expect(await attempt.catch((error) => error)).to.be.instanceOf(Unavailable);
}
