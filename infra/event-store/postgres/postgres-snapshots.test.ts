import type { Pool } from 'pg';
import { snapshotStoreContract } from '../../../test/contracts/snapshot-store.contract.js';
import { describeWith } from '../../../test/engines.js';
import { createPool } from '../../postgres.js';
import { createPostgresSnapshotTexts, createSnapshotsTable } from './postgres-snapshots.js';

describeWith('postgres', 'Snapshots', (engines) => {
  let pool: Pool;
  after(() => pool.end());

  snapshotStoreContract('Postgres', async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await createSnapshotsTable(pool);
    return createPostgresSnapshotTexts(pool);
  });
});
