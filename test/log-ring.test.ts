// A log that moves from one kind of event store to the next, and back to the first: its commits stay the same, byte for byte.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Pool } from 'pg';
import { createDynamoClient } from '../infra/aws.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createDynamoEventStore } from '../infra/event-store/dynamodb/dynamodb-event-store.js';
import { createDynamoLoader } from '../infra/event-store/dynamodb/dynamodb-loader.js';
import { createEventStoreDb, type EventStoreDb } from '../infra/event-store/eventstoredb/client.js';
import { prefixOf } from '../infra/event-store/eventstoredb/commit-event.js';
import { createEventStoreDbEventStore } from '../infra/event-store/eventstoredb/eventstoredb-event-store.js';
import { createEventStoreDbLoader } from '../infra/event-store/eventstoredb/loader.js';
import { LoadConflict, type LogLoader } from '../infra/event-store/log-loader.js';
import { createPostgresEventStore } from '../infra/event-store/postgres/postgres-event-store.js';
import { createPostgresLoader } from '../infra/event-store/postgres/postgres-loader.js';
import { ImportRefused, loadExport, readExport } from '../infra/log-file/import-log.js';
import { createPool } from '../infra/postgres.js';
import { randomOf } from '../scripts/random.js';
import { notes } from './contracts/notes.js';
import { describeWith, freshName } from './engines.js';
import { archived, createTestLog, exportOf, fileOf, type TestStore } from './exported-log.js';
import { the } from './the.js';

const codec = createCommitCodec(notes);
const COMMITS = 250;

/** A store that shows all that is loaded, and its loader. */
interface Place {
  store: TestStore;
  loader: LogLoader;
}

describeWith(['postgres', 'dynamodb', 'eventstoredb'], 'A log that moves', function (engines) {
  this.timeout(120_000);
  let folder: string;
  const pools: Pool[] = [];
  let db: EventStoreDb;
  const clients: { destroy(): void }[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ring-'));
    db = createEventStoreDb(engines.eventstoredb());
  });
  after(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    for (const client of clients) client.destroy();
    await db.close();
    await rm(folder, { recursive: true });
  });

  const places: Record<string, () => Promise<Place>> = {
    async Postgres() {
      const pool = createPool({ url: await engines.freshDatabase() });
      pools.push(pool);
      return { loader: await createPostgresLoader(pool), store: createPostgresEventStore({ pool, codec }) };
    },
    async DynamoDB() {
      const client = createDynamoClient({ region: 'us-east-1', endpoint: engines.aws() });
      clients.push(client);
      const table = freshName('events');
      const loader = await createDynamoLoader({ client, table, isLocal: true });
      return { loader, store: createDynamoEventStore({ client, table, codec }) };
    },
    async EventStoreDB() {
      const prefix = prefixOf(freshName('shop'), 'log');
      const store = createEventStoreDbEventStore({ db, prefix, codec });
      return { loader: createEventStoreDbLoader({ db, prefix }), store };
    },
  };

  it('from Postgres to DynamoDB, EventStoreDB and back keeps every byte', async () => {
    const log = createTestLog(randomOf(7), 'commerce-core/test', Date.now() - 600_000);
    await log.grow(COMMITS);
    let { text } = await log.exported();
    const lines = text.split('\n').slice(1, -2);
    for (const name of ['Postgres', 'DynamoDB', 'EventStoreDB', 'Postgres']) {
      const file = await fileOf(folder, text);
      const { store, loader } = await the(places[name])();
      const report = await readExport(file, {});
      expect(report.problems, name).to.deep.equal([]);
      await loadExport(file, report, loader);
      ({ text } = await exportOf(await archived(store, `commerce-core/${name}`)));
      expect(text.split('\n').slice(1, -2), name).to.deep.equal(lines);
    }
  });

  for (const name of ['Postgres', 'DynamoDB', 'EventStoreDB']) {
    it(`into ${name} is repeatable, and never over another log`, async () => {
      const log = createTestLog(randomOf(8), 'commerce-core/test', Date.now() - 600_000);
      await log.grow(30);
      const file = await fileOf(folder, (await log.exported()).text);
      const { loader } = await the(places[name])();
      const commits = await log.stored();
      expect(await loader.isEmpty()).to.equal(true);
      await loader.load(commits);
      await loader.load(commits.slice(10));
      expect(await loader.isEmpty()).to.equal(false);
      const changed = commits.map((commit) => ({
        ...commit,
        h: commit.h.replace(/^./, (first) => (first === '0' ? '1' : '0')),
      }));
      const failed = await loader.load(changed.slice(0, 1)).catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(LoadConflict);
      const refused = await loadExport(file, await readExport(file, {}), loader).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(ImportRefused);
    });
  }
});
