import { expect } from 'chai';
import type { Pool } from 'pg';
import type { Projection } from '../../projections/runtime/projection.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createPool } from '../postgres.js';
import { createPostgresSink, tableName } from '../sinks/postgres.js';
import { type PostgresTable, postgresTable } from './postgres-documents.js';

const READERS = 64;

describeWith('postgres', 'The documents of a read model in Postgres', (engines) => {
  let pool: Pool;
  let statements: number;
  let table: PostgresTable<{ n: number }>;

  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    const projection: Projection<{ n: number }, never> = {
      name: freshName('things').replace('_', '-'),
      version: 1,
      categories: [],
      fields: {},
      on: {},
    };
    const store = await createPostgresSink(pool).open([projection]);
    const ids = Array.from({ length: READERS }, (_, n) => ({ table: tableName(projection), key: `thing ${n}` }));
    await store.save(
      ids.map((id, n) => ({ ...id, document: n === 0 ? null : { n }, positions: {}, revision: undefined })),
      new Map(),
    );
    const counting = {
      query(query: object) {
        statements++;
        return pool.query(query as never);
      },
    } as unknown as Pool;
    table = postgresTable(counting, projection);
  });
  after(() => pool.end());
  beforeEach(() => {
    statements = 0;
  });

  it('are read by many callers at once in few statements, and each gets its own', async () => {
    const found = await Promise.all(Array.from({ length: READERS }, (_, n) => table.load([`thing ${n}`])));
    expect(found.map((documents, n) => documents.get(`thing ${n}`)?.n)).to.deep.equal([
      undefined,
      ...Array.from({ length: READERS - 1 }, (_, n) => n + 1),
    ]);
    expect(statements).to.be.at.most(3);
  });

  it('are read once for all callers of one document, each in its way', async () => {
    const asked = [
      table.load(['thing 1', 'nothing']),
      table.load(['thing 1'], (json) => json),
      table.load(['thing 1']),
    ];
    expect((await Promise.all(asked)).map((documents) => [...documents])).to.deep.equal([
      [['thing 1', { n: 1 }]],
      [['thing 1', '{"n": 1}']],
      [['thing 1', { n: 1 }]],
    ]);
    expect(statements).to.equal(1);
  });

  it('are read by a statement that begins after the call', async () => {
    const first = table.load(['thing 1']);
    await new Promise((resolve) => process.nextTick(resolve));
    await Promise.all([first, table.load(['thing 2'])]);
    expect(statements).to.equal(2);
  });
});
