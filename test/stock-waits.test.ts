// Concurrent buyers of scarce stock. Units that a running checkout holds may be free in the next moment, so others wait for them,
// and as many buyers as possible are served.
import { expect } from 'chai';
import fc from 'fast-check';
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import type { Caller } from '../domain/kernel/endpoint.js';
import { isProblem, orThrow } from '../domain/kernel/errors.js';
import { MAX_STOCK_WAIT_MS } from '../domain/processes/checkout.js';
import { planAllocation } from '../domain/stock/allocation.js';
import { type StockItem, stockItem, stockStream } from '../domain/stock/stock-item.js';
import { createMemoryLog } from '../infra/event-store/memory.js';
import { createTestProvider } from '../infra/payments/test-provider.js';
import { runsOf } from './every-case.js';
import { createShop, fill, KEEPER, type Shop, type ShopOptions, sell } from './shop.js';
import { the } from './the.js';

const LOCATIONS = ['main', 'leeds'];
const GOOD = 'pm_card_visa';
const DECLINED = 'pm_card_visa_chargeDeclined';
const NEEDS_CUSTOMER = 'pm_card_authenticationRequired';

interface Buyer {
  lines: Record<string, number>;
  card: string;
}

/** The result of a checkout: the status of the order, or the code of the rejection. */
async function checkOut({ call }: Pick<Shop, 'call'>, cartId: string, card: string, caller: Caller): Promise<string> {
  try {
    const body = { paymentMethod: card };
    return (await call(`post /v1/carts/${cartId}/checkout`, { caller, body })).body.status;
  } catch (error) {
    if (isProblem(error)) return error.code;
    throw error;
  }
}

function callersOf(count: number): Caller[] {
  return Array.from({ length: count }, (_, n) => {
    const id = `customer_${n}`;
    return { role: 'customer', id, customerId: id };
  });
}

/** Answers after this many turns of the event loop. */
function slowProvider(turns: () => number) {
  const provider = createTestProvider();
  return {
    ...provider,
    async authorise(request: Parameters<typeof provider.authorise>[0]) {
      for (let turn = turns(); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
      return provider.authorise(request);
    },
  };
}

async function stockOf({ runner }: Shop, sku: string, location: string): Promise<StockItem> {
  return (await runner.load(stockItem, stockStream({ sku, location }))).state;
}

/** Resolves once all held units wait for their customers, which is recorded after the answer. */
async function atRest(shop: Shop, sku: string, location: string): Promise<StockItem> {
  for (;;) {
    const item = await stockOf(shop, sku, location);
    if (item.reserved === item.parked) return item;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function receive({ call }: Shop, sku: string, location: string, quantity: number): Promise<void> {
  await call(`post /v1/stock/${sku}/receipts`, { caller: KEEPER, body: { location, quantity } });
}

/** Processes on one log, each with its own buyers. */
function openShops(count: number, options: ShopOptions = {}): Shop[] {
  const log = createMemoryLog();
  return Array.from({ length: count }, () => createShop({ ...options, log }));
}

describe('Buyers of scarce stock', () => {
  it('are rejected only for unavailable units, and never buy units that are not there', async () => {
    const skus = ['A', 'B', 'C'];
    const buyers = fc.array(
      fc.record({
        lines: fc
          .dictionary(fc.constantFrom(...skus), fc.integer({ min: 1, max: 3 }), { minKeys: 1 })
          .map((lines) => ({ ...lines })),
        card: fc.constantFrom(GOOD, GOOD, GOOD, DECLINED, NEEDS_CUSTOMER),
      }),
      { minLength: 2, maxLength: 10 },
    );
    const levels = fc.array(fc.tuple(fc.nat(4), fc.nat(3)), { minLength: skus.length, maxLength: skus.length });
    await fc.assert(
      fc.asyncProperty(
        buyers,
        levels,
        fc.integer({ min: 1, max: 2 }),
        fc.nat(30),
        async (asked, there, count, slow) => {
          let turn = 0;
          const shops = openShops(count, { provider: slowProvider(() => (turn++ * 7) % (slow + 1)) });
          const [shop] = shops as [Shop];
          for (const [index, sku] of skus.entries()) {
            await sell(shop, sku, 500, the(there[index])[0]);
            await receive(shop, sku, 'leeds', Math.max(1, the(there[index])[1]));
          }
          await haveAllBeenServed(shops, asked, skus);
        },
      ),
      { numRuns: runsOf(60) },
    );
  }).timeout(120_000);

  async function haveAllBeenServed(shops: Shop[], asked: readonly Buyer[], skus: readonly string[]): Promise<void> {
    const callers = callersOf(asked.length);
    const before = await unitsOf(the(shops[0]), skus);
    const carts = await Promise.all(asked.map(({ lines }, n) => fill(the(shops[0]), lines, callers[n])));
    const ends = await Promise.all(
      carts.map((cartId, n) => checkOut(the(shops[n % shops.length]), cartId, the(asked[n]).card, the(callers[n]))),
    );
    const levels = [];
    const sold = new Map(skus.map((sku) => [sku, 0]));
    for (const [n, end] of ends.entries()) {
      expect(end).to.be.oneOf(['confirmed', 'placed', 'out_of_stock', 'payment_declined']);
      if (end !== 'confirmed' && end !== 'placed') continue;
      for (const [sku, quantity] of Object.entries(the(asked[n]).lines)) sold.set(sku, the(sold.get(sku)) + quantity);
    }
    for (const sku of skus) {
      let left = 0;
      for (const location of LOCATIONS) {
        const { onHand, reserved, committed } = await atRest(the(shops[0]), sku, location);
        levels.push({ sku, location, available: onHand - reserved - committed });
        left += onHand - reserved - committed;
      }
      expect(left, sku)
        .to.equal(the(before.get(sku)) - the(sold.get(sku)))
        .and.to.be.at.least(0);
    }
    for (const [n, end] of ends.entries()) {
      if (end !== 'out_of_stock') continue;
      const needs = Object.entries(the(asked[n]).lines).map(([sku, quantity]) => ({ sku, quantity }));
      expect(planAllocation(needs, levels), `the refused buyer ${n}`).to.have.property('short');
    }
  }

  async function unitsOf(shop: Shop, skus: readonly string[]): Promise<Map<string, number>> {
    const units = new Map<string, number>();
    for (const sku of skus) {
      const items = await Promise.all(LOCATIONS.map((location) => stockOf(shop, sku, location)));
      units.set(sku, the(items[0]).onHand + the(items[1]).onHand);
    }
    return units;
  }

  it('get the last unit that a declined card releases, however many buyers came before', async () => {
    const shop = createShop({ provider: slowProvider(() => 20) });
    await sell(shop, 'A', 500, 1);
    const callers = callersOf(20);
    const carts = await Promise.all(callers.map((caller) => fill(shop, { A: 1 }, caller)));
    const ends = await Promise.all(
      carts.map((cartId, n) => checkOut(shop, cartId, n === 19 ? GOOD : DECLINED, the(callers[n]))),
    );
    expect(ends.at(-1)).to.equal('confirmed');
    expect(ends.slice(0, -1).every((end) => end === 'payment_declined')).to.equal(true);
  });

  it('retry once for each unit that comes back, and not all of them each time', async () => {
    let asked = 0;
    const counting = (runner: CommandRunner): CommandRunner => ({
      ...runner,
      execute(decider, stream, command, meta) {
        if ((command as { type: string }).type === 'ReserveStock') asked++;
        return runner.execute(decider, stream, command, meta);
      },
    });
    const shop = createShop({ provider: slowProvider(() => 20), through: counting });
    await sell(shop, 'A', 500, 1);
    const callers = callersOf(30);
    const carts = await Promise.all(callers.map((caller) => fill(shop, { A: 1 }, caller)));
    await Promise.all(carts.map((cartId, n) => checkOut(shop, cartId, n === 29 ? GOOD : DECLINED, the(callers[n]))));
    // All try at first, and then one for each unit that comes back. On a busy machine some come late, and need not wait.
    expect(asked).to.be.at.least(45).and.at.most(62);
  });

  it('read no stock stream while only checkouts of their own process hold the units', async () => {
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const provider = createTestProvider();
    const first = { isFirst: true };
    let pauses = 0;
    const log = createMemoryLog();
    const plain = createShop({ log });
    let reads = 0;
    const shop = createShop({
      log,
      store: {
        ...plain.store,
        read(stream, after) {
          if (stream.startsWith('stock')) reads++;
          return plain.store.read(stream, after);
        },
      },
      provider: {
        ...provider,
        async authorise(request) {
          if (first.isFirst) {
            first.isFirst = false;
            await held;
            return { status: 'declined', declineCode: 'generic_decline' };
          }
          return provider.authorise(request);
        },
      },
      // The fifth pause lets the held authorisation continue.
      pause: async () => {
        if (++pauses === 5) go();
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
    await sell(plain, 'A', 500, 1);
    const callers = callersOf(2);
    const carts = await Promise.all(callers.map((caller) => fill(shop, { A: 1 }, caller)));
    const one = checkOut(shop, the(carts[0]), GOOD, the(callers[0]));
    while (first.isFirst) await new Promise((resolve) => setImmediate(resolve));
    const other = checkOut(shop, the(carts[1]), GOOD, the(callers[1]));
    while (pauses < 2) await new Promise((resolve) => setImmediate(resolve));
    const before = reads;
    while (pauses < 5) await new Promise((resolve) => setImmediate(resolve));
    expect(reads).to.equal(before);
    expect([await one, await other]).to.deep.equal(['payment_declined', 'confirmed']);
  });

  it('wait at most two seconds for a checkout that is stuck, reading its stream periodically', async () => {
    let now = Date.now();
    let reads = 0;
    const log = createMemoryLog();
    const clock = () => now;
    const plain = createShop({ log, clock });
    const store: Shop['store'] = {
      ...plain.store,
      read(stream, after) {
        if (stream.startsWith('stock')) reads++;
        return plain.store.read(stream, after);
      },
    };
    const pause = async (ms: number) => {
      now += ms;
    };
    const shop = createShop({ log, store, clock, pause });
    await sell(plain, 'A', 500, 1);
    const [crashed, buyer] = callersOf(2) as [Caller, Caller];
    const cartId = await fill(plain, { A: 1 }, crashed);
    const held = { sku: 'A', location: 'main', reservationId: cartId.replace('cart', 'order') };
    const meta = { id: 'r', issuedAt: now, correlationId: 'c', actor: { type: 'process', id: 'p' } } as const;
    orThrow(
      await plain.runner.execute(stockItem, stockStream(held), { type: 'ReserveStock', ...held, quantity: 1 }, meta),
    );

    const own = await fill(shop, { A: 1 }, buyer);
    const began = now;
    expect(await checkOut(shop, own, GOOD, buyer)).to.equal('out_of_stock');
    expect(now - began).to.equal(MAX_STOCK_WAIT_MS);
    expect(reads).to.be.at.most(MAX_STOCK_WAIT_MS / 200 + 6);
  });

  it('do not wait for a checkout that waits for its customer', async () => {
    let pauses = 0;
    const shop = createShop({ pause: async () => void pauses++ });
    await sell(shop, 'A', 500, 1);
    const [slow, quick] = callersOf(2) as [Caller, Caller];
    const carts = [await fill(shop, { A: 1 }, slow), await fill(shop, { A: 1 }, quick)] as const;
    expect(await checkOut(shop, carts[0], NEEDS_CUSTOMER, slow)).to.equal('placed');
    expect(await checkOut(shop, carts[1], GOOD, quick)).to.equal('out_of_stock');
    // Only until the other one is known to wait.
    expect(pauses).to.be.at.most(1);
  });

  it('find one unit at each of two locations', async () => {
    const shop = createShop({ provider: slowProvider(() => 5) });
    await sell(shop, 'A', 500, 1);
    await receive(shop, 'A', 'leeds', 2);
    const callers = callersOf(3);
    const carts = await Promise.all(callers.map((caller) => fill(shop, { A: 1 }, caller)));
    const ends = await Promise.all(carts.map((cartId, n) => checkOut(shop, cartId, GOOD, the(callers[n]))));
    expect(ends).to.deep.equal(['confirmed', 'confirmed', 'confirmed']);
  });
});
