// The sample shop of a first start, which may be interrupted anywhere. It runs on an event store in memory; each start is a new
// process.
import { expect } from 'chai';
import { createCommandRunner } from '../commands/runtime/command-runner.js';
import { eventTypes } from '../domain/events.js';
import { orThrow } from '../domain/kernel/errors.js';
import { RETRY_HORIZON_MS } from '../domain/kernel/limits.js';
import type { PersonalData } from '../domain/kernel/personal.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../infra/event-store/memory.js';
import { the } from '../test/the.js';
import { fillEmptyShop } from './sample-shop.js';

const codec = createCommitCodec(eventTypes);
const SKUS = 8;
const PRODUCTS = 6;
const VAT_RATES = 4;
/** Of the 50 states and the capital, Alaska, Delaware, Montana, New Hampshire and Oregon have none. */
const SALES_TAXES = 46;
const SHIPPING_METHODS = 2;

describe('The sample shop', () => {
  it('goes into an empty log, once', async () => {
    const shop = createShop();
    expect(await shop.start()).to.include.keys('stock#MUG-BLUE@main', 'product#blanket');
    const facts = shop.facts();
    expect(await shop.start()).to.equal(undefined);
    expect(shop.facts()).to.deep.equal(facts);
  });

  it('does not change a log with other data', async () => {
    const shop = createShop();
    await shop.receive('OWN', 5);
    expect(await shop.start()).to.equal(undefined);
    expect(shop.facts()).to.have.all.keys('stock#OWN@main');
  });

  it('stops between two commands on abort, and is completed by later starts, however late', async () => {
    const whole = createShop();
    await whole.start();
    const shop = createShop();
    let stops = 0;
    while (await shop.isStoppedAfterOneCommit()) stops++;
    expect(stops).to.equal(VAT_RATES + SALES_TAXES + SHIPPING_METHODS + 2 * SKUS + 2 * PRODUCTS - 1);
    expect(shop.facts()).to.deep.equal(whole.facts());
    expect(await shop.start()).to.equal(undefined);
  });

  it('receives no stock twice, even if the shop was in use meanwhile', async () => {
    const shop = createShop();
    const throughFirstReceipt = VAT_RATES + SALES_TAXES + SHIPPING_METHODS + 2;
    for (let commit = 0; commit < throughFirstReceipt; commit++) await shop.isStoppedAfterOneCommit();
    await shop.receive('MUG-BLUE', 7);
    await shop.start();
    const received = the(shop.facts()['stock#MUG-BLUE@main']).filter(({ type }) => type === 'StockReceived');
    expect(received.map(({ data }) => data.quantity)).to.deep.equal([40, 7]);
  });
});

function createShop() {
  const log = createMemoryLog();
  let now = Date.UTC(2026, 0, 1);

  /** Long after all earlier starts. */
  function openProcess(afterAppend = () => {}) {
    now += 2 * RETRY_HORIZON_MS;
    const clock = () => now;
    const store = createMemoryEventStore({ codec, log, clock, afterAppend });
    return { store, runner: createCommandRunner({ store, eventTypes, personal: unsealed, clock }) };
  }

  return {
    start: () => fillEmptyShop(openProcess(), new AbortController().signal),

    async isStoppedAfterOneCommit(): Promise<boolean> {
      const stop = new AbortController();
      const before = log.arrivals.length;
      try {
        await fillEmptyShop(
          openProcess(() => stop.abort()),
          stop.signal,
        );
        return false;
      } catch (error) {
        expect(error).to.equal(stop.signal.reason);
        expect(log.arrivals.length).to.equal(before + 1);
        return true;
      }
    },

    async receive(sku: string, quantity: number): Promise<void> {
      const item = { sku, location: 'main' };
      const receipt = { type: 'ReceiveStock', ...item, quantity, movementId: 'own', productId: 'product_own' } as const;
      const { runner } = openProcess();
      const actor = { type: 'staff', id: 'tests' } as const;
      const meta = { id: `receive ${sku}`, issuedAt: now, correlationId: 'tests', actor };
      orThrow(await runner.execute(stockItem, stockStream(item), receipt, meta));
    },

    /** The events, by stream. */
    facts: () =>
      Object.fromEntries(
        [...log.streams].map(([stream, commits]) => [
          stream,
          commits.flatMap((commit) =>
            codec.decode(commit).events.map(({ type, data }) => ({ type, data: data as { quantity?: number } })),
          ),
        ]),
      ),
  };
}

const unsealed: PersonalData = {
  seal: async (event) => event,
  open: async (value) => value as never,
  sealFor: async (_subject, _place, value) => value,
  forget: async () => {},
};
