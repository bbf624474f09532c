import { expect } from 'chai';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow, Unavailable } from '../../domain/kernel/errors.js';
import { type StockCommand, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createShop, type Shop, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { createStockQueue, type StockQueue } from './stock-queue.js';

const MUG = { sku: 'MUG', location: 'main' };
const MAX_WAITING = 1_000;

describe('Checkouts that wait for stock', () => {
  let shop: Shop;
  let queue: StockQueue;
  let now: number;
  let commands = 0;
  const needs = (quantity: number) => [{ sku: 'MUG', quantity }];

  beforeEach(async () => {
    shop = createShop();
    now = 0;
    await sell(shop, 'MUG', 500, 2);
    const { runner, processes } = shop;
    // A pause never ends by itself; only news ends the wait.
    const pause = () => new Promise(() => {});
    queue = createStockQueue({ runner, allocator: processes.stock, clock: () => now, pause });
  });

  async function tell(command: StockCommand): Promise<void> {
    const meta: CommandMeta = {
      id: `queue-${commands++}`,
      issuedAt: Date.now(),
      correlationId: 'c',
      actor: { type: 'process', id: 'p' },
    };
    orThrow(await shop.runner.execute(stockItem, stockStream(MUG), command, meta));
  }

  const reserve = (reservationId: string, quantity: number) =>
    tell({ type: 'ReserveStock', ...MUG, reservationId, quantity });
  const release = (reservationId: string) => tell({ type: 'ReleaseReservation', ...MUG, reservationId });
  const commit = (reservationId: string) => tell({ type: 'CommitReservation', ...MUG, reservationId });
  const parcels = (quantity: number) => [{ ...MUG, quantity }];

  it('learn at once how many units are available, if running checkouts cannot release enough', async () => {
    expect(await queue.claim(needs(3), 1)).to.deep.equal({ short: { MUG: 2 } });
    expect(await queue.claim(needs(2), 1)).to.deep.include({ allocation: parcels(2) });
  });

  it('get released units in order of arrival, and no unit twice', async () => {
    await reserve('order_1', 1);
    await reserve('order_2', 1);
    const told: string[] = [];
    const claims = ['first', 'second', 'third'].map(async (name) => {
      const claim = await queue.claim(needs(1), 1);
      told.push(name);
      return claim;
    });
    await Promise.all([release('order_1'), new Promise((resolve) => setTimeout(resolve, 20))]);
    expect(told).to.deep.equal(['first']);
    await release('order_2');
    await claims[1];
    expect(told).to.deep.equal(['first', 'second']);
    // It takes fewer units than it was assigned, as if its order was cancelled meanwhile.
    const second = await the(claims[1]);
    if ('allocation' in second) second.settle();
    expect(await claims[2]).to.deep.include({ allocation: parcels(1) });
  });

  it('do not queue behind one that needs more than was released', async () => {
    await reserve('order_1', 1);
    await reserve('order_2', 1);
    const both = queue.claim(needs(2), 1);
    const one = queue.claim(needs(1), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await release('order_1');
    expect(await one).to.deep.include({ allocation: parcels(1) });
    await commit('order_2');
    expect(await both).to.deep.equal({ short: { MUG: 0 } });
  });

  it('learn when the units that they wait for were sold', async () => {
    await reserve('order_1', 2);
    const claim = queue.claim(needs(1), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await commit('order_1');
    expect(await claim).to.deep.equal({ short: { MUG: 0 } });
  });

  it('lose no unit to one whose engine fails at the moment of its turn', async () => {
    await reserve('order_1', 2);
    const { runner, processes } = shop;
    let fail: (() => void) | undefined;
    let tick = () => {};
    const read = () =>
      new Promise<never>((_, reject) => {
        fail = () => reject(new Unavailable('The log', 'is away'));
      });
    let isAway = false;
    const failing = createStockQueue({
      runner: { ...runner, load: (...asked) => (isAway ? read() : runner.load(...asked)) },
      allocator: processes.stock,
      clock: () => now,
      pause: () =>
        new Promise<void>((resolve) => {
          tick = resolve;
        }),
    });
    const first = failing.claim(needs(2), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    isAway = true;
    tick();
    while (!fail) await new Promise((resolve) => setImmediate(resolve));
    isAway = false;
    await release('order_1');
    fail();
    expect(await first.catch((error) => error.code)).to.equal('unavailable');
    expect(await failing.claim(needs(2), 1)).to.deep.include({ allocation: parcels(2) });
  });

  it(`are at most ${MAX_WAITING} at a time: a further one is short at once`, async () => {
    await reserve('order_1', 2);
    const waiting = Array.from({ length: MAX_WAITING }, () => queue.claim(needs(1), 1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await queue.claim(needs(1), 1)).to.have.property('short');
    await commit('order_1');
    for (const claim of await Promise.all(waiting)) expect(claim).to.have.property('short');
  });
});
