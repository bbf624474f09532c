import { expect } from 'chai';
import { problemOf } from '../../test/call-endpoint.js';
import { createShop, KEEPER, type Shop, sell } from '../../test/shop.js';

describe('The endpoints of stock', () => {
  let shop: Shop;
  const post = (path: string, body: unknown, key?: string) =>
    shop.call(`post /v1/stock/${path}`, { caller: KEEPER, body, ...(key && { key }) });

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 0);
  });

  it('receive, adjust and count units, at the main location unless another is named', async () => {
    const { status, body, seen } = await post('MUG/receipts', { quantity: 10 });
    expect(status).to.equal(201);
    const level = { sku: 'MUG', location: 'main', onHand: 10, reserved: 0, committed: 0, available: 10 };
    expect(body).to.deep.equal(level);
    expect([...seen!]).to.deep.equal([['stock#MUG@main', 1]]);
    expect((await post('MUG/adjustments', { quantity: -3, reason: 'broken' })).body.onHand).to.equal(7);
    expect((await post('MUG/counts', { quantity: 6, expected: 7 })).body.onHand).to.equal(6);
    expect((await post('MUG/receipts', { location: 'leeds', quantity: 1 })).body.onHand).to.equal(1);
  });

  it('move nothing twice for the same key', async () => {
    await post('MUG/receipts', { quantity: 10 }, 'k');
    expect((await post('MUG/receipts', { quantity: 10 }, 'k')).body.onHand).to.equal(10);
  });

  it('keep the reason in the log', async () => {
    await post('MUG/receipts', { quantity: 10, reason: 'delivery 7' });
    expect(shop.log.streams.get('stock#MUG@main')![0]!.ev).to.include('delivery 7');
  });

  it('refuse to lose more than there is, and a count of outdated books', async () => {
    await post('MUG/receipts', { quantity: 10 });
    await problemOf(post('MUG/adjustments', { quantity: -11 }), 'rule_violated');
    await problemOf(post('MUG/counts', { quantity: 6, expected: 7 }), 'conflict');
  });

  it('know no SKU that no product has', async () => {
    await problemOf(post('CUP/receipts', { quantity: 1 }), 'not_found');
    await problemOf(post('a%20b/receipts', { quantity: 1 }), 'not_found');
    expect([...shop.log.streams.keys()].filter((stream) => stream.startsWith('stock'))).to.deep.equal([]);
  });
});
