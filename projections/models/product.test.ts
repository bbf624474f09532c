import { expect } from 'chai';
import fc from 'fast-check';
import { type ProductCommand, product } from '../../domain/product/product.js';
import { type StockCommand, stockItem } from '../../domain/stock/stock-item.js';
import { asStored, historyOf, interleavingOf, project } from '../../test/read-models.js';
import { the } from '../../test/the.js';
import { catalogue } from './catalogue.js';
import { productView } from './product.js';
import { facetCounts, MAX_FACET_VALUES, productSearch } from './product-search.js';

const ID = 'product_mug';
const GBP = (amount: number) => ({ amount, currency: 'GBP' });

const commands: ProductCommand[] = [
  {
    type: 'DraftProduct',
    productId: ID,
    details: {
      title: 'Mug',
      brand: 'Acme',
      categories: ['kitchen'],
      attributes: { 'max. load': 2, $: true },
      taxCategory: 'homeware',
    },
    variants: [{ sku: 'MUG-S', prices: [GBP(500)], weight: 300 }],
  },
  { type: 'AddVariant', variant: { sku: 'MUG-L', prices: [GBP(800)], options: { size: 'L' } } },
  { type: 'WeighVariant', sku: 'MUG-L', weight: 420 },
  { type: 'PublishProduct' },
  { type: 'SetVariantPrices', variant: { sku: 'MUG-S', prices: [GBP(450), { amount: 550, currency: 'EUR' }] } },
  { type: 'ReviseProduct', changes: { title: 'Blue mug' } },
];

const stockOf = (sku: string, location: string, ...rest: StockCommand[]) => {
  const key = { sku, location };
  const received: StockCommand = { type: 'ReceiveStock', ...key, movementId: 'm1', productId: ID, quantity: 2 };
  return historyOf(stockItem, [received, ...rest]).events;
};

const mug = historyOf(product, commands).events;
const histories = [
  mug,
  stockOf('MUG-S', 'main', { type: 'ReserveStock', sku: 'MUG-S', location: 'main', reservationId: 'r1', quantity: 2 }),
  stockOf('MUG-L', 'main', { type: 'ReserveStock', sku: 'MUG-L', location: 'main', reservationId: 'r1', quantity: 2 }),
  stockOf('MUG-L', 'leeds', {
    type: 'ReserveStock',
    sku: 'MUG-L',
    location: 'leeds',
    reservationId: 'r1',
    quantity: 1,
  }),
];

describe('The product read models', () => {
  it('hide cleared fields, and retired variants until they are restored', () => {
    const changed = (...more: ProductCommand[]) =>
      [historyOf(product, [...commands, ...more]).events, the(histories[1])].flat();
    const clear = { type: 'ReviseProduct', changes: { brand: null, categories: null, attributes: null } } as const;
    const retire = { type: 'RetireVariant', sku: 'MUG-S' } as const;
    const again: ProductCommand = { type: 'AddVariant', variant: { sku: 'MUG-S', prices: [GBP(1)] } };
    const shown = (...more: ProductCommand[]) => the(project(productSearch, changed(...more)).get(ID));

    const { title, brand, categories, attributes, variants } = the(productView(shown(clear, retire)));
    expect({ title, brand, categories, attributes }).to.deep.equal({
      title: 'Blue mug',
      brand: undefined,
      categories: undefined,
      attributes: undefined,
    });
    expect(variants.map(({ sku }) => sku)).to.deep.equal(['MUG-L']);
    const { words, codeKeys, facetKeys, lowestPrices } = shown(clear, retire);
    expect({ codeKeys, facetKeys, lowestPrices }).to.deep.equal({
      codeKeys: ['mug-l'],
      facetKeys: ['inStock:false'],
      lowestPrices: { GBP: 800 },
    });
    for (const gone of ['acme', 'mug-s']) expect(the(words).split(' ')).to.not.include(gone);
    expect(shown(retire, again).lowestPrices).to.deep.equal({ GBP: 1 });
    expect(the(productView(shown(retire, again))).variants.map(({ sku }) => sku)).to.deep.equal(['MUG-L', 'MUG-S']);
  });

  it('show a product with its prices and where there is stock', () => {
    expect(productView(the(project(catalogue, histories.flat()).get(ID)))).to.deep.equal({
      id: ID,
      version: mug.length,
      status: 'published',
      title: 'Blue mug',
      brand: 'Acme',
      categories: ['kitchen'],
      attributes: { 'max. load': 2, $: true },
      taxCategory: 'homeware',
      variants: [
        { sku: 'MUG-S', prices: [GBP(450), { amount: 550, currency: 'EUR' }], inStock: false, weight: 300 },
        { sku: 'MUG-L', prices: [GBP(800)], options: { size: 'L' }, weight: 420, inStock: true },
      ],
    });
  });

  for (const model of [catalogue, productSearch]) {
    it(`end in the same document whatever order the streams arrive in (${model.name})`, () => {
      const expected = asStored(project(model, histories.flat()) as never);
      fc.assert(
        fc.property(interleavingOf(histories), (events) => {
          expect(asStored(project(model, events) as never)).to.deep.equal(expected);
        }),
      );
    });
  }

  it('know no product that has only stock events', () => {
    expect(productView(the(project(catalogue, the(histories[1])).get(ID)))).to.equal(undefined);
  });

  it('find a product by its words, its lowest price in each currency and whether any variant is in stock', () => {
    const found = project(productSearch, histories.flat()).get(ID);
    const lowestPrices = { GBP: 450, EUR: 550 };
    expect(found).to.deep.include({ titleKey: 'blue mug', lowestPrices });
    expect(found!.facetKeys).to.have.members(['brand:acme', 'category:kitchen', 'inStock:true']);
    expect(found!.facetValues).to.have.members(['brand:Acme', 'category:kitchen', 'inStock:true']);
    expect(found!.words!.split(' ')).to.include.members(['blue', 'mug', 'acme', 'mug-s', 'mug-l']);
  });
});

describe('The facets of a search', () => {
  it('show a value in its most frequent spelling, and count all spellings with the same key', () => {
    const spelt = { 'brand:ACME': 1, 'brand:Acme': 3, 'brand:Zoo: the shop': 4, 'category:Tea': 2 };
    const counts = facetCounts(Object.entries(spelt).map(([value, count]) => ({ value, count })));
    expect(counts).to.deep.equal({
      category: [{ value: 'Tea', count: 2 }],
      brand: [
        { value: 'Acme', count: 4 },
        { value: 'Zoo: the shop', count: 4 },
      ],
      inStock: [],
    });
  });

  it(`list at most ${MAX_FACET_VALUES} values, those of most products first`, () => {
    const many = Array.from({ length: MAX_FACET_VALUES + 5 }, (_, index) => ({
      value: `brand:b${index}`,
      count: index,
    }));
    const { brand } = facetCounts(many);
    expect(brand).to.have.length(MAX_FACET_VALUES);
    expect(brand[0]).to.deep.equal({ value: `b${MAX_FACET_VALUES + 4}`, count: MAX_FACET_VALUES + 4 });
  });
});
