// Recommendations from read models that are lists in memory.
import { expect } from 'chai';
import type { ProductView } from '../../projections/models/product.js';
import { recordViews } from '../../projections/recommendation/browsing.js';
import { memoryBrowsing } from '../../scripts/recommend-eval/models.js';
import { callerOf, problemOf } from '../../test/call-endpoint.js';
import { readModel } from '../../test/read-model.js';
import { ADA, KEEPER } from '../../test/shop.js';
import { recommendationQueries } from './recommendations.js';

const product = (name: string, given: Partial<ProductView> & { inStock?: boolean } = {}): ProductView => {
  const { inStock = true, ...rest } = given;
  const variants = [{ sku: name, prices: [{ amount: 500, currency: 'GBP' }], inStock }];
  return { id: `product_${name}`, version: 1, status: 'published', title: name, variants, ...rest };
};

const PRODUCTS = [
  product('a', { categories: ['Garden'] }),
  product('b', { categories: ['garden '] }),
  product('c'),
  product('draft', { status: 'draft' }),
  product('gone', { status: 'discontinued' }),
  product('soldout', { inStock: false }),
  product('z', { categories: ['Garden'] }),
];

describe('The queries of recommendations', () => {
  let asked: string[];
  const browsing = memoryBrowsing();
  const together: Record<string, string[]> = {
    a: ['gone', 'b', 'soldout', 'a', 'draft', 'unknown', 'c'].map((name) => `product_${name}`),
  };
  const endpoints = recommendationQueries({
    alsoBought: readModel({
      boughtWith: async (skus, limit) => skus.flatMap((sku) => together[sku] ?? []).slice(0, limit),
      selling: async (limit) => ['product_soldout', 'product_c', 'product_b'].slice(0, limit),
    }),
    productPage: readModel({
      async byId(id) {
        asked.push(id);
        return PRODUCTS.find((each) => each.id === id);
      },
    }),
    catalogue: readModel({
      list: async ({ category, limit }) => ({
        data: PRODUCTS.filter(
          ({ status, categories = [] }) =>
            status === 'published' && (category === undefined || categories.some((each) => /garden/i.test(each))),
        ).slice(0, limit),
      }),
      categories: async () => ({ data: [] }),
    }),
    browsing,
    sessionOf: (customerId) => `session of ${customerId}`,
  });
  const call = callerOf(endpoints);
  async function idsOf(request: string): Promise<string[]> {
    const [path = '', query = ''] = request.split('?');
    const { body } = await call(path, { caller: ADA, query: Object.fromEntries(new URLSearchParams(query)) });
    return body.data.map(({ title }: { title: string }) => title);
  }

  beforeEach(() => {
    asked = [];
  });

  it('leave out what cannot be bought, and the product itself', async () => {
    expect(await idsOf('get /v1/products/product_a/also-bought')).to.deep.equal(['b', 'c']);
    expect(await idsOf('get /v1/products/product_a/also-bought?limit=1')).to.deep.equal(['b']);
    expect(await idsOf('get /v1/products/product_b/also-bought')).to.deep.equal([]);
  });

  it('read twice as many pages as asked for, at most', async () => {
    await idsOf('get /v1/products/product_a/also-bought?limit=2');
    expect(asked.length).to.be.at.most(1 + 4);
  });

  it('do not know products that are not published', async () => {
    for (const path of ['product_gone/also-bought', 'product_none/also-bought', 'product_draft/also-viewed'])
      expect(await problemOf(call(`get /v1/products/${path}`, { caller: ADA }), 'not_found')).to.have.property('code');
  });

  it('list what sells, then other products; of a category only its own, in any spelling', async () => {
    expect(await idsOf('get /v1/recommendations/trending')).to.deep.equal(['c', 'b', 'a', 'z']);
    expect(await idsOf('get /v1/recommendations/trending?limit=1')).to.deep.equal(['c']);
    expect(await idsOf('get /v1/recommendations/trending?category=GARDEN')).to.deep.equal(['b', 'a', 'z']);
  });

  it('blend what comes next with what is bought together, then the best sellers of the category and of the shop', async () => {
    expect(await idsOf('get /v1/me/recommendations'), 'nothing is known').to.deep.equal(['c', 'b', 'a', 'z']);
    const view = (session: string, name: string, at: number) => ({
      id: `${session}${at}`,
      session,
      product: `product_${name}`,
      at,
    });
    await recordViews(browsing, [view('bob', 'a', 0), view('bob', 'z', 1), view('bob', 'soldout', 2)]);
    await recordViews(browsing, [view(`session of ${ADA.customerId}`, 'a', 0)]);
    expect(await idsOf('get /v1/products/product_a/also-viewed')).to.deep.equal(['z']);
    const mine = await idsOf('get /v1/me/recommendations');
    expect(mine[0], 'what Bob looked at next').to.equal('z');
    expect(mine).to.include.members(['b', 'c']);
    expect(mine).to.not.include('soldout');
    expect(new Set(mine)).to.have.property('size', mine.length);
    await recordViews(browsing, [view('eve', 'a', 3), view('eve', 'a', 4)]);
    expect(await idsOf('get /v1/me/recommendations'), 'what is looked at now').to.not.include('a');
  });

  it('are personal for customers only', async () => {
    expect(endpoints.find(({ path }) => path === '/v1/me/recommendations')?.roles).to.deep.equal(['customer']);
    expect(KEEPER.role).to.equal('catalogue');
  });
});
