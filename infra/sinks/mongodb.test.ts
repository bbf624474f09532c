// The MongoDB sink against MongoDB's wire protocol.
import { expect } from 'chai';
import { MongoClient } from 'mongodb';
import { isProblem } from '../../domain/kernel/errors.js';
import { DocumentRefused } from '../../projections/runtime/sink.js';
import { sinkContract } from '../../test/contracts/sink.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createMongoSink } from './mongodb.js';

describeWith('mongodb', 'The MongoDB sink', (engines) => {
  let client: MongoClient;
  let database: string;
  before(async () => {
    client = await MongoClient.connect(engines.mongodb());
    database = freshName('sinks');
  });
  after(() => client?.close());

  sinkContract(() => createMongoSink(client.db(database)));

  it('rejects a document that is too large, and saves the others of the batch', async () => {
    const store = await createMongoSink(client.db(database)).open([books]);
    const write = (key: string, length: number) => ({
      table: 'books_v3',
      key,
      document: { text: 'x'.repeat(length) },
      positions: {},
      revision: undefined,
    });
    const outcomes = await store.save([write('a', 1), write('b', 17 * 1024 * 1024), write('c', 1)], new Map());
    expect(outcomes.map(({ saved }) => saved)).to.deep.equal([true, false, true]);
    expect(outcomes[1]).to.include({ stale: false });
  });

  it('makes the indexes of a bulk load when the documents are there, and names the one that is refused', async () => {
    const build = { ...books, build: 2 };
    const { bulk, load } = await createMongoSink(client.db(database)).open([]);
    await bulk.create(build);
    const document = (key: string, length: number) => ({ key, document: { text: 'x'.repeat(length) }, positions: {} });
    const refused = await bulk
      .insert('books_v3_b2', [document('a', 1), document('b', 17 * 1024 * 1024), document('c', 1)])
      .catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(DocumentRefused).and.to.include({ key: 'b' });
    const ids = ['a', 'b', 'c'].map((key) => ({ table: 'books_v3_b2', key }));
    expect((await load(ids, [])).documents.map(({ key }) => key).sort()).to.deep.equal(['a', 'c']);
    const indexes = async () => (await client.db(database).collection('books_v3_b2').indexes()).length;
    expect(await indexes()).to.equal(1);
    await bulk.complete(build);
    expect(await indexes()).to.equal(3);
  });

  it('indexes the fields that queries use', async () => {
    await createMongoSink(client.db(database)).open([books]);
    const indexes = await client.db(database).collection('books_v3').indexes();
    expect(indexes.map(({ key }) => Object.keys(key).join(' '))).to.have.members([
      '_id',
      'document.title document.pages',
      'document.subjects',
    ]);
  });

  it('throws Unavailable while its store does not answer', async () => {
    const nowhere = new MongoClient('mongodb://127.0.0.1:1/?directConnection=true', { serverSelectionTimeoutMS: 100 });
    const error = await createMongoSink(nowhere.db('none'))
      .open([books])
      .catch((caught: unknown) => caught);
    expect(isProblem(error, 'unavailable')).to.equal(true);
    await nowhere.close();
  });
});

const books = {
  name: 'books',
  version: 3,
  categories: [],
  fields: { title: 'keyword', subjects: 'keywords', words: 'text', pages: 'number', sold: 'numbers' },
  indexes: [['title', 'pages']],
  on: {},
} as const;
