import { expect } from 'chai';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, BOB, createShop, fill, KEEPER, type Shop, sell } from '../../test/shop.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });

describe('The endpoints of carts', () => {
  let shop: Shop;
  const call = (target: string, body?: unknown, caller = ADA) => shop.call(target, { caller, body });

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500);
    await sell(shop, 'CUP', 350);
  });

  it('fill a cart at the prices of the catalogue', async () => {
    const id = await fill(shop, { MUG: 2, CUP: 1 });
    const { body, version } = await call(`get /v1/carts/${id}`);
    expect(body).to.deep.equal({
      id,
      status: 'open',
      currency: 'GBP',
      lines: [
        { id: body.lines[0].id, sku: 'MUG', title: 'The MUG', quantity: 2, unitPrice: GBP(500), total: GBP(1000) },
        { id: body.lines[1].id, sku: 'CUP', title: 'The CUP', quantity: 1, unitPrice: GBP(350), total: GBP(350) },
      ],
      coupons: [],
      shippingAddress: ADDRESS,
      shippingMethod: 'standard',
      subtotal: GBP(1350),
      discount: GBP(0),
      shipping: GBP(0),
      tax: GBP(0),
      includedTax: GBP(0),
      total: GBP(1350),
    });
    expect(version).to.equal(5);
  });

  it('add to the line that has the SKU, change and remove lines', async () => {
    const id = await fill(shop, { MUG: 2 });
    const more = await call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 3 });
    expect(more.body.lines).to.have.length(1);
    expect(more.body.lines[0].quantity).to.equal(5);
    const line = `/v1/carts/${id}/lines/${more.body.lines[0].id}`;
    expect((await call(`patch ${line}`, { quantity: 1 })).body.total).to.deep.equal(GBP(500));
    expect((await call(`delete ${line}`)).body.lines).to.deep.equal([]);
  });

  it('show nobody the cart of somebody else', async () => {
    const id = await fill(shop, { MUG: 1 });
    await problemOf(call(`get /v1/carts/${id}`, undefined, BOB), 'not_found');
    await problemOf(call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 1 }, BOB), 'not_found');
    await problemOf(call(`put /v1/carts/${id}/shipping-method`, { method: 'standard' }, BOB), 'not_found');
    await problemOf(call(`get /v1/carts/${id}/shipping-methods`, undefined, BOB), 'not_found');
    await problemOf(call('get /v1/carts/customer_ada'), 'not_found');
    await problemOf(call('get /v1/carts/cart_none'), 'not_found');
  });

  it('sell only what is published, in a currency that it has a price in', async () => {
    const id = await fill(shop, {});
    await problemOf(call(`post /v1/carts/${id}/lines`, { sku: 'JUG', quantity: 1 }), 'not_found');
    await shop.call('post /v1/products/product_MUG/unpublish', { caller: KEEPER });
    await problemOf(call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 1 }), 'not_found');
    const euros = (await call('post /v1/carts', { currency: 'EUR' })).body.id;
    await problemOf(call(`post /v1/carts/${euros}/lines`, { sku: 'CUP', quantity: 1 }), 'not_found');
  });

  it('offer standard delivery', async () => {
    const id = await fill(shop, {});
    const { body } = await call(`get /v1/carts/${id}/shipping-methods`);
    expect(body.data).to.deep.include({ method: 'standard', title: 'Standard delivery', amount: GBP(0) });
  });
});
