import { rejects } from 'node:assert/strict';
// Query endpoints on read models that are lists in memory.
import { expect } from 'chai';
import { defined } from '../../domain/kernel/json.js';
import { FORGOTTEN, isSealed, type PersonalData } from '../../domain/kernel/personal.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { OrderView } from '../../projections/models/order-view.js';
import type { OrderQueries, SealedOrderView } from '../../projections/models/orders.js';
import { type PageRequest, pageOf } from '../../projections/models/page.js';
import type { ProductView } from '../../projections/models/product.js';
import type { ProductSearchQueries, ProductSearchRequest } from '../../projections/models/product-search.js';
import type { StockQueries } from '../../projections/models/stock.js';
import { type Call, callerOf, problemOf } from '../../test/call-endpoint.js';
import { readModel } from '../../test/read-model.js';
import { ADA, ADDRESS, BOB, KEEPER, SUPPORT } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { configQuery } from './config.js';
import { orderQueries } from './orders.js';
import { productQueries } from './products.js';
import { stockQuery } from './stock.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });
const product = (name: string, status: ProductView['status'] = 'published'): ProductView => ({
  id: `product_${name}`,
  version: 2,
  status,
  title: name,
  variants: [{ sku: name, prices: [GBP(500)], inStock: true }],
});
const products = [product('a'), product('b'), product('c'), product('draft', 'draft')];

const categories = [
  { id: 'garden', products: 2 },
  { id: 'kitchen', products: 1 },
];

const sealed = (field: string) => ({ sealed: 'customer_ada', at: `order#1/1/${field}`, box: 'AAAA' });
const opened: Record<string, unknown> = {
  'order#1/1/email': 'ada@example.com',
  'order#1/1/note': 'looks like fraud',
  'order#1/1/shippingAddress': ADDRESS,
};
const order = (name: string, customerId: string): SealedOrderView => ({
  held: true,
  holds: [{ code: 'fraud', note: sealed('note') }],
  allocation: [{ sku: 'a', location: 'leeds', quantity: 1 }],
  id: `order_${name}`,
  number: name,
  version: 3,
  status: 'confirmed',
  paymentStatus: 'authorised',
  shippingTitle: 'Standard delivery',
  fulfilmentStatus: 'not_fulfilled',
  paymentId: `payment_${name}`,
  customerId,
  placedBy: 'customer',
  placedAt: `2026-01-0${name}T00:00:00.000Z`,
  currency: 'GBP',
  lines: [
    {
      id: '1',
      sku: 'a',
      title: 'a',
      quantity: 1,
      fulfilled: 0,
      cancelled: 0,
      returned: 0,
      unitPrice: GBP(500),
      total: GBP(500),
    },
  ],
  subtotal: GBP(500),
  discount: GBP(0),
  shipping: GBP(0),
  tax: GBP(0),
  total: GBP(500),
  captured: GBP(0),
  refunded: GBP(0),
  shipments: [{ id: 'shipment_1', status: 'failed', location: 'leeds', reason: 'rude customer', lines: [] }],
  returns: [],
  shippingMethod: 'standard',
  shippingAddress: sealed('shippingAddress'),
  email: sealed('email'),
  timeline: [{ at: `2026-01-0${name}T00:00:00.000Z`, what: 'placed' }],
});
const orders = [order('3', 'customer_ada'), order('2', 'customer_bob'), order('1', 'customer_ada')];

const byId =
  <T extends { id: string }>(entries: readonly T[]) =>
  async (id: string) =>
    entries.find((entry) => entry.id === id);

const FACETS = { category: [{ value: 'kitchen', count: 2 }], brand: [], inStock: [{ value: 'true', count: 2 }] };

describe('The query endpoints', () => {
  let searched: ProductSearchRequest | undefined;
  let firstCurrency: string;
  let listedBy: object | undefined;
  let forgotten = false;
  /** The progress of every read model. */
  let shown: ReadonlyMap<StreamId, number>;

  const modelOf = <Q>(queries: Q) =>
    readModel(queries, (seen) => [...seen].every(([stream, commitNo]) => (shown.get(stream) ?? 0) >= commitNo));
  const personal: Pick<PersonalData, 'open'> = {
    open: async (value) => (!isSealed(value) ? value : forgotten ? FORGOTTEN : opened[value.at]) as never,
  };

  const published = products.filter(({ status }) => status === 'published');
  const listed = async ({ limit, after = [''] }: { limit: number; after?: readonly (string | number)[] | undefined }) =>
    pageOf(
      published.filter(({ id }) => id > String(after.at(-1))),
      limit,
      ({ id }) => [id],
    );

  const counted = async ({ limit, after = [''] }: PageRequest) =>
    pageOf(
      categories.filter(({ id }) => id > String(after[0])),
      limit,
      ({ id }) => [id],
    );

  const call = callerOf([
    ...productQueries({
      catalogue: modelOf({ list: listed, categories: counted }),
      productPage: modelOf({ byId: byId(products) }),
      productSearch: modelOf<ProductSearchQueries>({
        async search(request) {
          searched = request;
          const page = pageOf(published, request.limit, ({ id }) => [1, id]);
          return request.after ? page : { ...page, facets: FACETS };
        },
        suggest: async (text, limit) => [{ text }, { text: String(limit), productId: 'product_a' }],
      }),
      currencyOf: async (asked = firstCurrency) => asked,
    }),
    ...orderQueries({
      personal,
      emailKeyOf: (email) => `key of ${email.toLowerCase()}`,
      orders: modelOf<OrderQueries>({
        byId: byId(orders),
        async list({ customerId, number, emailKey, limit, after, ...request }) {
          listedBy = { emailKey, ...request };
          const found = orders
            .filter((entry) => !customerId || entry.customerId === customerId)
            .filter((entry) => !number || entry.number === number);
          const rest = found.filter(({ placedAt }) => !after || placedAt < String(after[0]));
          return pageOf(rest, limit, ({ placedAt, id }) => [placedAt, id]);
        },
      }),
    }),
    stockQuery({
      stock: modelOf<StockQueries>({
        bySku: async (sku) => (sku === 'a' ? { sku, locations: [], available: 0 } : undefined),
      }),
    }),
    configQuery({ settings: async () => ({ currencies: ['GBP'], countries: ['GB'] }) }),
  ]);

  beforeEach(() => {
    shown = new Map();
    firstCurrency = 'GBP';
    forgotten = false;
  });

  it('page through products by an opaque cursor', async () => {
    const first = await call('get /v1/products', { query: { limit: '2' } });
    expect(first.body.data.map(({ id }: ProductView) => id)).to.deep.equal(['product_a', 'product_b']);
    expect(first.body.page.hasMore).to.equal(true);
    const last = await call('get /v1/products', { query: { limit: '2', after: first.body.page.next } });
    expect(last.body).to.deep.equal({ data: [product('c')], page: { next: null, hasMore: false } });
  });

  it('page through the categories, each with its number of products', async () => {
    const first = await call('get /v1/categories', { query: { limit: '1' } });
    expect(first.body.data).to.deep.equal([{ id: 'garden', products: 2 }]);
    const { next } = first.body.page;
    expect((await call('get /v1/categories', { query: { after: next } })).body).to.deep.equal({
      data: [{ id: 'kitchen', products: 1 }],
      page: { next: null, hasMore: false },
    });
    await problemOf(call('get /v1/products', { query: { after: next } }), 'invalid_request');
  });

  it('reject a cursor of another list', async () => {
    const searchCursor = (await call('get /v1/search', { query: { limit: '1' } })).body.page.next;
    const bad = ['x', Buffer.from('["id",1]').toString('base64url'), Buffer.from('{}').toString('base64url')];
    for (const after of [...bad, searchCursor]) {
      const { facts } = await problemOf(call('get /v1/products', { query: { after } }), 'invalid_request');
      expect(facts.errors).to.have.nested.property('[0].pointer', '?after');
    }
    await problemOf(call('get /v1/search', { query: { after: searchCursor, sort: 'title' } }), 'invalid_request');
  });

  it('show published products to shoppers, and all products to staff', async () => {
    const draft = 'get /v1/products/product_draft';
    expect((await call('get /v1/products/product_a')).body).to.deep.equal(product('a'));
    await problemOf(call(draft), 'not_found');
    await problemOf(call(draft, { caller: ADA }), 'not_found');
    expect((await call(draft, { caller: KEEPER })).body.status).to.equal('draft');
    await problemOf(call('get /v1/products/order_1'), 'not_found');
  });

  it('read the filters of a search', async () => {
    const query = { q: 'mug', brand: 'Acme', price: '500..', inStock: 'true', sort: '-price', limit: '2' };
    const { body } = await call('get /v1/search', { query });
    expect(searched).to.deep.include({ ...query, price: { min: 500 }, inStock: 'true', limit: 2 });
    expect(body.facets).to.deep.equal(FACETS);
    await call('get /v1/search', { query: { q: ' ' } });
    expect(the(searched).q).to.equal(undefined);
  });

  it('read the attributes of a search', async () => {
    const attributes = (text: string) => call('get /v1/search', { query: { attributes: text } });
    await attributes('colour:Black; size: 10:30 ');
    expect(the(searched).attributes).to.deep.equal([
      { name: 'colour', value: 'Black' },
      { name: 'size', value: '10:30' },
    ]);
    for (const bad of [
      '',
      'colour',
      ':Black',
      'colour:',
      'a:1;',
      'a:1;b:2;c:3;d:4;e:5;f:6',
      `a:${'x'.repeat(1_000)}`,
    ]) {
      await rejects(attributes(bad), /attributes/, bad);
    }
  });

  it('suggest searches', async () => {
    expect((await call('get /v1/search/suggest', { query: { q: 'mu' } })).body).to.deep.equal({
      data: [{ text: 'mu' }, { text: '8', productId: 'product_a' }],
    });
    for (const query of [{}, { q: 'x'.repeat(101) }, { q: 'a', limit: '1000000000' }, { q: 'a', limit: '-1' }]) {
      await rejects(call('get /v1/search/suggest', { query }), /"path"/);
    }
  });

  it("search in the shop's first currency unless another is requested, and keep the currency on later pages", async () => {
    const first = await call('get /v1/search', { query: { limit: '1', sort: 'price' } });
    expect(searched).to.include({ currency: 'GBP', after: undefined });
    const next = { limit: '1', sort: 'price', after: first.body.page.next };
    await call('get /v1/search', { query: next });
    expect(searched).to.deep.include({ currency: 'GBP', after: [1, 'product_a'] });
    expect(first.body.facets).to.deep.equal(FACETS);
    firstCurrency = 'JPY';
    await problemOf(call('get /v1/search', { query: next }), 'invalid_request');
    await call('get /v1/search', { query: { sort: 'price' } });
    expect(searched).to.include({ currency: 'JPY' });
    await call('get /v1/search', { query: { currency: 'BHD' } });
    expect(searched).to.include({ currency: 'BHD' });
  });

  it('show customers their own orders and no others', async () => {
    const ids = async (caller: Call['caller'], query = {}) =>
      (await call('get /v1/orders', { ...defined({ caller }), query })).body.data.map(({ id }: { id: string }) => id);
    expect(await ids(ADA)).to.deep.equal(['order_3', 'order_1']);
    expect(await ids(ADA, { customerId: 'customer_bob' })).to.deep.equal(['order_3', 'order_1']);
    expect(await ids(SUPPORT)).to.deep.equal(['order_3', 'order_2', 'order_1']);
    expect(await ids(SUPPORT, { customerId: 'customer_bob' })).to.deep.equal(['order_2']);
    expect(await ids(SUPPORT, { number: '2' })).to.deep.equal(['order_2']);
    await problemOf(ids(ADA, { number: '2' }), 'forbidden');
    await problemOf(call('get /v1/orders/order_3', { caller: BOB }), 'not_found');
    await problemOf(call('get /v1/orders/order_9', { caller: SUPPORT }), 'not_found');
    await problemOf(call('get /v1/orders', { caller: { role: 'customer', id: 'x' } }), 'forbidden');
  });

  it('tell support, but not the customer, why an order is held, where its units are and why a delivery failed', async () => {
    for (const [caller, heldReason] of [
      [ADA, undefined],
      [SUPPORT, 'looks like fraud'],
    ] as const) {
      const { body } = await call('get /v1/orders/order_3', { caller });
      const list = await call('get /v1/orders', { caller });
      for (const shown of [body, list.body.data[0]]) {
        expect(shown.held).to.equal(true);
        expect(shown.heldReason).to.equal(heldReason);
        expect(shown.allocation).to.deep.equal(heldReason && the(orders[0]).allocation);
        const [{ location, reason }] = the(orders[0]).shipments as [OrderView['shipments'][number]];
        expect(shown.shipments[0]).to.deep.include({ id: 'shipment_1', status: 'failed' });
        expect([shown.shipments[0].location, shown.shipments[0].reason]).to.deep.equal(
          heldReason ? [location, reason] : [undefined, undefined],
        );
      }
    }
  });

  it('find orders for support by status, number and e-mail address', async () => {
    const asked = (query: Record<string, string>, caller = SUPPORT) => call('get /v1/orders', { caller, query });
    const statuses = { status: 'placed', paymentStatus: 'refunded', fulfilmentStatus: 'fulfilled' };
    await asked({ ...statuses, email: 'Ada@example.com' });
    expect(listedBy).to.deep.equal({ ...statuses, emailKey: 'key of ada@example.com' });
    const { body } = await asked({ number: '2' });
    expect(body.data.map(({ id }: { id: string }) => id)).to.deep.equal(['order_2']);
    forgotten = true;
    expect((await asked({ email: 'ada@example.com' })).body.data).to.deep.equal([]);
    expect((await asked({})).body.data).to.have.length(3);
  });

  it('let customers filter their own orders by status, and by nothing that is for support', async () => {
    await call('get /v1/orders', { caller: ADA, query: { status: 'completed' } });
    expect(listedBy).to.deep.equal({ status: 'completed', emailKey: undefined });
    for (const filter of [
      { paymentStatus: 'refunded' },
      { fulfilmentStatus: 'fulfilled' },
      { number: '3' },
      { email: 'ada@example.com' },
    ]) {
      const problem = await problemOf(call('get /v1/orders', { caller: ADA, query: filter }), 'forbidden');
      expect(problem.message).to.include(Object.keys(filter)[0]);
    }
  });

  it('open sealed values for those who may see them, and leave out forgotten ones', async () => {
    const shown = await call('get /v1/orders/order_3', { caller: ADA });
    expect(shown.body).to.deep.include({ email: 'ada@example.com', shippingAddress: ADDRESS });
    expect(shown.version).to.equal(3);
    forgotten = true;
    const { body } = await call('get /v1/orders/order_3', { caller: SUPPORT });
    expect(body).not.to.have.any.keys('email', 'shippingAddress');
  });

  it('answer once they show what the caller has seen, or report that they do not yet', async () => {
    const seen = new Map<StreamId, number>([['order#3', 2]]);
    await problemOf(call('get /v1/orders/order_3', { caller: ADA, seen }), 'unavailable');
    shown = seen;
    expect((await call('get /v1/orders/order_3', { caller: ADA, seen })).status).to.equal(200);
  });

  it('show every SKU that was ever stocked', async () => {
    expect((await call('get /v1/stock/a', { caller: KEEPER })).body.available).to.equal(0);
    await problemOf(call('get /v1/stock/b', { caller: KEEPER }), 'not_found');
  });

  it("show the shop's currencies and countries", async () => {
    expect((await call('get /v1/config')).body).to.deep.equal({ currencies: ['GBP'], countries: ['GB'] });
  });
});
