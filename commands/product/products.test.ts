import { expect } from 'chai';
import { defined } from '../../domain/kernel/json.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, createShop, fill, KEEPER, type Shop } from '../../test/shop.js';
import { the } from '../../test/the.js';

const GBP = (amount: number) => [{ amount, currency: 'GBP' }];
const MUG = {
  id: 'product_mug',
  title: 'Mug',
  brand: 'Acme',
  variants: [
    { sku: 'MUG-S', prices: GBP(500), options: { size: 'S' } },
    { sku: 'MUG-L', prices: GBP(800) },
  ],
};

describe('The endpoints of the catalogue', () => {
  let shop: Shop;
  const post = (path: string, body?: unknown, key?: string) =>
    shop.call(`post ${path}`, { caller: KEEPER, body, ...defined({ key }) });

  beforeEach(() => {
    shop = createShop();
  });

  it('draft a product and claim its SKUs', async () => {
    const { status, body, seen, version, headers } = await post('/v1/products', MUG);
    expect(status).to.equal(201);
    expect(body).to.deep.equal({ ...MUG, status: 'draft' });
    expect(version).to.equal(3);
    expect([...the(seen)]).to.deep.equal([['product#mug', 1]]);
    expect(headers).to.deep.equal({ Location: '/v1/products/product_mug' });
    expect([...shop.log.streams.keys()]).to.deep.equal(['sku#MUG-L', 'sku#MUG-S', 'product#mug']);
  });

  it('create an id, the same for the same key', async () => {
    const { id, ...nameless } = MUG;
    const { body } = await post('/v1/products', nameless, 'k');
    const again = await post('/v1/products', nameless, 'k');
    expect(body.id).to.match(/^product_/);
    expect(again.body).to.deep.equal(body);
    expect(shop.log.streams.get(`product#${body.id.slice('product_'.length)}`)).to.have.length(1);
  });

  it('refuse an existing product, and claim nothing for it', async () => {
    await post('/v1/products', MUG);
    const other = { ...MUG, title: 'Cup', variants: [{ sku: 'CUP', prices: GBP(1) }] };
    await problemOf(post('/v1/products', other), 'conflict');
    expect(shop.log.streams.has('sku#CUP')).to.equal(false);
  });

  it('claim none of the SKUs if one belongs to another product', async () => {
    await post('/v1/products', MUG);
    const cup = { title: 'Cup', variants: [{ sku: 'CUP', prices: [] }, MUG.variants[0]] };
    await problemOf(post('/v1/products', cup), 'conflict');
    expect(shop.log.streams.has('sku#CUP')).to.equal(false);
  });

  it('publish, revise, unpublish and discontinue', async () => {
    await post('/v1/products', MUG);
    expect((await post('/v1/products/product_mug/publish')).body.status).to.equal('published');
    const revised = await shop.call('patch /v1/products/product_mug', { caller: KEEPER, body: { title: 'Big mug' } });
    expect(revised.body).to.include({ title: 'Big mug', brand: 'Acme' });
    expect((await post('/v1/products/product_mug/unpublish')).body.status).to.equal('unpublished');
    expect((await post('/v1/products/product_mug/discontinue')).body.status).to.equal('discontinued');
    await problemOf(post('/v1/products/product_mug/publish'), 'rule_violated');
  });

  it('put a variant: a new one is added, a known one gets the new prices', async () => {
    await post('/v1/products', MUG);
    const put = (path: string, body: unknown) =>
      shop.call(`put /v1/products/product_mug/variants/${path}`, { caller: KEEPER, body });
    const xl = await put('MUG-XL', { prices: GBP(900), options: { size: 'XL' } });
    expect(xl.body.variants[2]).to.deep.equal({ sku: 'MUG-XL', prices: GBP(900), options: { size: 'XL' } });
    const cheaper = await put('MUG-XL', { prices: GBP(850) });
    expect(cheaper.body.variants[2]).to.deep.equal({ sku: 'MUG-XL', prices: GBP(850), options: { size: 'XL' } });
    const priced = await put('MUG-S/prices', { prices: GBP(1) });
    expect(priced.body.variants[0].prices).to.deep.equal(GBP(1));
    await problemOf(put('MUG-XL', { prices: GBP(1), options: { size: 'XXL' } }), 'conflict');
  });

  it('store how a product is taxed and what a variant weighs', async () => {
    const [small, large] = MUG.variants;
    const heavy = { ...MUG, taxCategory: 'homeware', variants: [{ ...small, weight: 300 }, large] };
    expect((await post('/v1/products', heavy)).body).to.deep.equal({ ...heavy, status: 'draft' });
    const put = (sku: string, body: unknown, key?: string) =>
      shop.call(`put /v1/products/product_mug/variants/${sku}`, { caller: KEEPER, body, ...defined({ key }) });
    const weighed = await put('MUG-S', { prices: GBP(450), weight: 310 }, 'k');
    expect(weighed.body.variants[0]).to.deep.equal({ ...small, prices: GBP(450), weight: 310 });
    expect((await put('MUG-S', { prices: GBP(450), weight: 310 }, 'k')).version).to.equal(weighed.version);
    expect((await put('MUG-S', { prices: GBP(440) })).body.variants[0].weight).to.equal(310);
    expect((await put('MUG-S', { prices: GBP(440), weight: null })).body.variants[0]).not.to.have.property('weight');
    const added = await put('MUG-XL', { prices: [], weight: 0 });
    expect(added.body.variants[2]).to.deep.equal({ sku: 'MUG-XL', prices: [], weight: 0 });
    const other = await shop.call('patch /v1/products/product_mug', { caller: KEEPER, body: { taxCategory: 'gifts' } });
    expect(other.body.taxCategory).to.equal('gifts');
  });

  it('clear each optional field, and no other', async () => {
    const optional = {
      description: 'Holds tea.',
      brand: 'Acme',
      categories: ['kitchen'],
      attributes: { height: 9 },
      taxCategory: 'homeware',
    };
    const { body } = await post('/v1/products', { ...MUG, ...optional });
    const patch = (changes: unknown) => shop.call('patch /v1/products/product_mug', { caller: KEEPER, body: changes });
    for (const field of Object.keys(optional)) {
      const { [field]: cleared, ...rest } = body;
      expect(cleared, field).to.not.equal(undefined);
      expect((await patch({ [field]: null })).body, field).to.deep.equal(rest);
      expect((await patch({ [field]: null })).body, field).to.deep.equal(rest);
      expect((await patch({ [field]: cleared })).body, field).to.deep.equal(body);
    }
    const [fault] = await patch({ title: null }).then(
      () => [],
      ({ issues }) => issues,
    );
    expect(fault.path).to.deep.equal(['title']);
  });

  it('retire a variant: it cannot be bought, its stock stays, and it comes back when it is put again', async () => {
    await post('/v1/products', MUG);
    await post('/v1/products/product_mug/publish');
    await shop.call('post /v1/stock/MUG-S/receipts', { caller: KEEPER, body: { quantity: 5 } });
    const cartId = await fill(shop, { 'MUG-S': 1 });
    const retire = () => shop.call('delete /v1/products/product_mug/variants/MUG-S', { caller: KEEPER });
    const cart = async () => (await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body;
    const [small, large] = MUG.variants;

    const { body, version } = await retire();
    expect(body).to.deep.include({ variants: [large], retired: ['MUG-S'] });
    expect((await retire()).version).to.equal(version);
    expect((await cart()).lines[0]).to.include({ sku: 'MUG-S', unavailable: true });
    const add = { caller: ADA, body: { sku: 'MUG-S', quantity: 1 } };
    await problemOf(shop.call(`post /v1/carts/${cartId}/lines`, add), 'not_found');
    const cup = { id: 'product_cup', title: 'Cup', variants: [small] };
    await problemOf(post('/v1/products', cup), 'conflict');
    expect(
      (await shop.call('post /v1/stock/MUG-S/receipts', { caller: KEEPER, body: { quantity: 1 } })).status,
    ).to.equal(201);

    const put = { caller: KEEPER, body: { prices: GBP(700) } };
    expect((await shop.call('put /v1/products/product_mug/variants/MUG-S', put)).body).to.not.have.property('retired');
    expect((await cart()).lines[0]).to.not.have.property('unavailable');
    expect((await cart()).total.amount).to.equal(700);
    await problemOf(shop.call('delete /v1/products/product_mug/variants/CUP', { caller: KEEPER }), 'not_found');
  });

  it('apply the caller’s version to the product, not to the SKUs', async () => {
    await post('/v1/products', MUG);
    const put = (sku: string, expectedVersion: number) =>
      shop.call(`put /v1/products/product_mug/variants/${sku}`, {
        caller: KEEPER,
        body: { prices: [] },
        expectedVersion,
      });
    expect((await put('MUG-XL', 3)).version).to.equal(4);
    await problemOf(put('MUG-XXL', 3), 'version_mismatch');
  });

  it('answer not_found for a malformed product id', async () => {
    await problemOf(post('/v1/products/cart_1/publish'), 'not_found');
    await problemOf(post('/v1/products/product_none/publish'), 'not_found');
  });
});
