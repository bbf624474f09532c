import { expect } from 'chai';
import type { Pool } from 'pg';
import { idempotencyContract } from '../../test/contracts/idempotency.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createPool } from '../postgres.js';
import { RECORD_TTL_MS } from './port.js';
import { createPostgresIdempotency, prepareIdempotency } from './postgres-idempotency.js';

describeWith('postgres', 'idempotency records in Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
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
});
