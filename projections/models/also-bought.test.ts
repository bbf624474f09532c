import { expect } from 'chai';
import { createEvolution, type Draft } from '../runtime/evolution.js';
import { type AlsoBoughtDocument, alsoBought, partnersOf, sellingIn, TRENDING_KEYS } from './also-bought.js';

const DAY = 24 * 60 * 60_000;

/** A document store that never forgets, for commits that may come twice. */
function createDocuments() {
  const evolution = createEvolution(alsoBought as never);
  const drafts = new Map<string, Draft>();
  return {
    place(orderId: string, skus: readonly string[], day = 0, occurredAt?: string) {
      const lines = skus.map((sku, index) => ({ id: String(index + 1), sku }));
      const data = { orderId, lines, ...(occurredAt !== undefined && { occurredAt }) };
      const stream = `order#${orderId}` as const;
      const commit = { stream, position: { commitNo: 1, at: day * DAY * 1000 } };
      const touches = evolution.touches({ ...commit, events: [{ type: 'OrderPlaced', data } as never] });
      for (const [key, draft] of evolution.evolve(commit, touches, (key) => drafts.get(key))) drafts.set(key, draft);
      return [...touches.keys()];
    },
    of: (key: string) => drafts.get(key)?.document as AlsoBoughtDocument | undefined,
    positions: (key: string) => drafts.get(key)?.positions,
    trending: () => TRENDING_KEYS.flatMap((key) => (drafts.get(key)?.document as AlsoBoughtDocument) ?? []),
  };
}

describe('What is bought together, as a read model', () => {
  it('changes a document of each SKU, and one of what sells', () => {
    const documents = createDocuments();
    const keys = documents.place('order_1', ['MUG', 'TEA', 'MUG']);
    expect(keys.slice(0, 2)).to.deep.equal(['MUG', 'TEA']);
    expect(keys).to.have.length(3);
    expect(TRENDING_KEYS).to.include(keys[2]);
    expect(documents.of('MUG')?.together).to.deep.equal([['TEA', 1_000]]);
  });

  it('counts an order once, though it keeps no position of its stream', () => {
    const documents = createDocuments();
    for (let n = 0; n < 3; n++) documents.place('order_1', ['MUG', 'TEA']);
    expect(documents.of('MUG')?.together).to.deep.equal([['TEA', 1_000]]);
    expect(sellingIn(documents.trending(), 1)).to.deep.equal(['MUG']);
    expect(documents.trending()[0]?.selling?.counts).to.deep.equal([
      ['MUG', 1],
      ['TEA', 1],
    ]);
    expect(documents.positions('MUG')).to.deep.equal({});
  });

  it('counts the orders of a whole batch once, if it comes again', () => {
    const documents = createDocuments();
    const placeAll = () => {
      for (let n = 0; n < 500; n++) documents.place(`order_${n}`, ['MUG', 'TEA']);
    };
    placeAll();
    const first = documents.of('MUG');
    placeAll();
    expect(documents.of('MUG')).to.deep.equal(first);
    expect(first?.together).to.deep.equal([['TEA', 500_000]]);
  });

  it('stays within its bounds, however many orders there are', () => {
    const documents = createDocuments();
    for (let n = 0; n < 2_000; n++) documents.place(`order_${n}`, ['MUG', `SKU${n}`]);
    expect(documents.of('MUG')?.together?.length).to.be.at.most(200);
    expect(documents.of('MUG')?.orders).to.have.length(500);
    expect(JSON.stringify(documents.of('MUG')).length).to.be.below(10_000);
    for (const { selling } of documents.trending()) expect(selling?.counts.length).to.be.at.most(300);
  });

  it('ranks what sells by how recently, and imported orders by the time when they took place', () => {
    const documents = createDocuments();
    for (let n = 0; n < 3; n++) documents.place(`order_old${n}`, ['OLD'], 0);
    for (let n = 0; n < 9; n++) documents.place(`order_imported${n}`, ['IMPORTED'], 30, '1970-01-01T00:00:00.000Z');
    documents.place('order_new', ['NEW'], 30);
    expect(sellingIn(documents.trending(), 10)).to.deep.equal(['NEW', 'IMPORTED', 'OLD']);
  });

  it('counts an imported order with a date in the future as one of now', () => {
    const documents = createDocuments();
    for (let n = 0; n < 20; n++) documents.place(`order_${n}`, ['MUG', 'TEA'], 30);
    for (let n = 20; n < 30; n++) documents.place(`order_${n}`, ['LATE', 'TEA'], 30, '2110-01-01T00:00:00.000Z');
    expect(sellingIn(documents.trending(), 10)).to.deep.equal(['TEA', 'MUG', 'LATE']);
    for (const { selling } of documents.trending()) expect(selling?.at).to.equal(30 * DAY);
  });

  it('gives the partners of each variant the same weight', () => {
    const of = (...together: [string, number][]) => ({ together });
    const found = partnersOf([of(['A', 900], ['B', 100]), of(['B', 2]), of()], 10);
    expect(found).to.deep.equal(['B', 'A']);
  });
});
