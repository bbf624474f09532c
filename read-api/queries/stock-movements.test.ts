import { expect } from 'chai';
import { defined } from '../../domain/kernel/json.js';
import { callerOf, problemOf } from '../../test/call-endpoint.js';
import { createShop, KEEPER, type Shop, SUPPORT, sell } from '../../test/shop.js';
import { stockMovementsQuery } from './stock-movements.js';

const DELIVERY = {
  reason: 'delivery 7',
  cost: { amount: 350, currency: 'EUR' },
  supplier: 'Hearth Ceramics Ltd',
  lot: 'L2026-11-A',
};

describe('The ledger of stock', () => {
  let shop: Shop;
  const read = (query: Record<string, string> = {}, sku = 'MUG', caller = SUPPORT) =>
    callerOf([stockMovementsQuery(shop)])(`get /v1/stock/${sku}/movements`, { caller, query });
  const post = (word: string, body: unknown, key: string) =>
    shop.call(`post /v1/stock/MUG/${word}`, { caller: KEEPER, body, key });

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 0);
    await post('receipts', { quantity: 10, ...DELIVERY }, 'a');
    await shop.ship('MUG', 2);
    await post('counts', { quantity: 7 }, 'b');
    await post('transfers', { from: 'main', to: 'leeds', quantity: 3 }, 'c');
  });

  it("lists each movement of a location's stock with its time, cause and actor", async () => {
    const { data, page } = (await read()).body;
    expect(page).to.deep.equal({ next: null, hasMore: false });
    expect(data.map(({ what }: { what: string }) => what)).to.deep.equal([
      'received',
      'reserved',
      'committed',
      'shipped',
      'counted',
      'transferred_out',
    ]);
    const { at, ...receipt } = data[0];
    expect(Number.isFinite(Date.parse(at))).to.equal(true);
    const actor = { type: 'customer', id: 'keeper' };
    expect(receipt).to.deep.equal({ what: 'received', by: 'a ', quantity: 10, ...DELIVERY, actor });
    expect(data[3]).to.include({ what: 'shipped', quantity: 2 });
    expect(data[4]).to.include({ what: 'counted', quantity: 7, delta: -1 });
    expect((await read({ location: 'leeds' })).body.data[0]).to.include({ what: 'transferred_in', from: 'main' });
  });

  it('leaves out releases without a reservation', async () => {
    const before = (await read()).body.data;
    await shop.release('MUG');
    expect((await read()).body.data).to.deep.equal(before);
  });

  it('shows stock keepers their own entries in full, and hides ids and people of orders', async () => {
    const { data } = (await read({}, 'MUG', KEEPER)).body;
    const whole = (await read()).body.data;
    expect(data.map(({ what }: { what: string }) => what)).to.deep.equal(
      whole.map(({ what }: { what: string }) => what),
    );
    for (const [n, entry] of data.entries()) {
      const ofOrders = ['reserved', 'committed', 'shipped'].includes(entry.what);
      const { by, operationId, actor, ...shown } = whole[n];
      expect(entry).to.deep.equal(ofOrders ? { ...shown, actor: { type: actor.type } } : whole[n]);
    }
    expect(JSON.stringify(data)).not.to.contain('order_');
  });

  it('is read page by page, without gaps or repeats', async () => {
    const whole = (await read()).body.data;
    for (const limit of ['1', '2', '4', '6']) {
      const pages = [];
      for (let after: string | null | undefined; after !== null; ) {
        const { data, page } = (await read({ limit, ...defined({ after }) })).body;
        pages.push(...data);
        after = page.next;
      }
      expect(pages).to.deep.equal(whole);
    }
  });

  it('reads no more of a long stream than its page needs', async () => {
    const { store } = shop;
    let commits = 0;
    const counting = {
      async *read(...where: Parameters<typeof store.read>) {
        for await (const commit of store.read(...where)) {
          commits++;
          yield commit;
        }
      },
    };
    await callerOf([stockMovementsQuery({ store: counting })])('get /v1/stock/MUG/movements', {
      query: { limit: '1' },
    });
    expect(commits).to.equal(2);
  });

  it('is not found for a SKU that was never stocked, and rejects cursors of other lists', async () => {
    await problemOf(read({}, 'CUP'), 'not_found');
    await problemOf(read({ location: 'york' }), 'not_found');
    await problemOf(read({ after: 'AAAA' }), 'invalid_request');
  });
});
