// The table of `commerce capacity` against what an order really needs: the story of a guest on a log in memory.
import { expect } from 'chai';
import { eventTypes } from '../domain/events.js';
import type { StoredCommit } from '../domain/kernel/commit.js';
import type { Caller } from '../domain/kernel/endpoint.js';
import type { DomainEvent } from '../domain/kernel/event.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { toItem } from '../infra/event-store/dynamodb/dynamodb-item.js';
import { createMemoryLog } from '../infra/event-store/memory.js';
import { randomId } from '../infra/ids.js';
import { agenda } from '../projections/models/agenda.js';
import { alsoBought } from '../projections/models/also-bought.js';
import { catalogue } from '../projections/models/catalogue.js';
import { currentCarts } from '../projections/models/current-carts.js';
import { customers } from '../projections/models/customers.js';
import { orders } from '../projections/models/orders.js';
import { productPage } from '../projections/models/product-page.js';
import { productSearch } from '../projections/models/product-search.js';
import { stock } from '../projections/models/stock.js';
import { unitsSold } from '../projections/models/units-sold.js';
import type { Handler, Projection } from '../projections/runtime/projection.js';
import { simulate } from '../scripts/capacity/flash-sale.js';
import { capacityOf } from '../scripts/capacity/needs.js';
import { ORDER } from '../scripts/capacity/units.js';
import { ADDRESS, createShop, SUPPORT, sell } from './shop.js';

const codec = createCommitCodec(eventTypes);

/** As `MODELS` in infra/modules/read-models.ts, by the engines of the profile `aws`. */
const STORES: Record<string, readonly Projection<never, never>[]> = {
  postgres: [orders, stock, currentCarts, customers, agenda],
  mongodb: [catalogue],
  opensearch: [productSearch],
  redis: [productPage, alsoBought, unitsSold],
};

/** Numbers of bytes depend on the length of ids, and may be so far off. */
const TOLERANCE = 0.05;

describe('The capacity of the shop', () => {
  it('rests on what an order really needs', async () => {
    const log = createMemoryLog();
    // The clock stands still, so that nothing that was read becomes old, and what is due at one time is one commit.
    const began = Date.now();
    const shop = createShop({ log, clock: () => began });
    const { call } = shop;
    const skus = ['MUG', 'TEAPOT'].map((sku) => `${sku}-${randomId(Date.now()).slice(-6)}`);
    for (const sku of skus) await sell(shop, sku, 895);
    const requests = async () => {
      const customerId = `customer_${randomId(Date.now())}`;
      const guest: Caller = { role: 'customer', id: customerId, customerId, guest: true };
      let count = 0;
      const send = async (target: string, caller: Caller, body?: object) => {
        count++;
        return (await call(target, { caller, key: randomId(Date.now()).slice(0, -2), ...(body && { body }) })).body;
      };
      const cart = (await send('post /v1/carts', guest, { currency: 'GBP' })).id;
      for (const sku of skus) await send(`post /v1/carts/${cart}/lines`, guest, { sku, quantity: 1 });
      await send(`put /v1/carts/${cart}/shipping-address`, guest, ADDRESS);
      await send(`put /v1/carts/${cart}/shipping-method`, guest, { method: 'standard' });
      const payment = { paymentMethod: 'pm_card_visa', email: 'ada@example.com' };
      const order = (await send(`post /v1/carts/${cart}/checkout`, guest, payment)).id;
      await settled();
      const shipment = (await send(`post /v1/orders/${order}/shipments`, SUPPORT, {})).id;
      await send(`post /v1/shipments/${shipment}/dispatch`, SUPPORT);
      await settled();
      return count;
    };
    await requests(); // leases order numbers
    const before = log.arrivals.length;
    const commandRequests = await requests();
    const commits = log.arrivals.slice(before);

    expect({ commandRequests, commits: commits.length }).to.deep.equal({
      commandRequests: ORDER.commandRequests,
      commits: ORDER.commits,
    });
    expectAbout(
      sum(commits, (stored) => JSON.stringify(toItem(stored)).length),
      ORDER.itemBytes,
      'itemBytes',
    );
    expectAbout(
      sum(commits, (stored) => JSON.stringify(changeOf(stored)).length),
      ORDER.recordBytes,
      'recordBytes',
    );
    const documents = Object.entries(STORES).map(([store, models]) => [
      store,
      sum(commits, (stored) => sum(models, (model) => touchedBy(model, stored))),
    ]);
    expect(Object.fromEntries(documents)).to.deep.equal(ORDER.documents);
  });

  it('grows in proportion, reaches the limits in the order of their names in the report, and costs less per order', () => {
    const [small, middle, large] = [1_000, 100_000, 10_000_000].map(capacityOf);
    for (const capacity of [small, middle, large]) {
      const reached = capacity?.limits.map(({ reachedAt }) => reachedAt) ?? [];
      expect(reached).to.deep.equal(reached.toSorted((a, b) => a - b));
    }
    expect(small?.costPerOrder).to.be.greaterThan(middle?.costPerOrder ?? 0);
    expect(middle?.costPerOrder).to.be.greaterThan(large?.costPerOrder ?? 0);
    expect(large?.limits.filter(({ used, allowed }) => used > allowed).length).to.be.greaterThan(0);
    expect(small?.limits.filter(({ used, allowed }) => used > allowed)).to.deep.equal([]);
  });

  it('is simulated with the same result for the same seed, and as theory says for one server', () => {
    const sale = {
      usualRate: 50,
      times: 1,
      seconds: 100,
      functions: 1,
      commandMs: 10,
      lanes: 1,
      commits: 1,
      batchMs: 0,
      commitMs: 0,
      pollMs: 1,
      batchCommits: 100,
      seed: 7,
    };
    const { response } = simulate(sale);
    expect(simulate(sale).response).to.deep.equal(response);
    expect(simulate({ ...sale, seed: 8 }).response).not.to.deep.equal(response);
    // Pollaczek and Khinchine: with half of the time used, a mean wait of 6.25 ms beside the 10 ms of service.
    expect(response.p50).to.be.within(9, 17);
    expect(simulate({ ...sale, usualRate: 20, times: 10 }).response.p99).to.be.greaterThan(10_000);
  });
});

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((all, item) => all + of(item), 0);

function expectAbout(measured: number, stated: number, what: string): void {
  expect(measured / stated, `${what} is ${measured}`).to.be.within(1 - TOLERANCE, 1 + TOLERANCE);
}

/** The steps behind the answers are done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
}

/** As DynamoDB's Kinesis destination writes it. */
function changeOf(stored: StoredCommit): object {
  const NewImage = toItem(stored);
  return {
    awsRegion: 'us-east-1',
    eventID: '00000000-0000-0000-0000-000000000000',
    eventName: 'INSERT',
    userIdentity: null,
    recordFormat: 'application/json',
    tableName: 'shop_events',
    dynamodb: {
      ApproximateCreationDateTime: 1_700_000_000_000_000,
      ApproximateCreationDateTimePrecision: 'MICROSECOND',
      Keys: { pk: NewImage.pk, sk: NewImage.sk },
      NewImage,
      SizeBytes: 1_000,
    },
    eventSource: 'aws:dynamodb',
  };
}

/** Documents of the projection that a commit touches. */
function touchedBy({ on, categories }: Projection<never, never>, stored: StoredCommit): number {
  const commit = codec.decode(stored);
  if (!categories.some((category) => commit.stream.startsWith(`${category}#`))) return 0;
  const handlers = on as unknown as Record<string, Handler<never, DomainEvent> | undefined>;
  return new Set(commit.events.flatMap((event) => [...(handlers[event.type]?.keys(event) ?? [])])).size;
}
