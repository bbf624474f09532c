import { setTimeout as delay } from 'node:timers/promises';
// The contract of every adapter of a read model's queries, on data that its sink and the projector have written.
import { expect } from 'chai';
import fc from 'fast-check';
import type { Caller } from '../../domain/kernel/endpoint.js';
import type { Money } from '../../domain/kernel/money.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type Agenda, RECOVER_AFTER_MS } from '../../domain/processes/agenda.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { AlsoBoughtQueries } from '../../projections/models/also-bought.js';
import type { CatalogueQueries } from '../../projections/models/catalogue.js';
import type { CurrentCartQueries } from '../../projections/models/current-carts.js';
import type { CustomerQueries } from '../../projections/models/customers.js';
import type { OrderQueries } from '../../projections/models/orders.js';
import type { Cursor, Page } from '../../projections/models/page.js';
import type { ProductPageQueries } from '../../projections/models/product-page.js';
import {
  PRODUCT_SORTS,
  type ProductSearchQueries,
  type ProductSearchRequest,
  type ProductSort,
} from '../../projections/models/product-search.js';
import type { SealedReturnView } from '../../projections/models/return-view.js';
import type { StockQueries } from '../../projections/models/stock.js';
import { sortKey } from '../../projections/models/texts.js';
import type { UnitsSoldQueries } from '../../projections/models/units-sold.js';
import type { WorkListRequest, WorkLists } from '../../projections/models/work-lists.js';
import { type Projection, physicalName } from '../../projections/runtime/projection.js';
import { createProjector } from '../../projections/runtime/projector.js';
import type { Sink } from '../../projections/runtime/sink.js';
import { openedReturn } from '../../read-api/views/opened.js';
import { openedOrder } from '../../read-api/views/opened-order.js';
import { createOrderView } from '../../read-api/views/order.js';
import { eventually } from '../running-shop.js';
import { ADA, BOB, createShop, fill, GUEST, KEEPER, type Shop, SUPPORT, sell } from '../shop.js';
import { the } from '../the.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });
const JPY = (amount: number) => ({ amount, currency: 'JPY' });
const BHD = (amount: number) => ({ amount, currency: 'BHD' });
const EUR = (amount: number) => ({ amount, currency: 'EUR' });
const silent = { info() {}, warn() {}, error() {} };

/** A read model: where it is stored, and its queries. */
export interface ReadModelUnderTest<Q> {
  sink: Sink;
  projection: unknown;
  queries: Q;
}

/** Called inside hooks. Each call gives a new read model. */
type Open<Q> = () => ReadModelUnderTest<Q> | Promise<ReadModelUnderTest<Q>>;

/** Updates the read model to the state of the shop. */
async function show(shop: Shop, { sink, projection }: ReadModelUnderTest<unknown>): Promise<void> {
  const shown = projection as Projection<never, never>;
  const documents = await sink.open([shown]);
  const projector = createProjector({
    engine: sink.engine,
    projections: [shown],
    documents,
    store: shop.store,
    clock: Date.now,
    log: silent,
  });
  await projector.catchUp(
    new Map([...shop.log.streams].map(([stream, commits]) => [stream as StreamId, commits.length])),
  );
  await documents.refresh?.(physicalName(shown));
}

/** All entries, read page by page. */
async function allPages<T>(list: (after: Cursor | undefined) => Promise<Page<T>>): Promise<T[]> {
  const entries: T[] = [];
  let after: Cursor | undefined;
  do {
    const page = await list(after);
    entries.push(...page.data);
    after = page.next;
  } while (after);
  return entries;
}

async function sellIn(shop: Shop, currencies: readonly string[]): Promise<void> {
  const { body } = await shop.call('get /v1/shop', { caller: KEEPER });
  await shop.call('put /v1/shop', { caller: KEEPER, body: { ...body, currencies } });
}

const draft = (shop: Shop, sku: string, details: object, ...prices: object[]) =>
  shop.call('post /v1/products', {
    caller: KEEPER,
    body: { id: `product_${sku}`, title: sku, ...details, variants: [{ sku, prices }] },
  });

async function publish(shop: Shop, sku: string, details: object, ...prices: object[]): Promise<void> {
  await draft(shop, sku, details, ...prices);
  await shop.call(`post /v1/products/product_${sku}/publish`, { caller: KEEPER });
}

export function productPageContract(open: Open<ProductPageQueries>): void {
  it('shows a product whatever its status', async () => {
    const shop = createShop();
    const model = await open();
    await sell(shop, 'MUG', 500);
    await draft(shop, 'CUP', { attributes: { 'max. load': 2, $: true }, categories: ['kitchen'] });
    await show(shop, model);
    expect(await model.queries.byId('product_MUG')).to.deep.equal({
      id: 'product_MUG',
      version: 3,
      status: 'published',
      title: 'The MUG',
      variants: [{ sku: 'MUG', prices: [GBP(500)], inStock: true }],
    });
    expect(await model.queries.byId('product_CUP')).to.deep.equal({
      id: 'product_CUP',
      version: 2,
      status: 'draft',
      title: 'CUP',
      categories: ['kitchen'],
      attributes: { 'max. load': 2, $: true },
      variants: [{ sku: 'CUP', prices: [], inStock: false }],
    });
    expect(await model.queries.byId('product_JUG')).to.equal(undefined);
  });
}

export function catalogueContract(open: Open<CatalogueQueries>): void {
  it('lists published products page by page, without gaps or repeats', async () => {
    const shop = createShop();
    const model = await open();
    for (const sku of ['e', 'b', 'D', 'a', 'C']) await publish(shop, sku, { categories: ['letters'] }, GBP(1));
    await publish(shop, 'f', { categories: ['others', 'letters'] }, GBP(1));
    await publish(shop, 'g', {}, GBP(1));
    await draft(shop, 'h', { categories: ['letters'] });
    await shop.call('post /v1/products/product_b/unpublish', { caller: KEEPER });
    await show(shop, model);
    const ids = async (category?: string, limit = 2) =>
      (await allPages((after) => model.queries.list({ category, limit, after }))).map(({ id }) => id.slice(8));
    expect(await ids()).to.deep.equal(['C', 'D', 'a', 'e', 'f', 'g']);
    expect(await ids('letters')).to.deep.equal(['C', 'D', 'a', 'e', 'f']);
    expect(await ids('others')).to.deep.equal(['f']);
    expect(await ids('nothing')).to.deep.equal([]);
    expect(await model.queries.list({ limit: 6 })).not.to.have.property('next');
  });

  it('counts the published products of each category, in the order of the names, each product once', async () => {
    const shop = createShop();
    const model = await open();
    await publish(shop, 'a', { categories: ['tea', 'kitchen'] }, GBP(1));
    await publish(shop, 'b', { categories: ['kitchen', 'Étagère', 'kitchen'] }, GBP(1));
    await publish(shop, 'c', { categories: ['a.b $c', 'Tea'] }, GBP(1));
    await publish(shop, 'd', { categories: [] }, GBP(1));
    await publish(shop, 'e', {}, GBP(1));
    await draft(shop, 'f', { categories: ['kitchen', 'drafts'] });
    await publish(shop, 'g', { categories: ['kitchen', 'gone'] }, GBP(1));
    await publish(shop, 'h', { categories: ['E\u0301tage\u0300re', 'ETAGERE', 'Zoo'] }, GBP(1));
    await shop.call('post /v1/products/product_g/unpublish', { caller: KEEPER });
    await show(shop, model);
    const counted = [
      { id: 'a.b $c', products: 1 },
      { id: 'ETAGERE', products: 2 },
      { id: 'kitchen', products: 2 },
      { id: 'Tea', products: 2 },
      { id: 'Zoo', products: 1 },
    ];
    for (const limit of [1, 2, 5]) {
      expect(await allPages((after) => model.queries.categories({ limit, after }))).to.deep.equal(counted);
    }
    expect(await model.queries.categories({ limit: 5 })).not.to.have.property('next');
    for (const { id, products } of counted) {
      for (const spelt of spellings(id)) {
        expect((await model.queries.list({ category: spelt, limit: 9 })).data, spelt).to.have.length(products);
      }
    }
    expect((await model.queries.list({ category: 'kitchen\u0000', limit: 9 })).data).to.have.length(2);
    expect((await model.queries.list({ category: '', limit: 9 })).data).to.have.length(0);
  });
}

/** Different ways in which people and keyboards write the same text. */
function spellings(text: string): string[] {
  const wide = text.replace(/[!-~]/g, (sign) => String.fromCodePoint(the(sign.codePointAt(0)) + 0xfee0));
  const ways = [text, text.toUpperCase(), text.toLowerCase(), wide, ` ${text}\t`];
  return ways.flatMap((way) => [way, way.normalize('NFC'), way.normalize('NFD')]);
}

export function productSearchContract(open: Open<ProductSearchQueries>): void {
  const all: Omit<ProductSearchRequest, 'limit'> = { sort: 'title', currency: 'GBP' };
  let shop: Shop;
  let model: ReadModelUnderTest<ProductSearchQueries>;
  let search: (request?: Partial<ProductSearchRequest>) => Promise<string[]>;

  before(async () => {
    shop = createShop();
    model = await open();
    await sellIn(shop, ['GBP', 'EUR', 'JPY', 'BHD', 'KWD']);
    await publish(shop, 'MUG-1', { title: 'Blue mug', brand: 'Acme', categories: ['kitchen'] }, GBP(500), JPY(80_000));
    await publish(
      shop,
      'MUG-2',
      { title: 'Red mugs, a set of two', brand: 'Other', categories: ['kitchen'] },
      GBP(900),
      JPY(1_500),
    );
    await publish(
      shop,
      '85123A',
      { title: 'Hanging heart', categories: ['decoration', 'gifts'] },
      GBP(255),
      BHD(1_250),
    );
    await publish(shop, 'CARD', { title: 'Birthday card' }, JPY(900), BHD(12_345));
    await draft(shop, 'MUG-3', { title: 'Mug to come' }, GBP(1));
    await shop.call('post /v1/stock/MUG-1/receipts', { caller: KEEPER, body: { quantity: 1 } });
    await shop.call('post /v1/stock/CARD/receipts', { caller: KEEPER, body: { quantity: 1 } });
    await show(shop, model);
    search = async (request) =>
      (await allPages((after) => model.queries.search({ ...all, ...request, limit: 1, after }))).map(
        ({ variants }) => the(variants[0]).sku,
      );
  });

  it('finds published products by words of the title, in any form, by brand and by SKU', async () => {
    expect(await search({ q: 'mug' })).to.deep.equal(['MUG-1', 'MUG-2']);
    expect(await search({ q: 'BLUE mugs' })).to.deep.equal(['MUG-1']);
    expect(await search({ q: 'acme' })).to.deep.equal(['MUG-1']);
    expect(await search({ q: '85123a' })).to.deep.equal(['85123A']);
    expect(await search({ q: 'mug-2' })).to.deep.equal(['MUG-2']);
    expect(await search({ q: 'teapot' })).to.deep.equal([]);
  });

  it('filters by category, brand, price and stock', async () => {
    expect(await search({ category: 'gifts' })).to.deep.equal(['85123A']);
    expect(await search({ brand: 'Other' })).to.deep.equal(['MUG-2']);
    for (const brand of spellings('Other')) expect(await search({ brand }), brand).to.deep.equal(['MUG-2']);
    for (const category of spellings('gifts')) expect(await search({ category }), category).to.deep.equal(['85123A']);
    expect(await search({ brand: 'Othe' })).to.deep.equal([]);
    expect(await search({ brand: '', category: '\u0000' })).to.deep.equal([]);
    expect(await search({ price: { min: 255, max: 500 } })).to.deep.equal(['MUG-1', '85123A']);
    expect(await search({ price: { min: 501 } })).to.deep.equal(['MUG-2']);
    expect(await search({ price: { max: 499 } })).to.deep.equal(['85123A']);
    expect(await search({ inStock: 'true' })).to.deep.equal(['CARD', 'MUG-1']);
    expect(await search({ inStock: 'false', q: 'mug' })).to.deep.equal(['MUG-2']);
  });

  it('counts the values of each facet, as if there were no filter by the same facet', async () => {
    const facets = async (request: Partial<ProductSearchRequest> = {}) =>
      (await model.queries.search({ ...all, ...request, limit: 1 })).facets;
    const value = (text: string, count: number) => ({ value: text, count });
    expect(await facets()).to.deep.equal({
      category: [value('kitchen', 2), value('decoration', 1), value('gifts', 1)],
      brand: [value('Acme', 1), value('Other', 1)],
      inStock: [value('false', 2), value('true', 2)],
    });
    expect(await facets({ brand: 'ACME', inStock: 'true' })).to.deep.equal({
      category: [value('kitchen', 1)],
      brand: [value('Acme', 1)],
      inStock: [value('true', 1)],
    });
    expect(await facets({ brand: 'acme', q: 'mug' })).to.deep.equal({
      category: [value('kitchen', 1)],
      brand: [value('Acme', 1), value('Other', 1)],
      inStock: [value('true', 1)],
    });
    const none = { category: [], brand: [], inStock: [] };
    expect(await facets({ q: 'teapot' })).to.deep.equal(none);
    expect(await facets({ price: { min: 100_000 } })).to.deep.equal(none);
    const { next } = await model.queries.search({ ...all, limit: 1 });
    expect(await model.queries.search({ ...all, limit: 1, after: next })).to.not.have.property('facets');
  });

  it('sorts by title or price, and pages through each order', async () => {
    expect(await search({ sort: 'title' })).to.deep.equal(['CARD', 'MUG-1', '85123A', 'MUG-2']);
    expect(await search({ sort: 'price' })).to.deep.equal(['85123A', 'MUG-1', 'MUG-2', 'CARD']);
    expect(await search({ sort: '-price' })).to.deep.equal(['MUG-2', 'MUG-1', '85123A', 'CARD']);
    expect(await search({ sort: '-price', q: 'card' })).to.deep.equal(['CARD']);
    expect(await search({ sort: 'price', price: { min: 0 } })).to.deep.equal(['85123A', 'MUG-1', 'MUG-2']);
    expect(await search({ sort: 'relevance' })).to.have.members(['CARD', 'MUG-1', '85123A', 'MUG-2']);
    expect(await search({ sort: 'relevance', q: 'mug' })).to.have.members(['MUG-1', 'MUG-2']);
  });

  it('compares prices in the requested currency; products without a price in it come last', async () => {
    const inJpy = (request: Partial<ProductSearchRequest>) => search({ currency: 'JPY', ...request });
    expect(await inJpy({ sort: 'price' })).to.deep.equal(['CARD', 'MUG-2', 'MUG-1', '85123A']);
    expect(await inJpy({ sort: '-price' })).to.deep.equal(['MUG-1', 'MUG-2', 'CARD', '85123A']);
    expect(await inJpy({ price: { min: 900, max: 1_500 } })).to.deep.equal(['CARD', 'MUG-2']);
    expect(await inJpy({ sort: '-price', price: { max: 1_500 } })).to.deep.equal(['MUG-2', 'CARD']);
    expect(await inJpy({ sort: 'price', q: 'mug', inStock: 'true' })).to.deep.equal(['MUG-1']);
    expect(await inJpy({ sort: 'relevance', q: 'mug', price: { min: 2_000 } })).to.deep.equal(['MUG-1']);
    expect(await search({ currency: 'BHD', sort: 'price' })).to.deep.equal(['85123A', 'CARD', 'MUG-1', 'MUG-2']);
    expect(await search({ currency: 'BHD', sort: '-price' })).to.deep.equal(['CARD', '85123A', 'MUG-1', 'MUG-2']);
    expect(await search({ currency: 'BHD', price: {} })).to.deep.equal(['CARD', '85123A']);
  });

  it('finds every product, and none by price, in a currency without prices', async () => {
    const byId = ['85123A', 'CARD', 'MUG-1', 'MUG-2'];
    for (const sort of ['price', '-price'] as const) {
      expect(await search({ currency: 'KWD', sort })).to.deep.equal(byId);
      expect(await search({ currency: 'KWD', sort, price: { min: 0 } })).to.deep.equal([]);
    }
    expect(await search({ currency: 'KWD', price: { max: 9_999 } })).to.deep.equal([]);
  });

  it('uses only the current prices', async () => {
    const renewed = [JPY(2_000), EUR(300)];
    await shop.call('put /v1/products/product_CARD/variants/CARD/prices', {
      caller: KEEPER,
      body: { prices: renewed },
    });
    await show(shop, model);
    expect(await search({ currency: 'JPY', sort: 'price' })).to.deep.equal(['MUG-2', 'CARD', 'MUG-1', '85123A']);
    expect(await search({ currency: 'BHD', sort: 'price' })).to.deep.equal(['85123A', 'CARD', 'MUG-1', 'MUG-2']);
    expect(await search({ currency: 'BHD', price: { min: 0 } })).to.deep.equal(['85123A']);
    expect(await search({ currency: 'EUR', price: { max: 300 } })).to.deep.equal(['CARD']);
  });
}

/** What the ranking, the suggestions and the filters by attributes must do, the same on both profiles. */
export function productRankingContract(open: Open<ProductSearchQueries>): void {
  const all = { sort: 'relevance', currency: 'GBP', limit: 20 } as const;
  let shop: Shop;
  let model: ReadModelUnderTest<ProductSearchQueries>;
  const search = async (request: Partial<ProductSearchRequest>) => model.queries.search({ ...all, ...request });
  const skus = async (q: string, request: Partial<ProductSearchRequest> = {}) =>
    (await search({ q, ...request })).data.map(({ variants }) => the(variants[0]).sku);

  before(async function () {
    this.timeout(60_000);
    shop = createShop();
    model = await open();
    const products: Record<string, Parameters<typeof publish>[2]> = {
      'BAG-1': { title: 'Targus notebook case 39.1 cm Black', categories: ['Bags'], attributes: { colour: 'Black' } },
      'NB-1': {
        title: 'HP ProBook 4520 Notebook Silver 39.6 cm 4 GB DDR3 320 GB Windows 7 Professional',
        brand: 'HP',
        categories: ['Notebooks'],
        attributes: { colour: 'Silver', memory: 4, touch: false, ean: '0884420588030', mpn: 'XY-77 B' },
      },
      'NB-2': {
        title: 'Lenovo ThinkPad Notebook Black 35.8 cm',
        brand: 'Lenovo',
        categories: ['Notebooks'],
        attributes: { colour: 'Black', memory: 8, touch: true },
      },
      'STAND-1': { title: 'Notebook stand', description: 'Holds any laptop', categories: ['Stands'] },
      'CARD-1': {
        title: 'Sony Memory Card 8 GB',
        brand: 'Sony',
        attributes: { colour: 'BLACK', 'write; speed': 'a:b;c' },
      },
      'STICK-1': { title: 'Integral USB flash drive 16 GB', description: 'Small and blue' },
      'RADIO-1': { title: 'Philips Clock Radio', brand: 'Philips' },
      'RADIO-2': { title: 'Philips Clock Radio', brand: 'Philips' },
    };
    for (const [sku, details] of Object.entries(products)) {
      await publish(shop, sku, details, GBP(100));
      // So that each is published at another time.
      await delay(2);
    }
    await draft(shop, 'NB-3', { title: 'Notebook to come' }, GBP(1));
    await show(shop, model);
  });

  it('puts the kind of product that a query names before its accessories', async () => {
    expect((await skus('notebook')).slice(0, 2)).to.have.members(['NB-1', 'NB-2']);
    expect((await skus('notebooks')).slice(0, 2)).to.have.members(['NB-1', 'NB-2']);
    expect((await skus('notebook stand'))[0]).to.equal('STAND-1');
    expect((await skus('notebook case'))[0]).to.equal('BAG-1');
  });

  it('finds synonyms and compounds', async () => {
    expect(await skus('laptop')).to.have.members(['NB-1', 'NB-2', 'STAND-1', 'BAG-1']);
    expect(await skus('usb stick')).to.deep.equal(['STICK-1']);
    expect(await skus('memorycard')).to.deep.equal(['CARD-1']);
    expect(await skus('note book')).to.include.members(['NB-1', 'NB-2']);
  });

  it('finds words of descriptions, attributes and categories', async () => {
    expect(await skus('blue drive')).to.deep.equal(['STICK-1']);
    expect(await skus('lenovo touch')).to.deep.equal(['NB-2']);
    expect(await skus('bags')).to.deep.equal(['BAG-1']);
  });

  it('finds a product by its EAN and part number first', async () => {
    expect((await skus('0884420588030'))[0]).to.equal('NB-1');
    expect((await skus('xy-77 b'))[0]).to.equal('NB-1');
  });

  it('corrects words that no product has, and only these', async () => {
    // Postgres corrects no words until the index that the first one needs is there.
    await eventually('a word is corrected', async () => {
      const { didYouMean, data } = await search({ q: 'lenovo notebok' });
      expect(didYouMean).to.equal('lenovo notebook');
      expect(data.map(({ variants }) => the(variants[0]).sku)).to.deep.equal(['NB-2']);
    });
    // No product has these words either, so half of them suffice.
    const half = await search({ q: 'philips notebok' });
    expect(half).to.not.have.property('didYouMean');
    expect(half.data).to.not.have.length(0);
    expect(await search({ q: 'notebook' })).to.not.have.property('didYouMean');
    expect(await search({ q: 'notebook', brand: 'Sony' }))
      .to.deep.include({ data: [] })
      .and.not.have.property('didYouMean');
    expect(await search({ q: 'zzzzzzzz' }))
      .to.deep.include({ data: [] })
      .and.not.have.property('didYouMean');
  });

  it('is content with half of the words if nothing has all, also on later pages', async () => {
    const found = await allPages((after) =>
      model.queries.search({ ...all, q: 'sony notebook purple', limit: 1, after }),
    );
    expect(found).to.have.length(0);
    const half = await allPages((after) => model.queries.search({ ...all, q: 'philips notebook', limit: 1, after }));
    expect(half.map(({ variants }) => the(variants[0]).sku)).to.include.members(['RADIO-1', 'NB-1', 'NB-2']);
  });

  it('filters by attributes, whatever their spelling and type', async () => {
    const having = async (attributes: ProductSearchRequest['attributes']) =>
      (await search({ attributes, sort: 'title' })).data.map(({ variants }) => the(variants[0]).sku);
    expect(await having([{ name: 'Colour', value: 'black' }])).to.deep.equal(['NB-2', 'CARD-1', 'BAG-1']);
    const two = [
      { name: 'colour', value: 'black' },
      { name: 'memory', value: '8' },
    ];
    expect(await having(two)).to.deep.equal(['NB-2']);
    expect(await having([{ name: 'touch', value: 'true' }])).to.deep.equal(['NB-2']);
    expect(await having([{ name: 'write  speed', value: 'a:b c' }])).to.deep.equal(['CARD-1']);
    expect(await having([{ name: 'colour', value: 'blac' }])).to.deep.equal([]);
  });

  it('counts the values of attributes that tell products apart, also beside a filter by the same attribute', async () => {
    const { attributeFacets } = await search({});
    const colours = attributeFacets?.find(({ name }) => name === 'colour');
    expect(colours).to.deep.equal({
      name: 'colour',
      values: [
        { value: 'Black', count: 3 },
        { value: 'Silver', count: 1 },
      ],
    });
    const filtered = await search({ attributes: [{ name: 'colour', value: 'Silver' }] });
    expect(filtered.data.map(({ id }) => id)).to.deep.equal(['product_NB-1']);
    expect(filtered.attributeFacets?.find(({ name }) => name === 'colour')).to.deep.equal(colours);
  });

  it('suggests categories, brands and titles as they are typed', async () => {
    const texts = async (text: string) => (await model.queries.suggest(text, 8)).map(({ text: shown }) => shown);
    expect(await texts('no')).to.include.members(['Notebooks', 'Notebook stand']);
    expect(await texts('no')).to.not.include('Notebook to come');
    expect((await texts('phil'))[0]).to.equal('Philips');
    // No title has the word of this category.
    expect(await texts('bag')).to.deep.equal(['Bags', 'Targus notebook case 39.1 cm Black']);
    expect(await texts('bags targ')).to.deep.equal(['Targus notebook case 39.1 cm Black']);
    expect(await texts('clock ra')).to.deep.equal(['Philips Clock Radio']);
    expect(await model.queries.suggest('lenovo thin', 1)).to.deep.equal([
      { text: 'Lenovo ThinkPad Notebook Black 35.8 cm', productId: 'product_NB-2' },
    ]);
    expect(await texts('xyz')).to.deep.equal([]);
    for (const strange of ['', ' ', "'", ':*', '\\', '\u0000', '(', 'a & b', '\u202e', 'x'.repeat(100)])
      await texts(strange);
  });

  it('raises products that are in stock and sold, and sorts by units sold and publication', async () => {
    expect(await skus('clock radio')).to.deep.equal(['RADIO-1', 'RADIO-2']);
    await shop.call('post /v1/stock/RADIO-2/receipts', { caller: KEEPER, body: { quantity: 1 } });
    await show(shop, model);
    expect(await skus('clock radio')).to.deep.equal(['RADIO-2', 'RADIO-1']);
    // Two units of the other one are sold.
    await shop.call('post /v1/stock/RADIO-1/receipts', { caller: KEEPER, body: { quantity: 2 } });
    const cart = await fill(shop, { 'RADIO-1': 2 });
    const order = await shop.call(`post /v1/carts/${cart}/checkout`, {
      caller: ADA,
      body: { paymentMethod: 'pm_card_visa' },
    });
    const sent = await shop.call(`post /v1/orders/${order.body.id}/shipments`, { caller: SUPPORT, body: {} });
    await shop.call(`post /v1/shipments/${sent.body.id}/dispatch`, { caller: SUPPORT });
    await shop.call('post /v1/stock/RADIO-1/receipts', { caller: KEEPER, body: { quantity: 1 } });
    await show(shop, model);
    expect(await skus('clock radio')).to.deep.equal(['RADIO-1', 'RADIO-2']);
    const popular = await allPages((after) => model.queries.search({ ...all, sort: 'popularity', limit: 3, after }));
    expect(popular).to.have.length(8);
    expect(the(popular[0]).id).to.equal('product_RADIO-1');
    const newest = await allPages((after) => model.queries.search({ ...all, sort: 'newest', limit: 3, after }));
    expect(newest).to.have.length(8);
    expect([newest[0]?.id, newest.at(-1)?.id]).to.deep.equal(['product_RADIO-2', 'product_BAG-1']);
  });
}

/** The products of the word searches, by SKU, with title and possibly brand. */
const TRICKY: Record<string, string | { title: string; brand: string }> = {
  book: 'To Be or Not',
  'book-2': 'How to be good',
  NO: 'Sign without words',
  'no-2': 'Sign that says no',
  Yes: 'Sign that says yes',
  'a.b_c-1': 'Cable',
  MUG: 'Mug',
  'MUG-1': 'Mug, blue',
  'MUG-10': 'Mug, red',
  'MUG-100': 'Mugs: a set of ten',
  A: 'Letter',
  letters: 'Letters A, B and C',
  '4006381333931': 'Pencil 4006381333931',
  '4006381333932': 'Eraser',
  cpp: 'The C++ primer',
  csharp: 'C# in a nutshell',
  c: 'C by example',
  dotnet: '.NET at work',
  node: 'Node.js cookbook',
  wifi: 'Wi-Fi stick',
  mens: 'Men’s shirt',
  oreal: { title: 'Shampoo', brand: "L'Oréal" },
  straw: 'Straße und Weiß',
  muller: 'Müller Milchreis',
  oil: 'Œuvre complète',
  file: 'Oﬃce ﬁle',
  wide: 'Ｆｕｌｌ－ｗｉｄｔｈ ｔｉｔｌｅ',
  cafe: 'Cafe\u0301 cre\u0300me',
  isparta: 'Isparta halısı',
  istanbul: 'İSTANBUL lamp',
  sigma: 'ΟΔΟΣ Οδυσσέως',
  phone: '智能手机壳',
  coat: 'スマートフォンケース',
  present: 'Surprise 🎁 box',
  band: '!!!',
  rock: 'Rock & roll',
  quote: 'It\\s "quoted" \u0027n\u0027 (so) <b>: * ~ | ! &',
  inch: '17" screen, 2.5 GHz ½ price',
  tm: 'Core™2 Duo®',
  long: 'x'.repeat(180),
  shirts: 'T-shirts',
  batteries: 'Batteries',
  battery: 'Battery',
};

/** The expected first results in order. More may follow only if the list ends with `…`. */
const FINDS: Record<string, string[]> = {
  'to be or not': ['book'],
  'TO BE, OR NOT TO BE': ['book'],
  'to be': ['book', 'book-2'],
  how: ['book-2'],
  no: ['NO', 'no-2'],
  No: ['NO', 'no-2'],
  'NO-2': ['no-2'],
  yes: ['Yes'],
  'A.B_C-1': ['a.b_c-1'],
  'a.b_c–1': ['a.b_c-1'],
  mug: ['MUG', '…'],
  'mug-1': ['MUG-1'],
  'mug 1': ['MUG-1'],
  'MUG-10': ['MUG-10'],
  mugs: ['MUG-100', '…'],
  a: ['A', '…'],
  b: ['letters', 'quote', 'a.b_c-1'],
  4006381333931: ['4006381333931'],
  400638133393: [],
  'c++': ['cpp', '…'],
  'C#': ['csharp', '…'],
  c: ['c', '…'],
  '.net': ['dotnet'],
  net: ['dotnet'],
  'node.js': ['node'],
  nodejs: ['node'],
  js: ['node'],
  'wi-fi': ['wifi'],
  'Wi‑Fi': ['wifi'],
  wifi: ['wifi'],
  'wi fi': ['wifi'],
  "men's": ['mens'],
  mens: ['mens'],
  men: ['mens'],
  loreal: ['oreal'],
  'l’oreal': ['oreal'],
  oréal: ['oreal'],
  strasse: ['straw'],
  STRASSE: ['straw'],
  weiss: ['straw'],
  MULLER: ['muller'],
  müller: ['muller'],
  oeuvre: ['oil'],
  'ŒUVRE COMPLETE': ['oil'],
  office: ['file'],
  'full-width': ['wide'],
  'café crème': ['cafe'],
  'CAFE CREME': ['cafe'],
  ısparta: ['isparta'],
  'ISPARTA HALISI': ['isparta'],
  istanbul: ['istanbul'],
  İstanbul: ['istanbul'],
  οδος: ['sigma'],
  οδόσ: ['sigma'],
  手机: ['phone'],
  手機: [],
  スマートフォン: ['coat'],
  '🎁': ['present'],
  '!!!': ['band'],
  '!!': [],
  'rock & roll': ['rock'],
  'rock and roll': ['rock'],
  'rock roll': ['rock'],
  'it\\s "quoted"': ['quote'],
  '17"': ['inch'],
  '2.5 ghz': ['inch'],
  core: ['tm'],
  'core™': ['tm'],
  duo: ['tm'],
  ['x'.repeat(180)]: ['long'],
  ['x'.repeat(99)]: [],
  'no-1': [],
  'tee shirt': ['mens', 'shirts'],
  batery: ['battery', 'batteries'],
  'cookbok of node': ['node'],
  't-shirt': ['shirts'],
  tshirts: ['shirts'],
  battery: ['battery', 'batteries'],
  batteries: ['batteries', 'battery'],
  the: ['cpp'],
  'the batteries of it': ['batteries', 'battery'],
  '?': [],
  '-- \' " \\': [],
  '\u0000': [],
};

/** Anything that people may type or paste, and syntax of the stores. */
const anyQuery = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...'\'"\\&|!():*<->~^?+-/{}[]%_ ab\u0000\ufdfa\ud83d㌖'), maxLength: 200 }),
  fc.constantFrom("'", 'a & b', 'mug:*', '<->', 'AND OR NOT', '{"a":1}', "\\'", '\ufdfa'.repeat(200), '㌖'.repeat(200)),
);

/** Titles as people write them, with so few letters that many differ only in case and accents. */
const anyTitle = fc
  .array(
    fc.constantFrom(
      ...[
        'a',
        'A',
        'ä',
        'a\u0308',
        'á',
        'b',
        'ß',
        'ss',
        'z',
        'Z',
        'é',
        'o',
        'ø',
        'i',
        'ı',
        'I',
        'İ',
        '1',
        '10',
        '-',
        "'",
        '’',
      ],
      ...[' ', '(', '~', '“', '手', '机', 'ア', 'ｱ', '🎁', '👩‍👩‍👧', 'ж', 'Ж', 'Ａ', 'ﬁ', '𝔞', '\uffee'],
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => `t${parts.join('')}`);

/** The results of product searches and their order, the same on both profiles. */
export function productWordsContract(open: Open<ProductSearchQueries>): void {
  const titles = fc.sample(anyTitle, { numRuns: 60, seed: 9 });
  const all = { sort: 'relevance', currency: 'GBP' } as const;
  let queries: ProductSearchQueries;
  const ids = async (request: Partial<ProductSearchRequest>, limit = 7) =>
    (await allPages((after) => queries.search({ ...all, ...request, limit, after }))).map(({ id }) => id);

  before(async function () {
    this.timeout(60_000);
    const shop = createShop();
    const model = await open();
    for (const [sku, details] of Object.entries(TRICKY)) {
      const named = typeof details === 'string' ? { title: details } : details;
      await publish(shop, sku, { ...named, categories: ['Tricky'] }, GBP(100));
    }
    for (const [n, title] of titles.entries()) {
      await publish(shop, `random-${n}`, { title, categories: ['Random'] }, ...pricesOf(n));
    }
    await show(shop, model);
    ({ queries } = model);
    await eventually('words are corrected', async () => expect(await ids({ q: 'batery' })).to.not.have.length(0));
  });

  for (const [q, expected] of Object.entries(FINDS)) {
    it(`finds ${expected.join(', ') || 'nothing'} by ${JSON.stringify(q.slice(0, 30))}`, async () => {
      const found = (await ids({ q, category: 'tricky' })).map((id) => id.slice('product_'.length));
      const first = expected.filter((sku) => sku !== '…');
      if (first.length === expected.length) expect(found).to.deep.equal(expected);
      else expect(found.slice(0, first.length)).to.deep.equal(first);
    });
  }

  it('finds each product by its title and by its SKU first, however they are typed', async () => {
    for (const [sku, details] of Object.entries(TRICKY)) {
      const title = typeof details === 'string' ? details : details.title;
      for (const q of [title, title.normalize('NFD'), title.toLowerCase()]) {
        expect(await ids({ q }), q).to.include(`product_${sku}`);
      }
      for (const q of spellings(sku)) expect((await ids({ q }))[0], q).to.equal(`product_${sku}`);
    }
    for (const [n, title] of titles.entries()) expect(await ids({ q: title }), title).to.include(`product_random-${n}`);
  });

  it('answers any query', async () => {
    await fc.assert(
      fc.asyncProperty(anyQuery, anyQuery, async (q, name) => {
        await queries.search({ ...all, q, limit: 5 });
        await queries.search({ ...all, q, category: name, sort: 'title', limit: 5 });
        await queries.search({ ...all, brand: name, sort: '-price', limit: 5 });
        await queries.search({ ...all, q, attributes: [{ name, value: q }], sort: 'newest', limit: 5 });
        await queries.suggest(q, 8);
      }),
      { numRuns: 60 },
    );
  });

  it('pages through each order without gaps or repeats, equal entries by id', async () => {
    type Entry = { id: string; title: string; price: number | undefined };
    const byId = (a: Entry, b: Entry) => byCodePoints(a.id, b.id);
    const orders: Record<ProductSort, (a: Entry, b: Entry) => number> = {
      title: (a, b) => byCodePoints(a.title, b.title) || byId(a, b),
      price: (a, b) => (a.price ?? 9) - (b.price ?? 9) || byId(a, b),
      '-price': (a, b) => (b.price ?? -1) - (a.price ?? -1) || byId(a, b),
      relevance: byId,
      newest: () => 0,
      popularity: byId,
    };
    const cases = PRODUCT_SORTS.filter((sort) => sort !== 'newest').flatMap((sort) =>
      ['GBP', 'EUR'].map((currency) => ({ sort, currency })),
    );
    for (const { sort, currency } of cases) {
      const entries = titles.map((title, n): Entry => {
        const price = pricesOf(n).find((one) => one.currency === currency)?.amount;
        return { id: `product_random-${n}`, title: sortKey(title), price };
      });
      const expected = entries.toSorted(orders[sort]).map(({ id }) => id);
      for (const limit of [1, 7, 20, 60]) {
        const found = await ids({ category: 'random', sort, currency }, limit);
        expect(found, `${sort} in ${currency} by ${limit}`).to.deep.equal(expected);
      }
    }
  });
}

/** Prices in pounds, in euros, in both or in neither, and in a currency that no query uses. */
function pricesOf(n: number): Money[] {
  const other = { amount: 1, currency: 'USD' };
  return [...(n % 3 === 0 ? [] : [GBP(n % 5)]), ...(n % 4 < 2 ? [EUR((n * 3) % 7)] : []), other];
}

function byCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function ordersContract(open: Open<OrderQueries>): void {
  let model: ReadModelUnderTest<OrderQueries>;
  let shop: Shop;
  const placed: string[] = [];

  before(async () => {
    shop = createShop();
    model = await open();
    await sell(shop, 'MUG', 500, 100);
    for (let count = 0; count < 5; count++) {
      const cart = await fill(shop, { MUG: 1 });
      const { body } = await shop.call(`post /v1/carts/${cart}/checkout`, {
        caller: ADA,
        body: { paymentMethod: 'pm_card_visa' },
      });
      placed.push(body.id);
    }
    await show(shop, model);
  });

  it('show one order', async () => {
    const found = await model.queries.byId(the(placed[0]));
    expect(found).to.include({ id: placed[0], status: 'confirmed', paymentStatus: 'authorised' });
    expect(the(found).total).to.deep.equal(GBP(500));
    expect(await model.queries.byId('order_none')).to.equal(undefined);
  });

  it('list the orders of one or all customers, newest first, page by page', async () => {
    const ids = async (customerId?: string) =>
      (await allPages((after) => model.queries.list({ customerId, limit: 2, after }))).map(({ id }) => id);
    const everybody = await model.queries.list({ limit: 100 });
    const times = everybody.data.map(({ placedAt }) => placedAt);
    expect(times).to.deep.equal([...times].sort().reverse());
    expect(await ids())
      .to.have.members(placed)
      .and.to.have.length(placed.length);
    expect(await ids(ADA.customerId)).to.deep.equal(everybody.data.map(({ id }) => id));
    expect(await ids(BOB.customerId)).to.deep.equal([]);
  });

  it('find an order by its number, among all orders or those of its customer', async () => {
    const { number, id } = the(await model.queries.byId(the(placed[0])));
    const found = async (request: { customerId?: string; number: string }) =>
      (await model.queries.list({ ...request, limit: 10 })).data.map((order) => order.id);
    expect(await found({ number })).to.deep.equal([id]);
    expect(await found({ number, customerId: the(ADA.customerId) })).to.deep.equal([id]);
    expect(await found({ number, customerId: the(BOB.customerId) })).to.deep.equal([]);
    expect(await found({ number: `${number}0` })).to.deep.equal([]);
  });

  async function shownToSupport(orderId: string) {
    return openedOrder(the(await model.queries.byId(orderId)), shop.personal, SUPPORT);
  }

  it("show shipments and returns as the order's streams do", async () => {
    const orderId = the(placed[1]);
    const staff = (target: string, body?: unknown) => shop.call(`post /v1/${target}`, { caller: SUPPORT, body });
    const sent = await staff(`orders/${orderId}/shipments`, { tracking: 'RM1' });
    await staff(`shipments/${sent.body.id}/dispatch`);
    await staff(`shipments/${sent.body.id}/deliver`);
    const lines = [{ lineId: '1', quantity: 1, reason: 'broken' }];
    const asked = await staff(`orders/${orderId}/returns`, { lines });
    await staff(`returns/${asked.body.id}/approve`);
    await staff(`returns/${asked.body.id}/receive`);
    await show(shop, model);
    const found = await shownToSupport(orderId);
    expect(found).to.include({ status: 'completed', paymentStatus: 'refunded' });
    expect(found.shipments[0]).to.include({ status: 'delivered', tracking: 'RM1' });
    expect(found.returns[0]).to.deep.include({ status: 'received', refund: GBP(500) });
    expect(found).to.deep.equal(await createOrderView(shop).of({ orderId, reader: SUPPORT }));
  });

  it('show support a held order as its streams do', async () => {
    const orderId = the(placed[2]);
    await shop.call(`post /v1/orders/${orderId}/hold`, { caller: SUPPORT, body: { reason: 'address' } });
    await show(shop, model);
    const found = await shownToSupport(orderId);
    expect(found).to.include({ held: true, heldReason: 'address' });
    const view = createOrderView(shop);
    expect(found).to.deep.equal(await view.of({ orderId, reader: SUPPORT }));
    expect(await view.of({ orderId })).not.to.have.any.keys('heldReason', 'allocation');
  });

  it('show support the locations that the next dispatch takes the units from', async () => {
    await sell(shop, 'CUP', 200, 1);
    await shop.call('post /v1/stock/CUP/receipts', { caller: KEEPER, body: { location: 'leeds', quantity: 1 } });
    const [cart, body] = [await fill(shop, { CUP: 2 }), { paymentMethod: 'pm_card_visa' }];
    const { body: sold } = await shop.call(`post /v1/carts/${cart}/checkout`, { caller: ADA, body });
    const allocation = async () => {
      await show(shop, model);
      const found = await shownToSupport(sold.id);
      expect(found).to.deep.equal(await createOrderView(shop).of({ orderId: sold.id, reader: SUPPORT }));
      return found.allocation;
    };
    const before = await allocation();
    expect(before).to.have.deep.members([
      { sku: 'CUP', location: 'leeds', quantity: 1 },
      { sku: 'CUP', location: 'main', quantity: 1 },
    ]);
    const part = { location: 'leeds', lines: [{ lineId: '1', quantity: 1 }] };
    const planned = await shop.call(`post /v1/orders/${sold.id}/shipments`, { caller: SUPPORT, body: part });
    await shop.call(`post /v1/shipments/${planned.body.id}/dispatch`, { caller: SUPPORT });
    expect(await allocation()).to.deep.equal(the(before).slice(1));
    const { state } = await shop.runner.load(stockItem, stockStream(the(before?.[0])));
    expect(state.onHand).to.equal(0);
  });
}

/** What happens to an order of two mugs that was just paid. */
type Deed = (shop: Shop, orderId: string) => Promise<void>;

const support = (shop: Shop, target: string, body?: unknown) =>
  shop.call(`post /v1/${target}`, { caller: SUPPORT, body });

async function sendAll(shop: Shop, orderId: string, steps: readonly string[]): Promise<void> {
  const { body } = await support(shop, `orders/${orderId}/shipments`, { tracking: 'RM1', carrier: 'Royal Mail' });
  for (const step of steps) await support(shop, `shipments/${body.id}/${step}`);
}

async function sendBack(shop: Shop, orderId: string, steps: readonly [string, unknown?][]): Promise<void> {
  await sendAll(shop, orderId, ['dispatch', 'deliver']);
  const lines = [{ lineId: '1', quantity: 1, reason: 'broken' }];
  const { body } = await support(shop, `orders/${orderId}/returns`, { lines });
  for (const [step, asked] of steps) await support(shop, `returns/${body.id}/${step}`, asked);
}

const DEEDS: Record<string, Deed> = {
  left: async () => {},
  cancelled: async (shop, orderId) => void (await support(shop, `orders/${orderId}/cancel`, { reason: 'changed' })),
  planned: (shop, orderId) => sendAll(shop, orderId, []),
  async 'planned and given up'(shop, orderId) {
    await sendAll(shop, orderId, []);
    await support(shop, `orders/${orderId}/cancel`, { reason: 'changed' });
  },
  dispatched: (shop, orderId) => sendAll(shop, orderId, ['dispatch']),
  delivered: (shop, orderId) => sendAll(shop, orderId, ['dispatch', 'deliver']),
  failed: (shop, orderId) => sendAll(shop, orderId, ['dispatch', 'fail']),
  lost: (shop, orderId) => sendAll(shop, orderId, ['dispatch', 'fail', 'lose']),
  async 'in two parts'(shop, orderId) {
    const half = { lines: [{ lineId: '1', quantity: 1 }] };
    const { body } = await support(shop, `orders/${orderId}/shipments`, half);
    await support(shop, `shipments/${body.id}/dispatch`);
    await support(shop, `orders/${orderId}/shipments`, half);
  },
  'return asked for': (shop, orderId) => sendBack(shop, orderId, []),
  'return approved': (shop, orderId) => sendBack(shop, orderId, [['approve']]),
  'return declined': (shop, orderId) => sendBack(shop, orderId, [['decline', { reason: 'worn' }]]),
  returned: (shop, orderId) => sendBack(shop, orderId, [['approve'], ['receive']]),
  'refund failed': (shop, orderId) => DEEDS.refunded!(shop, orderId),
  async refunded(shop, orderId) {
    await sendAll(shop, orderId, ['dispatch']);
    const refund = { amount: 100, reason: 'late' };
    await support(shop, `payments/${orderId.replace('order', 'payment')}/refunds`, refund);
  },
};

export interface StaffLists {
  orders: OrderQueries;
  workLists: WorkLists;
}

export function staffListsContract(open: Open<StaffLists>): void {
  const MAIL = ['ada@example.com', 'bob@example.com'] as const;
  let shop: Shop;
  let queries: StaffLists;
  /** By order id: what happened to the order, and its e-mail address. */
  const made = new Map<string, { deed: string; email: string }>();

  before(async function () {
    this.timeout(60_000);
    shop = createShop();
    const model = await open();
    await sell(shop, 'MUG', 500, 200);
    for (const [n, deed] of [...Object.keys(DEEDS), ...Object.keys(DEEDS)].entries()) {
      const email = MAIL[n % 2 === 0 ? 0 : 1];
      const cart = await fill(shop, { MUG: 2 });
      const { body } = await shop.call(`post /v1/carts/${cart}/checkout`, {
        caller: ADA,
        body: { paymentMethod: deed === 'refund failed' ? 'pm_card_refundFail' : 'pm_card_visa', email },
      });
      await DEEDS[deed]!(shop, body.id);
      made.set(body.id, { deed, email });
    }
    await show(shop, model);
    ({ queries } = model);
  });

  const everything = () => allPages((after) => queries.orders.list({ limit: 7, after }));

  it('find orders by each of their statuses, separately and combined', async () => {
    const all = await everything();
    expect(all).to.have.length(made.size);
    const kinds = ['status', 'paymentStatus', 'fulfilmentStatus'] as const;
    const seen = new Set<string>();
    for (const kind of kinds) {
      for (const value of new Set(all.map((order) => order[kind]))) {
        seen.add(value);
        const expected = all.filter((order) => order[kind] === value).map(({ id }) => id);
        const found = await allPages((after) => queries.orders.list({ [kind]: value, limit: 2, after }));
        expect(
          found.map(({ id }) => id),
          `${kind} ${value}`,
        ).to.deep.equal(expected);
        const narrowed = await queries.orders.list({
          [kind]: value,
          status: 'confirmed',
          customerId: ADA.customerId,
          limit: 50,
        });
        const both = expected.filter((id) => the(all.find((order) => order.id === id)).status === 'confirmed');
        if (kind !== 'status') expect(narrowed.data.map(({ id }) => id)).to.deep.equal(both);
      }
    }
    expect([...seen]).to.include.members(['confirmed', 'completed', 'cancelled', 'captured', 'partially_refunded']);
    expect([...seen]).to.include.members(['not_fulfilled', 'partially_fulfilled', 'fulfilled']);
  });

  it('find orders by the key of their e-mail address, which is never shown', async () => {
    const all = await everything();
    for (const email of MAIL) {
      const expected = all.filter(({ id }) => the(made.get(id)).email === email).map(({ id }) => id);
      for (const typed of [email, email.toUpperCase()]) {
        const emailKey = shop.emailKeyOf(typed);
        const found = await allPages((after) => queries.orders.list({ emailKey, limit: 5, after }));
        expect(found.map(({ id }) => id)).to.deep.equal(expected);
        expect(JSON.stringify(found)).not.to.include(emailKey);
      }
    }
    expect((await queries.orders.list({ emailKey: shop.emailKeyOf('eve@example.com'), limit: 5 })).data).to.deep.equal(
      [],
    );
  });

  it('list shipments, returns and refunds by status as the single resources show them, without gaps or repeats', async () => {
    const { shipments, returns, refunds } = queries.workLists;
    const shown = async (kind: string, id: string) =>
      (await shop.call(`get /v1/${kind}/${id}`, { caller: SUPPORT })).body;
    const payments = await Promise.all([...made.keys()].map((id) => shown('payments', id.replace('order', 'payment'))));
    type Listed = Page<{ id: string; orderId: string; status: string }>;
    const checked: [string, (request: WorkListRequest<never>) => Promise<Listed>, string[]][] = [
      ['shipments', shipments, ['planned', 'dispatched', 'failed', 'lost', 'delivered', 'cancelled']],
      ['returns', returns, ['requested', 'approved', 'declined', 'received']],
      ['refunds', refunds, ['refunded', 'failed']],
    ];
    const placed = (await everything()).map(({ id }) => id).reverse();
    for (const [kind, list, statuses] of checked) {
      const all = (await list({ limit: 100 })).data;
      for (const entry of all) {
        if (kind === 'shipments') expect(entry).to.deep.equal(await shown(kind, entry.id));
        else if (kind === 'returns') {
          const opened = await openedReturn(entry as never as SealedReturnView, shop.personal);
          expect(opened).to.deep.equal(await shown(kind, entry.id));
        } else {
          const { paymentId, orderId, ...refund } = entry as never as { paymentId: string; orderId: string };
          const ledger = payments.find(({ id }) => id === paymentId);
          expect(ledger.orderId).to.equal(orderId);
          expect(ledger.refunds).to.deep.include(refund);
        }
      }
      const orders = all.map(({ orderId }) => placed.indexOf(orderId));
      expect(orders, kind).to.deep.equal(orders.toSorted((a, b) => a - b));
      expect(new Set(all.map(({ id }) => id)).size).to.equal(all.length);
      expect(new Set(all.map(({ status }) => status))).to.deep.equal(new Set(statuses));
      for (const limit of [1, 2, 3]) {
        expect(await allPages((after) => list({ limit, after })), kind).to.deep.equal(all);
        for (const status of statuses) {
          const some = await allPages((after) => list({ status: status as never, limit, after }));
          expect(some, `${kind} ${status}`).to.deep.equal(all.filter((entry) => entry.status === status));
        }
      }
    }
    const sum = payments.reduce((total, { refunds }) => total + refunds.length, 0);
    expect((await refunds({ limit: 100 })).data).to.have.length(sum);
    expect(sum).to.equal(6);
  });
}

export function stockContract(open: Open<StockQueries>): void {
  it('shows the levels of a SKU at each location', async () => {
    const shop = createShop();
    const model = await open();
    await sell(shop, 'MUG', 500, 10);
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { location: 'leeds', quantity: 2 } });
    await show(shop, model);
    expect(await model.queries.bySku('MUG')).to.deep.equal({
      sku: 'MUG',
      locations: [
        { location: 'leeds', onHand: 2, reserved: 0, committed: 0, available: 2 },
        { location: 'main', onHand: 10, reserved: 0, committed: 0, available: 10 },
      ],
      available: 12,
    });
    expect(await model.queries.bySku('CUP')).to.equal(undefined);
  });
}

export function unitsSoldContract(open: Open<UnitsSoldQueries>): void {
  it('count the shipped units of a SKU', async () => {
    const shop = createShop();
    const model = await open();
    await sell(shop, 'MUG', 500, 10);
    await shop.ship('MUG', 3);
    await shop.ship('MUG', 2);
    await show(shop, model);
    expect([...(await model.queries.of(['MUG', 'CUP']))]).to.deep.equal([['MUG', 5]]);
    expect(await model.queries.of([])).to.have.property('size', 0);
  });
}

export function alsoBoughtContract(open: Open<AlsoBoughtQueries>): void {
  it('names what is bought together, the best first, and what sells most', async () => {
    const shop = createShop();
    const model = await open();
    for (const sku of ['MUG', 'TEA', 'POT', 'LAMP']) await sell(shop, sku, 500, 20);
    const baskets = [{ MUG: 1, TEA: 1 }, { MUG: 1, TEA: 2 }, { MUG: 1, POT: 1 }, { LAMP: 1 }];
    for (const lines of baskets) {
      const body = { paymentMethod: 'pm_card_visa' };
      await shop.call(`post /v1/carts/${await fill(shop, lines as never)}/checkout`, { caller: ADA, body });
    }
    await show(shop, model);
    const { queries } = model;
    expect(await queries.boughtWith(['MUG'], 10)).to.deep.equal(['product_TEA', 'product_POT']);
    expect(await queries.boughtWith(['MUG'], 1)).to.deep.equal(['product_TEA']);
    expect(await queries.boughtWith(['LAMP'], 10)).to.deep.equal([]);
    expect(await queries.boughtWith(['NONE'], 10)).to.deep.equal([]);
    expect(await queries.boughtWith([], 10)).to.deep.equal([]);
    expect(await queries.boughtWith(['TEA', 'POT'], 10), 'of both, without themselves').to.deep.equal(['product_MUG']);
    expect((await queries.selling(10)).slice(0, 2)).to.deep.equal(['product_MUG', 'product_TEA']);
    expect(await queries.selling(10)).to.have.length(4);
  });
}

export function agendaContract(open: Open<Agenda>): void {
  it('names the stuck checkouts, longest due first, and none that has ended', async () => {
    const shop = createShop();
    const model = await open();
    await sell(shop, 'MUG', 500, 10);
    const carts = [await fill(shop, { MUG: 1 }), await fill(shop, { MUG: 1 })];
    for (const cart of carts) await shop.submit(cart);
    const sold = await fill(shop, { MUG: 1 });
    await shop.call(`post /v1/carts/${sold}/checkout`, { caller: ADA, body: { paymentMethod: 'pm_card_visa' } });
    await show(shop, model);
    const later = Date.now() + RECOVER_AFTER_MS + 1_000;
    const stuck = carts.map((cartId) => ({ kind: 'checkout', orderId: cartId.replace('cart', 'order'), cartId }));
    expect(await model.queries.due(later, 10)).to.deep.equal(stuck);
    expect(await model.queries.due(later, 1)).to.deep.equal(stuck.slice(0, 1));
    expect(await model.queries.due(later - 3_600_000, 10)).to.deep.equal([]);
  });
}

export function currentCartsContract(open: Open<CurrentCartQueries>): void {
  it('name the cart that each customer opened last, unless it is submitted', async () => {
    const shop = createShop();
    const model = await open();
    await sell(shop, 'MUG', 500, 10);
    const first = await fill(shop, { MUG: 1 });
    const second = await fill(shop, { MUG: 1 });
    await show(shop, model);
    expect(await model.queries.of(the(ADA.customerId))).to.equal(second);
    const inUse = async () => Object.fromEntries(await model.queries.inUse([first, second, 'cart_none']));
    expect(await inUse()).to.deep.equal({ [first]: true, [second]: true });
    expect(await model.queries.of(the(BOB.customerId))).to.equal(undefined);
    await shop.submit(second);
    await show(shop, model);
    expect(await model.queries.of(the(ADA.customerId))).to.equal(first);
    expect(await inUse()).to.deep.equal({ [first]: true, [second]: false });
    await shop.submit(first);
    await show(shop, model);
    expect(await model.queries.of(the(ADA.customerId))).to.equal(undefined);
  });
}

export function customersContract(open: Open<CustomerQueries>): void {
  it('find an account by its id and by the key of its address, until its customer is forgotten', async () => {
    const shop = createShop();
    const model = await open();
    for (const [email, name] of [
      ['ada@example.com', 'Ada'],
      ['bob@example.com', 'Bob'],
    ]) {
      await shop.call('post /v1/customers', { body: { email, name, password: 'password' } });
    }
    await shop.call('post /v1/me/payment-methods', { caller: GUEST, body: { paymentMethod: 'pm_card_visa' } });
    const customerId = the(await shop.accounts.authenticate('ada@example.com', 'password')).customerId;
    const caller: Caller = { role: 'customer', id: customerId, customerId };
    await shop.call('patch /v1/customers/me', { caller, body: { name: 'Ada L.', consent: { marketing: true } } });
    await show(shop, model);
    const { queries } = model;
    const found = the(await queries.byEmailKey(shop.emailKeyOf('Ada@EXAMPLE.com')));
    expect(found).to.deep.equal(await queries.byId(customerId));
    expect(found.customerId).to.equal(customerId);
    expect(found.account).to.deep.include({ name: 'Ada L.', email: 'ada@example.com', isVerified: false });
    expect(found.account.marketing?.agreed).to.equal(true);
    expect(await queries.byEmailKey(shop.emailKeyOf('nobody@example.com'))).to.equal(undefined);
    expect(await queries.byId(the(GUEST.customerId)), 'a guest has no account').to.equal(undefined);
    await shop.call('delete /v1/customers/me', { caller });
    await show(shop, model);
    expect(await queries.byId(customerId)).to.equal(undefined);
    expect(await queries.byEmailKey(shop.emailKeyOf('ada@example.com'))).to.equal(undefined);
    expect((await queries.byEmailKey(shop.emailKeyOf('bob@example.com')))?.account.name).to.equal('Bob');
  });
}
