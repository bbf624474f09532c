// The Postgres sink against Postgres.
import { expect } from 'chai';
import type { Pool } from 'pg';
import { isProblem } from '../../domain/kernel/errors.js';
import { sinkContract } from '../../test/contracts/sink.contract.js';
import { describeWith } from '../../test/engines.js';
import { createTcpProxy } from '../../test/tcp-proxy.js';
import { createPool } from '../postgres.js';
import { createPostgresSink, fieldSql, numberSql, tableName } from './postgres.js';

describeWith('postgres', 'The Postgres sink', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
  });
  after(() => pool.end());

  sinkContract(() => createPostgresSink(pool));

  it('rejects a document that jsonb cannot hold, and saves the others of the batch', async () => {
    const table = await createPostgresSink(pool).open(books);
    const write = (key: string, title: string) => ({ key, document: { title }, positions: {}, revision: undefined });
    const outcomes = await table.save([write('a', 'A'), write('b', 'nul: \u0000'), write('c', 'C'), write('d', 'D')]);
    expect(outcomes.map(({ saved }) => saved)).to.deep.equal([true, false, true, true]);
    expect(outcomes[1])
      .to.include({ stale: false })
      .and.to.have.property('error')
      .that.matches(/unicode/i);
  });

  it('filters and searches by the indexes that it made', async () => {
    const table = await createPostgresSink(pool).open(books);
    const documents = [
      { title: 'The Odyssey', subjects: ['epic', 'sea'], words: "a run ship's", pages: 541, sold: { GB: 7, "O'": 1 } },
      { title: 'Emma', subjects: ['comedy'], words: 'matchmaking', pages: 474, sold: { GB: 0.5 } },
    ];
    await table.save(
      documents.map((document) => ({ key: document.title, document, positions: {}, revision: undefined })),
    );
    const keysWhere = async (condition: string, value: unknown) => {
      const found = await pool.query(`select key from ${tableName(books)} where ${condition} order by key`, [value]);
      return found.rows.map(({ key }) => key);
    };
    expect(await keysWhere(`${fieldSql('title', 'keyword')} = $1`, 'Emma')).to.deep.equal(['Emma']);
    expect(await keysWhere(`${fieldSql('subjects', 'keywords')} ? $1`, 'sea')).to.deep.equal(['The Odyssey']);
    expect(await keysWhere(`${fieldSql('pages', 'number')} > $1`, 500)).to.deep.equal(['The Odyssey']);
    expect(await keysWhere(`${numberSql('sold', 'GB')} < $1`, 1)).to.deep.equal(['Emma']);
    expect(await keysWhere(`${numberSql('sold', "O'")} = $1`, 1)).to.deep.equal(['The Odyssey']);
    expect(await keysWhere(`${fieldSql('words', 'text')} @@ $1::tsquery`, "'ship''s' & run")).to.deep.equal([
      'The Odyssey',
    ]);
    const { rows } = await pool.query('select indexdef from pg_indexes where tablename = $1', [tableName(books)]);
    expect(rows.filter(({ indexdef }) => /gin/.test(indexdef))).to.have.length(2);
  });

  it('keeps positions through a crash, and with them the earlier documents', async () => {
    const table = await createPostgresSink(pool).open(books);
    await table.save([{ key: 'Ulysses', document: {}, positions: {}, revision: undefined }]);
    const { rows: written } = await pool.query('select pg_current_wal_insert_lsn() as end');
    await table.advance(new Map([['book#ulysses' as const, 1]]));
    const { rows } = await pool.query('select pg_current_wal_flush_lsn() >= $1::pg_lsn as durable', [written[0].end]);
    expect(rows).to.deep.equal([{ durable: true }]);
  });

  it('throws Unavailable while its store does not answer', async () => {
    const proxy = await createTcpProxy(await engines.freshDatabase());
    const faraway = createPool({ url: proxy.url });
    const table = await createPostgresSink(faraway).open(books);
    await proxy.cut();
    const error = await table.load(['The Odyssey']).catch((caught: unknown) => caught);
    expect(isProblem(error, 'unavailable')).to.equal(true);
    await faraway.end();
  });
});

const books = {
  name: 'books-of-the-library',
  version: 3,
  categories: [],
  fields: { title: 'keyword', subjects: 'keywords', words: 'text', pages: 'number', sold: 'numbers' },
  on: {},
} as const;
