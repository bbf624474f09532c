import { expect } from 'chai';
import { orThrow } from '../../domain/kernel/errors.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createShop, KEEPER, type Shop, sell } from '../../test/shop.js';
import { createSkuOwners } from '../product/sku-owners.js';
import { createStockAllocator, type StockAllocator } from './allocator.js';

describe('The allocator', () => {
  let shop: Shop;
  let allocator: StockAllocator;
  const receive = (location: string, quantity: number) =>
    shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { location, quantity } });

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 2);
    const { runner } = shop;
    allocator = createStockAllocator({ runner, skuOwners: createSkuOwners({ runner }) });
  });

  it('finds stock at every location of a SKU, even one that was just added', async () => {
    expect(await allocator.allocate([{ sku: 'MUG', quantity: 3 }])).to.deep.equal({ short: { MUG: 2 } });
    await receive('leeds', 1);
    expect(await allocator.allocate([{ sku: 'MUG', quantity: 3 }])).to.deep.equal([
      { sku: 'MUG', location: 'main', quantity: 2 },
      { sku: 'MUG', location: 'leeds', quantity: 1 },
    ]);
    await receive('york', 3);
    expect(await allocator.allocate([{ sku: 'MUG', quantity: 3 }])).to.deep.equal([
      { sku: 'MUG', location: 'main', quantity: 2 },
      { sku: 'MUG', location: 'leeds', quantity: 1 },
    ]);
    expect(await allocator.allocate([{ sku: 'MUG', quantity: 4 }])).to.deep.equal([
      { sku: 'MUG', location: 'york', quantity: 3 },
      { sku: 'MUG', location: 'main', quantity: 1 },
    ]);
  });

  it('counts units that may be backordered', async () => {
    await shop.call('put /v1/stock/MUG/policy', { caller: KEEPER, body: { backorderLimit: 2 } });
    expect(await allocator.allocate([{ sku: 'MUG', quantity: 4 }])).to.deep.equal([
      { sku: 'MUG', location: 'main', quantity: 4 },
    ]);
    expect(await allocator.allocate([{ sku: 'MUG', quantity: 5 }])).to.deep.equal({ short: { MUG: 4 } });
  });

  it('counts the units of the reservation that will be released', async () => {
    const held = { sku: 'MUG', location: 'main', reservationId: 'order_1' };
    const meta = {
      id: 'hold',
      issuedAt: Date.now(),
      correlationId: 'c',
      actor: { type: 'staff', id: 'tests' },
    } as const;
    orThrow(
      await shop.runner.execute(stockItem, stockStream(held), { type: 'ReserveStock', ...held, quantity: 2 }, meta),
    );
    await receive('leeds', 1);
    const needs = [{ sku: 'MUG', quantity: 3 }];
    const plan = [
      { sku: 'MUG', location: 'main', quantity: 2 },
      { sku: 'MUG', location: 'leeds', quantity: 1 },
    ];
    expect(await allocator.allocate(needs, 'order_1')).to.deep.equal(plan);
    // Other orders see the plan that becomes possible if that reservation is released.
    expect(await allocator.allocate(needs)).to.deep.equal({ short: { MUG: 1 }, ifReleased: plan });
    expect(await allocator.allocate(needs, 'order_2')).to.deep.equal({ short: { MUG: 1 }, ifReleased: plan });
  });

  it('finds no stock of a SKU without a product', async () => {
    expect(await allocator.allocate([{ sku: 'CUP', quantity: 1 }])).to.deep.equal({ short: { CUP: 0 } });
  });
});
