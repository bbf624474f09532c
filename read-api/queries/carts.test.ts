import { expect } from 'chai';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, BOB, createShop, fill, KEEPER, type Shop, sell } from '../../test/shop.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });

describe('The query of a cart', () => {
  let shop: Shop;
  const call = (target: string, body?: unknown, caller = ADA) => shop.call(target, { caller, body });

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500);
    await sell(shop, 'CUP', 350);
  });

  it('shows its lines at the prices of the catalogue', async () => {
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
      taxed: false,
      total: GBP(1350),
    });
    expect(version).to.equal(5);
  });

  it('shows the last commit that the cart was read at', async () => {
    const id = await fill(shop, { MUG: 1 });
    const { version, seen } = await call(`get /v1/carts/${id}`);
    const changed = await call(`put /v1/carts/${id}/shipping-address`, { ...ADDRESS, line1: '2 Mill Lane' });
    const again = await call(`get /v1/carts/${id}`);
    expect([...again.seen!])
      .to.deep.equal([...changed.seen!])
      .and.not.to.deep.equal([...seen!]);
    expect([again.version, again.body]).to.deep.equal([changed.version, changed.body]);
    expect(again.version).to.equal(version! + 1);
  });

  it('finds no cart of another customer, and none that does not exist', async () => {
    const id = await fill(shop, { MUG: 1 });
    for (const path of ['', '/shipping-methods']) {
      await problemOf(call(`get /v1/carts/${id}${path}`, undefined, BOB), 'not_found');
      await problemOf(call(`get /v1/carts/cart_none${path}`), 'not_found');
      await problemOf(call(`get /v1/carts/customer_ada${path}`), 'not_found');
    }
  });

  it('offers standard delivery', async () => {
    const id = await fill(shop, {});
    const { body } = await call(`get /v1/carts/${id}/shipping-methods`);
    expect(body.data).to.deep.include({ method: 'standard', title: 'Standard delivery', amount: GBP(0) });
    expect(body.page).to.deep.equal({ next: null, hasMore: false });
  });

  it('offers every shipping method with its price for this cart', async () => {
    const zones = [{ currency: 'GBP', by: 'flat', rates: [{ amount: 500 }] }];
    await shop.call('put /v1/shipping-methods/express', { caller: KEEPER, body: { title: 'Express', zones } });
    const id = await fill(shop, { MUG: 2 });
    const { data } = (await call(`get /v1/carts/${id}/shipping-methods`)).body;
    expect(data.map(({ method, amount }: { method: string; amount: unknown }) => [method, amount])).to.deep.equal([
      ['standard', GBP(0)],
      ['express', GBP(500)],
    ]);
  });
});

describe('The query of the current cart', () => {
  it('finds the one that was opened last, and none once that one is submitted', async () => {
    const shop = createShop();
    for (const sku of ['MUG', 'CUP']) await sell(shop, sku, 500);
    const current = (caller = ADA) => shop.call('get /v1/carts/current', { caller });
    await problemOf(current(), 'not_found');
    await fill(shop, { MUG: 1 });
    const second = await fill(shop, { CUP: 2 });
    expect((await current()).body).to.deep.include({ id: second, status: 'open' });
    await problemOf(current(BOB), 'not_found');
  });

  it('finds none if the read model still shows a cart that is submitted by now', async () => {
    let shown: string | undefined;
    const shop = createShop({ currentCartOf: async () => shown });
    await sell(shop, 'MUG', 500);
    shown = await fill(shop, { MUG: 1 });
    const current = () => shop.call('get /v1/carts/current', { caller: ADA });
    expect((await current()).body.id).to.equal(shown);
    await shop.submit(shown);
    await problemOf(current(), 'not_found');
  });
});
