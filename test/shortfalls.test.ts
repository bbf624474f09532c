// Units that are sold but missing: counted shortfalls and losses are recorded, and the affected orders are shipped from other
// locations, or held until there is stock again.
import { expect } from 'chai';
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import { Unavailable } from '../domain/kernel/errors.js';
import { streamOf } from '../domain/kernel/id.js';
import { type Order, order as orders } from '../domain/order/order.js';
import { agenda } from '../projections/models/agenda.js';
import { problemOf } from './call-endpoint.js';
import { documentsOf } from './read-models.js';
import { ADA, createShop, fill, KEEPER, type Shop, SUPPORT, sell } from './shop.js';
import { the } from './the.js';

const VISA = { paymentMethod: 'pm_card_visa' };

describe('A shortfall', () => {
  let shop: Shop;

  const stock = async (word: string, body: object) =>
    (await shop.call(`post /v1/stock/MUG/${word}`, { caller: KEEPER, body })).body;
  const buy = async (quantity: number): Promise<string> => {
    const cartId = await fill(shop, { MUG: quantity });
    return (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body: VISA })).body.id;
  };
  const stateOf = async (id: string): Promise<Order> => the((await shop.runner.load(orders, streamOf(id))).state);
  const heldOf = async (...ids: string[]) => (await Promise.all(ids.map(stateOf))).map(({ holds }) => holds.length > 0);
  const parcelsOf = async (id: string) =>
    (await stateOf(id)).parcels.map(({ location, quantity }) => `${quantity} at ${location}`);
  const send = async (id: string, body: object = {}) => {
    const planned = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body });
    return shop.call(`post /v1/shipments/${planned.body.id}/dispatch`, { caller: SUPPORT });
  };

  async function due() {
    const documents = [...(await documentsOf(shop, agenda)).values()];
    return documents.flatMap((document) =>
      document?.dueAt !== undefined && document.item?.kind === 'shortfall' ? [document.item] : [],
    );
  }

  /** Several processes work on the agenda repeatedly until nothing is due. */
  async function settle(): Promise<void> {
    for (let looks = 0; looks < 10; looks++) {
      const items = await due();
      if (items.length === 0) return;
      await Promise.all([...items, ...items].map((item) => shop.processes.shortfalls.look(item)));
    }
    throw new Error(`still due: ${JSON.stringify(await due())}`);
  }

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 7);
  });

  it('is recorded when a count or a loss leaves fewer units than were sold', async () => {
    await buy(4);
    expect(await stock('counts', { quantity: 2 })).to.include({ onHand: 2, committed: 4, available: -2 });
    expect(await stock('receipts', { quantity: 5 })).to.include({ onHand: 7, available: 3 });
    expect(await stock('adjustments', { quantity: -5, reason: 'fire' })).to.include({ onHand: 2, available: -2 });
    await problemOf(stock('adjustments', { quantity: -3, reason: 'fire' }), 'rule_violated');
    await problemOf(buy(1), 'out_of_stock');
  });

  it('holds the orders that were committed last until there is stock again', async () => {
    const [first, second, third] = [await buy(2), await buy(1), await buy(2)];
    await stock('counts', { quantity: 2 });
    await settle();
    expect(await heldOf(first, second, third)).to.deep.equal([false, true, true]);
    expect((await stateOf(third)).missing).to.deep.equal([{ sku: 'MUG', location: 'main', quantity: 2 }]);
    expect((await problemOf(send(second), 'conflict')).message).to.include('stock_shortfall');
    expect((await send(first)).body.status).to.equal('dispatched');
    await stock('receipts', { quantity: 1 });
    await settle();
    expect(await heldOf(second, third)).to.deep.equal([false, true]);
    await stock('receipts', { quantity: 2 });
    await settle();
    expect(await heldOf(second, third)).to.deep.equal([false, false]);
    for (const id of [second, third]) expect((await send(id)).body.status).to.equal('dispatched');
    expect(await due()).to.deep.equal([]);
  });

  it('is shipped from other locations that have units, in part if they have fewer', async () => {
    const [first, second] = [await buy(2), await buy(4)];
    await stock('receipts', { location: 'leeds', quantity: 1 });
    await stock('receipts', { location: 'york', quantity: 2 });
    await stock('counts', { quantity: 2 });
    await settle();
    expect((await parcelsOf(second)).sort()).to.deep.equal(['1 at leeds', '1 at main', '2 at york']);
    expect(await heldOf(first, second)).to.deep.equal([false, true]);
    expect((await stateOf(second)).missing).to.deep.equal([{ sku: 'MUG', location: 'main', quantity: 1 }]);
    await stock('receipts', { location: 'hull', quantity: 9 });
    await settle();
    expect((await parcelsOf(second)).sort()).to.deep.equal(['1 at hull', '1 at leeds', '2 at york']);
    expect(await heldOf(first, second)).to.deep.equal([false, false]);
    expect((await shop.call('post /v1/stock/MUG/counts', { caller: KEEPER, body: { quantity: 2 } })).body).to.include({
      committed: 2,
      available: 0,
    });
    for (const location of ['hull', 'leeds', 'york']) await send(second, { location });
    expect((await stateOf(second)).status).to.equal('completed');
  });

  it('does not arise if an order cancels more than is missing, even before its stock has followed', async () => {
    let isAway = false;
    const through = (runner: CommandRunner): CommandRunner => ({
      ...runner,
      execute(decider, stream, command, meta) {
        const isRelease = (command as { type: string }).type === 'ReleaseReservation';
        if (isAway && isRelease) return Promise.reject(new Unavailable('The log', 'is away'));
        return runner.execute(decider, stream, command, meta);
      },
    });
    shop = createShop({ through });
    await sell(shop, 'MUG', 500, 3);
    const id = await buy(3);
    await stock('adjustments', { quantity: -1, reason: 'fire' });
    isAway = true;
    const body = { lines: [{ lineId: '1', quantity: 2 }], reason: 'too many' };
    await shop.call(`post /v1/orders/${id}/cancel`, { caller: ADA, body }).catch(() => {});
    expect((await stateOf(id)).unsettled).to.have.lengthOf(1);
    for (const item of await due()) await shop.processes.shortfalls.look(item);
    expect((await stateOf(id)).missing).to.deep.equal([]);
    isAway = false;
    await shop.processes.settlement.run(id);
    await settle();
    expect(await heldOf(id)).to.deep.equal([false]);
  });

  it('does not arise if the policy allows backorders', async () => {
    const id = await buy(4);
    await shop.call('put /v1/stock/MUG/policy', { caller: KEEPER, body: { backorderLimit: 2 } });
    await stock('counts', { quantity: 2 });
    await settle();
    expect(await heldOf(id)).to.deep.equal([false]);
    await problemOf(send(id), 'out_of_stock');
    await stock('counts', { quantity: 1 });
    await settle();
    expect(await heldOf(id)).to.deep.equal([true]);
  });

  it('ends when its units are cancelled, the missing ones first', async () => {
    const id = await buy(3);
    await stock('counts', { quantity: 2 });
    await settle();
    expect(await heldOf(id)).to.deep.equal([true]);
    await shop.call(`post /v1/orders/${id}/cancel`, { caller: ADA, body: { lines: [{ lineId: '1', quantity: 1 }] } });
    expect(await heldOf(id)).to.deep.equal([false]);
    await settle();
    expect((await stateOf(id)).missing).to.deep.equal([]);
    expect((await send(id)).body.status).to.equal('dispatched');
  });

  it('does not hold an order again that staff have released', async () => {
    const id = await buy(3);
    await stock('counts', { quantity: 2 });
    await settle();
    const { body } = await shop.call(`post /v1/orders/${id}/resume`, { caller: SUPPORT });
    expect(body).not.to.have.property('held');
    expect(body.missing).to.deep.equal([{ sku: 'MUG', location: 'main', quantity: 1 }]);
    await settle();
    expect(await heldOf(id)).to.deep.equal([false]);
    expect((await send(id, { lines: [{ lineId: '1', quantity: 2 }] })).body.status).to.equal('dispatched');
  });

  it('of an unfinished checkout ends that checkout, not an order', async () => {
    const id = await buy(4);
    const cartId = await fill(shop, { MUG: 3 });
    const waiting = { paymentMethod: 'pm_card_authenticationRequired' };
    const { body } = await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body: waiting });
    await stock('counts', { quantity: 5 });
    await settle();
    expect(await heldOf(id)).to.deep.equal([false]);
    const paymentId = body.id.replace('order', 'payment');
    await shop.call(`post /v1/test-payments/${paymentId}/authenticate`, { caller: ADA, body: { succeed: true } });
    await shop.processes.checkout.resume(body.id);
    expect((await stateOf(body.id)).status).to.equal('rejected');
    expect((await stock('counts', { quantity: 5 })).committed).to.equal(4);
  });
});
