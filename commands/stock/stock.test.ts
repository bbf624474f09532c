import { expect } from 'chai';
import { orThrow } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import { skuClaim, skuClaimStream } from '../../domain/product/sku-claim.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, createShop, fill, KEEPER, type Shop, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { arrive } from './transfer.js';

describe('The endpoints of stock', () => {
  let shop: Shop;
  const post = (path: string, body: unknown, key?: string) =>
    shop.call(`post /v1/stock/${path}`, { caller: KEEPER, body, ...defined({ key }) });

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 0);
  });

  it('receive, adjust and count units, at the main location by default', async () => {
    const { status, body, seen } = await post('MUG/receipts', { quantity: 10 });
    expect(status).to.equal(201);
    const level = { sku: 'MUG', location: 'main', onHand: 10, reserved: 0, committed: 0, available: 10 };
    expect(body).to.deep.equal(level);
    expect([...the(seen)]).to.deep.equal([['stock#MUG@main', 1]]);
    expect((await post('MUG/adjustments', { quantity: -3, reason: 'broken' })).body.onHand).to.equal(7);
    expect((await post('MUG/counts', { quantity: 6, expected: 7 })).body.onHand).to.equal(6);
    expect((await post('MUG/receipts', { location: 'leeds', quantity: 1 })).body.onHand).to.equal(1);
  });

  it('move nothing twice under the same key', async () => {
    await post('MUG/receipts', { quantity: 10 }, 'k');
    expect((await post('MUG/receipts', { quantity: 10 }, 'k')).body.onHand).to.equal(10);
  });

  it('store the reason in the log', async () => {
    await post('MUG/receipts', { quantity: 10, reason: 'delivery 7' });
    expect(the(shop.log.streams.get('stock#MUG@main')?.[0]).ev).to.include('delivery 7');
  });

  it('reject a loss of more than there is, and a count based on outdated numbers', async () => {
    await post('MUG/receipts', { quantity: 10 });
    await problemOf(post('MUG/adjustments', { quantity: -11 }), 'rule_violated');
    await problemOf(post('MUG/counts', { quantity: 6, expected: 7 }), 'conflict');
  });

  it('reject a SKU without a product', async () => {
    await problemOf(post('CUP/receipts', { quantity: 1 }), 'not_found');
    await problemOf(post('a%20b/receipts', { quantity: 1 }), 'not_found');
    expect([...shop.log.streams.keys()].filter((stream) => stream.startsWith('stock'))).to.deep.equal([]);
  });

  const put = (path: string, body: unknown) => shop.call(`put /v1/stock/${path}`, { caller: KEEPER, body });
  const buyers = async (count: number) => Promise.all(Array.from({ length: count }, () => fill(shop, { MUG: 1 })));
  const buy = (cart: string) =>
    shop.call(`post /v1/carts/${cart}/checkout`, { caller: ADA, body: { paymentMethod: 'pm_card_visa' } });

  it('move units from one location to another, once for each key', async () => {
    await post('MUG/receipts', { quantity: 10 });
    for (let tries = 0; tries < 2; tries++) {
      const { status, body, seen } = await post('MUG/transfers', { from: 'main', to: 'leeds', quantity: 4 }, 'k');
      expect(status).to.equal(201);
      expect(body.from).to.include({ location: 'main', onHand: 6, available: 6 });
      expect(body.to).to.include({ location: 'leeds', onHand: 4, available: 4 });
      expect([...the(seen)]).to.deep.equal([
        ['stock#MUG@main', 2],
        ['stock#MUG@leeds', 1],
      ]);
    }
    await problemOf(post('MUG/transfers', { from: 'main', to: 'leeds', quantity: 7 }), 'rule_violated');
    await problemOf(post('CUP/transfers', { from: 'main', to: 'leeds', quantity: 1 }), 'not_found');
  });

  it('finish a transfer that was interrupted between the locations, whoever continues it', async () => {
    await post('MUG/receipts', { quantity: 10 });
    const { runner } = shop;
    const key = { sku: 'MUG', location: 'main' };
    const departure = { ...key, to: 'leeds', movementId: 'k ', productId: 'product_MUG', quantity: 4 };
    const meta = { issuedAt: Date.now(), correlationId: 'request', actor: { type: 'process', id: 'agenda' } } as const;
    const out = { type: 'TransferOut', ...departure } as const;
    orThrow(await runner.execute(stockItem, stockStream(key), out, { ...meta, id: 'k ' }));
    await arrive(runner, departure, meta);
    expect((await post('MUG/transfers', { from: 'main', to: 'leeds', quantity: 4 }, 'k')).body.to.onHand).to.equal(4);
    await arrive(runner, departure, meta);
    expect((await runner.load(stockItem, stockStream({ ...key, location: 'leeds' }))).state.onHand).to.equal(4);
  });

  it('record a location in the claim of a SKU before there is stock', async () => {
    await post('MUG/receipts', { location: 'leeds', quantity: 1 });
    await put('MUG/policy', { location: 'york', backorderLimit: 1 });
    await post('MUG/receipts', { location: 'leeds', quantity: 1 });
    const { state } = await shop.runner.load(skuClaim, skuClaimStream('MUG'));
    expect(the(state).locations).to.deep.equal(['main', 'leeds', 'york']);
  });

  it('set the backorder limit, and the level of low stock', async () => {
    const { status, body } = await put('MUG/policy', { backorderLimit: 2, lowStockAt: 3 });
    expect(status).to.equal(200);
    expect(body).to.deep.equal({ sku: 'MUG', location: 'main', backorderLimit: 2, lowStockAt: 3 });
    expect((await put('MUG/policy', {})).body).to.deep.equal({ sku: 'MUG', location: 'main', backorderLimit: 0 });
    await problemOf(put('CUP/policy', {}), 'not_found');
  });

  it('keep one level under concurrent counts: the second one learns that the number has changed', async () => {
    await post('MUG/receipts', { quantity: 10 });
    const counts = [9, 8].map((quantity) => post('MUG/counts', { quantity, expected: 10 }));
    const told = await Promise.allSettled(counts);
    expect(told.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected']);
  });

  it('vendurehq/vendure#3508: of many concurrent buyers as many get the goods as there are units', async () => {
    await post('MUG/receipts', { quantity: 3 });
    const told = await Promise.allSettled((await buyers(8)).map(buy));
    expect(told.filter(({ status }) => status === 'fulfilled')).to.have.length(3);
    const { state } = await shop.runner.load(stockItem, stockStream({ sku: 'MUG', location: 'main' }));
    expect(state).to.include({ onHand: 3, reserved: 0, committed: 3 });
  });
});
