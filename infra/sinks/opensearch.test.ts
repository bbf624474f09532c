// The OpenSearch sink against OpenSearch.
import { Client } from '@opensearch-project/opensearch';
import { expect } from 'chai';
import { isProblem } from '../../domain/kernel/errors.js';
import type { Document } from '../../projections/runtime/projection.js';
import { physicalName } from '../../projections/runtime/projection.js';
import { DocumentRefused } from '../../projections/runtime/sink.js';
import { sinkContract } from '../../test/contracts/sink.contract.js';
import { describeWith, freshName } from '../../test/engines.js';
import { createOpenSearchSink } from './opensearch.js';

describeWith('opensearch', 'The OpenSearch sink', (engines) => {
  let client: Client;
  before(() => {
    client = new Client({ node: engines.opensearch() });
  });
  after(() => client?.close());

  sinkContract(() => createOpenSearchSink(client));

  const write = (table: string, documents: Record<string, Document>) =>
    Object.entries(documents).map(([key, document]) => ({ table, key, document, positions: {}, revision: undefined }));

  it('rejects a document that does not fit the mapping, and saves the others of the batch', async () => {
    const projection = books();
    const store = await createOpenSearchSink(client).open([projection]);
    const documents = {
      a: { pages: 1 },
      b: { pages: 'many' },
      c: { pages: 3 },
      d: { sold: { GB: 3, FR: 'many' } },
      e: { sold: { GB: 3 } },
    };
    const outcomes = await store.save(write(physicalName(projection), documents), new Map());
    expect(outcomes.map(({ saved }) => saved)).to.deep.equal([true, false, true, false, true]);
    expect(outcomes[3]).to.include({ stale: false }).and.to.have.property('error').that.contains('sold.FR');
    expect(outcomes[1]).to.include({ stale: false }).and.to.have.property('error').that.contains('pages');
  });

  it('neither refreshes nor copies an index during a bulk load, and does again afterwards', async () => {
    const projection = { ...books(), build: 2 };
    const table = physicalName(projection);
    const { bulk, create } = await createOpenSearchSink(client).open([]);
    const settings = async (index: string) => {
      const { body } = await client.indices.getSettings({ index });
      const { auto_expand_replicas, refresh_interval } = (body[index]?.settings?.index ?? {}) as Record<
        string,
        unknown
      >;
      return { auto_expand_replicas, refresh_interval };
    };
    await bulk.create(projection);
    expect(await settings(table)).to.deep.equal({ auto_expand_replicas: 'false', refresh_interval: '-1' });
    const refused = await bulk
      .insert(table, [
        { key: 'a', document: { pages: 1 }, positions: {} },
        { key: 'b', document: { pages: 'many' }, positions: {} },
      ])
      .catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(DocumentRefused).and.to.include({ key: 'b' });
    await bulk.complete(projection);
    const { body } = await client.search({ index: table });
    expect(body.hits.hits.map(({ _id }) => _id)).to.deep.equal(['a']);
    const other = books();
    await create(other);
    expect(await settings(table)).to.deep.equal(await settings(physicalName(other)));
  });

  it('makes saved documents searchable when it is refreshed', async () => {
    const projection = books();
    const store = await createOpenSearchSink(client).open([projection]);
    const documents = {
      odyssey: {
        title: 'The Odyssey',
        subjects: ['epic', 'sea'],
        words: ['running ships'],
        sold: { GB: 1 },
        pages: 541,
      },
      emma: {
        title: 'Emma',
        subjects: ['comedy'],
        words: 'matchmaking',
        pages: 474,
        sold: { GB: 0.5, FR: 7 },
        unmapped: { pages: 'x' },
      },
    };
    await store.save(write(physicalName(projection), documents), new Map());
    await store.refresh!(physicalName(projection));
    const keysWhere = async (query: object) => {
      const { body } = await client.search({ index: physicalName(projection), body: { query } as never });
      return body.hits.hits.map(({ _id }) => _id);
    };
    expect(await keysWhere({ term: { 'document.words': 'running' } })).to.deep.equal(['odyssey']);
    expect(await keysWhere({ term: { 'document.words': 'run' } })).to.deep.equal([]);
    expect(await keysWhere({ term: { 'document.subjects': 'comedy' } })).to.deep.equal(['emma']);
    expect(await keysWhere({ range: { 'document.pages': { gt: 500 } } })).to.deep.equal(['odyssey']);
    expect(await keysWhere({ range: { 'document.sold.GB': { gt: 0.3, lt: 1 } } })).to.deep.equal(['emma']);
    expect(await keysWhere({ range: { 'document.sold.FR': { gt: 0 } } })).to.deep.equal(['emma']);
  });

  it('throws Unavailable while its store does not answer', async () => {
    const nowhere = new Client({ node: 'http://127.0.0.1:1' });
    const error = await createOpenSearchSink(nowhere)
      .open([books()])
      .catch((caught: unknown) => caught);
    expect(isProblem(error, 'unavailable')).to.equal(true);
    await nowhere.close();
  });
});

function books() {
  return {
    name: freshName('books'),
    version: 1,
    categories: [],
    fields: { title: 'keyword', subjects: 'keywords', words: 'text', pages: 'number', sold: 'numbers' },
    on: {},
  } as const;
}
