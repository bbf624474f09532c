import { expect } from 'chai';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createTestProvider } from '../../infra/payments/test-provider.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, BOB, createShop, fill, KEEPER, type Shop, sell } from '../../test/shop.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });
const VISA = { paymentMethod: 'pm_card_visa', email: 'ada@example.com' };

describe('The checkout endpoint', () => {
  let shop: Shop;
  let cartId: string;
  const checkout = (body: unknown = VISA, options = {}) =>
    shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body, ...options });

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 3);
    cartId = await fill(shop, { MUG: 2 });
  });

  it('makes an order of a cart, and answers it', async () => {
    const { status, body, headers, seen } = await checkout();
    const orderId = cartId.replace('cart', 'order');
    expect(status).to.equal(201);
    expect(headers).to.deep.equal({ Location: `/v1/orders/${orderId}` });
    expect(body).to.deep.include({
      id: orderId,
      status: 'confirmed',
      paymentStatus: 'authorised',
      fulfilmentStatus: 'not_fulfilled',
      total: GBP(1000),
      shippingAddress: ADDRESS,
      email: 'ada@example.com',
    });
    expect(new Map(seen)).to.include.keys(
      orderId.replace('_', '#'),
      orderId.replace('order_', 'payment#'),
      'stock#MUG@main',
      cartId.replace('_', '#'),
    );
    expect((await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body).to.include({
      status: 'submitted',
      orderId,
    });
  });

  it('makes one order of a cart, however often it is asked', async () => {
    const [first, other] = await Promise.all([checkout(), checkout()]);
    const { seen, ...later } = await checkout();
    expect(other.body.id).to.equal(first.body.id);
    expect(later.body).to.deep.equal(first.body);
    expect([...shop.log.streams.keys()].filter((stream) => stream.startsWith('order#'))).to.have.length(1);
  });

  it('says what there is of what is short, and lets the customer try again', async () => {
    await shop.call('post /v1/stock/MUG/counts', { caller: KEEPER, body: { quantity: 1 } });
    const { extra } = await problemOf(checkout(), 'out_of_stock');
    expect(extra.available).to.deep.equal({ MUG: 1 });
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { quantity: 5 } });
    expect((await checkout()).body.id).to.equal(`${cartId.replace('cart', 'order')}-2`);
  });

  it('says why a card was declined', async () => {
    const { extra } = await problemOf(checkout({ paymentMethod: 'pm_card_visa_chargeDeclined' }), 'payment_declined');
    expect(extra.declineCode).to.equal('generic_decline');
    expect((await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body.status).to.equal('open');
  });

  it('tells of changed prices before it takes them', async () => {
    await shop.call('put /v1/products/product_MUG/variants/MUG/prices', {
      caller: KEEPER,
      body: { prices: [GBP(550)] },
    });
    const { extra } = await problemOf(checkout(), 'price_changed');
    expect(extra.changes).to.deep.equal([{ sku: 'MUG', was: GBP(500), now: GBP(550) }]);
    expect((await checkout({ ...VISA, acceptPrices: true })).body.total).to.deep.equal(GBP(1100));
  });

  it('refuses what is not sold any more, and carts that lack something', async () => {
    await shop.call('post /v1/products/product_MUG/unpublish', { caller: KEEPER });
    await problemOf(checkout(), 'rule_violated');
    cartId = (await shop.call('post /v1/carts', { caller: ADA, body: { currency: 'GBP' } })).body.id;
    await problemOf(checkout(), 'rule_violated');
  });

  it('answers where to look later while nobody knows what became of the payment', async () => {
    const provider = createTestProvider();
    provider.authorise = () => Promise.reject(new Error('no answer'));
    shop = createShop({ provider });
    await sell(shop, 'MUG', 500, 3);
    cartId = await fill(shop, { MUG: 2 });
    const { status, body, headers } = await checkout();
    expect(status).to.equal(202);
    expect(body).to.include({ status: 'placed', paymentStatus: 'pending' });
    expect(headers).to.deep.equal({ Location: `/v1/orders/${body.id}` });
  });

  it('is unavailable while the provider does not let go of the money of a checkout that failed', async () => {
    const provider = createTestProvider();
    const { authorise, void: letGo } = provider;
    provider.authorise = async (operation) => {
      const reservationId = cartId.replace('cart', 'order');
      const released = { type: 'ReleaseReservation', sku: 'MUG', location: 'main', reservationId } as const;
      const actor = { type: 'staff', id: 'keeper' } as const;
      const meta = { id: 'let-go', issuedAt: Date.now(), correlationId: 'request', actor };
      await shop.runner.execute(stockItem, stockStream(released), released, meta);
      return authorise(operation);
    };
    provider.void = () => Promise.reject(new Error('no answer'));
    shop = createShop({ provider });
    await sell(shop, 'MUG', 500, 3);
    cartId = await fill(shop, { MUG: 2 });
    await problemOf(checkout(), 'unavailable');
    provider.void = letGo;
    await problemOf(checkout(), 'conflict');
    expect((await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body.status).to.equal('open');
  });

  it('is for the owner of the cart alone', async () => {
    await problemOf(checkout(VISA, { caller: BOB }), 'not_found');
  });

  it('asks to check out again where the repeated request has failed since', async () => {
    const declined = { paymentMethod: 'pm_card_visa_chargeDeclined' };
    await problemOf(checkout(declined, { key: 'k' }), 'payment_declined');
    await problemOf(checkout(declined, { key: 'k' }), 'conflict');
  });
});
