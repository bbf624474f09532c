// The Postgres sink against Postgres.
import { expect } from 'chai';
import type { Pool } from 'pg';
import { isProblem } from '../../domain/kernel/errors.js';
import type { Document } from '../../projections/runtime/projection.js';
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
    const store = await createPostgresSink(pool).open([books]);
    const write = (key: string, title: string) => written(key, { title });
    const writes = [write('a', 'A'), write('b', 'nul: \u0000'), write('c', 'C'), write('d', 'D')];
    const outcomes = await store.save(writes, new Map([['book#b', { of: ['books_v3'], commitNo: 1 }]]));
    expect((await store.load([], ['book#b'])).positions.size).to.equal(0);
    expect(outcomes.map(({ saved }) => saved)).to.deep.equal([true, false, true, true]);
    expect(outcomes[1])
      .to.include({ stale: false })
      .and.to.have.property('error')
      .that.matches(/unicode/i);
  });

  it('filters and searches by the indexes that it made', async () => {
    const store = await createPostgresSink(pool).open([books]);
    const documents = [
      { title: 'The Odyssey', subjects: ['epic', 'sea'], words: "a run ship's", pages: 541, sold: { GB: 7, "O'": 1 } },
      { title: 'Emma', subjects: ['comedy'], words: 'matchmaking', pages: 474, sold: { GB: 0.5 } },
    ];
    await store.save(
      documents.map((document) => written(document.title, document)),
      new Map(),
    );
    const keysWhere = async (condition: string, value: unknown) => {
      const found = await pool.query(`select key from ${tableName(books)} where ${condition} order by key`, [value]);
      return found.rows.map(({ key }) => key);
    };
    expect(await keysWhere(`${fieldSql('title', 'keyword')} = $1`, 'Emma')).to.deep.equal(['Emma']);
    expect(await keysWhere(`${fieldSql('subjects', 'keywords')} ? $1`, 'sea')).to.deep.equal(['The Odyssey']);
    expect(await keysWhere(`${fieldSql('pages', 'number')} > $1`, 500)).to.deep.equal(['The Odyssey']);
    expect(await keysWhere(`${numberSql(fieldSql('sold', 'numbers'), 'GB')} < $1`, 1)).to.deep.equal(['Emma']);
    expect(await keysWhere(`${numberSql(fieldSql('sold', 'numbers'), "O'")} = $1`, 1)).to.deep.equal(['The Odyssey']);
    expect(await keysWhere(`${fieldSql('words', 'text')} @@ $1::tsquery`, "'ship''s' & run")).to.deep.equal([
      'The Odyssey',
    ]);
    const { rows } = await pool.query('select indexdef from pg_indexes where tablename = $1', [tableName(books)]);
    expect(rows.filter(({ indexdef }) => /gin/.test(indexdef))).to.have.length(2);
  });

  it('reads documents and positions of all projections in one statement, and writes them in one transaction', async () => {
    const counted = createPool({ url: await engines.freshDatabase() });
    const films = { ...books, name: 'films' };
    const store = await createPostgresSink(counted).open([books, films]);
    const statements: string[] = [];
    const query = counted.query.bind(counted) as (config: { text: string }) => unknown;
    counted.query = ((config: { text: string }) => {
      statements.push(config.text);
      return query(config);
    }) as never;
    const ids = [TABLE, 'films_v3'].map((table) => ({ table, key: 'Emma' }));
    const position = { of: [TABLE, 'films_v3'], commitNo: 1 };
    await store.load(ids, ['book#emma', 'film#emma']);
    await store.save(
      ids.map((id) => ({ ...written(id.key, {}), table: id.table })),
      new Map([
        ['book#emma', position],
        ['film#emma', position],
      ]),
    );
    expect(statements).to.have.length(2);
    const found = await store.load(ids, ['book#emma', 'film#emma']);
    expect([found.documents.length, found.positions.size]).to.deep.equal([2, 2]);
    const { rows } = await counted.query<{ transactions: number }>({
      text: `select count(distinct xmin::text) as transactions from (
        select xmin from books_of_the_library_v3 union all select xmin from films_v3
        union all select xmin from positions_v1) rows`,
    });
    expect(rows[0]!.transactions).to.equal(1);
    await counted.end();
  });

  it('throws Unavailable while its store does not answer', async () => {
    const proxy = await createTcpProxy(await engines.freshDatabase());
    const faraway = createPool({ url: proxy.url });
    const store = await createPostgresSink(faraway).open([books]);
    await proxy.cut();
    const error = await store.load([{ table: TABLE, key: 'The Odyssey' }], []).catch((caught: unknown) => caught);
    expect(isProblem(error, 'unavailable')).to.equal(true);
    await faraway.end();
  });
});

const TABLE = 'books-of-the-library_v3';

function written(key: string, document: Document) {
  return { table: TABLE, key, document, positions: {}, revision: undefined };
}

const books = {
  name: 'books-of-the-library',
  version: 3,
  categories: [],
  fields: { title: 'keyword', subjects: 'keywords', words: 'text', pages: 'number', sold: 'numbers' },
  on: {},
} as const;
