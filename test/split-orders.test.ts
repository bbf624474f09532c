// Orders with units at several locations: shipments, cancellations and returns move the stock of the location where they happen.
import { expect } from 'chai';
import fc from 'fast-check';
import { isProblem } from '../domain/kernel/errors.js';
import { streamOf } from '../domain/kernel/id.js';
import { order as orders } from '../domain/order/order.js';
import { unitsAt } from '../domain/order/parcels.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import { problemOf } from './call-endpoint.js';
import { runsOf } from './every-case.js';
import { ADA, createShop, fill, KEEPER, type Shop, SUPPORT, sell } from './shop.js';
import { the } from './the.js';

const LOCATIONS = ['hull', 'leeds', 'york'];
const SKUS = ['CUP', 'MUG'];
const VISA = { paymentMethod: 'pm_card_visa' };

type Place = { sku: string; location: string };

async function stockAt(shop: Shop, place: Place): Promise<{ onHand: number; reserved: number; committed: number }> {
  return (await shop.runner.load(stockItem, stockStream(place))).state;
}

async function buy(shop: Shop, lines: Readonly<Record<string, number>>): Promise<string> {
  const cartId = await fill(shop, lines);
  return (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body: VISA })).body.id;
}

function receive(shop: Shop, { sku, location }: Place, quantity: number): Promise<unknown> {
  return shop.call(`post /v1/stock/${sku}/receipts`, { caller: KEEPER, body: { location, quantity } });
}

describe('An order with units at two locations', () => {
  let shop: Shop;
  let orderId: string;
  const ask = (target: string, body?: object, caller = SUPPORT) => shop.call(`post /v1/${target}`, { caller, body });
  const plan = (body: object) => ask(`orders/${orderId}/shipments`, body);
  const mugs = (quantity: number) => [{ lineId: '1', quantity }];
  const onHand = async (location: string) => (await stockAt(shop, { sku: 'MUG', location })).onHand;

  /** Three of four mugs at york, one at leeds. */
  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 0);
    await receive(shop, { sku: 'MUG', location: 'york' }, 3);
    await receive(shop, { sku: 'MUG', location: 'leeds' }, 2);
    orderId = await buy(shop, { MUG: 4 });
  });

  it('is shipped from the location that the shipment names', async () => {
    const { body } = await plan({ location: 'leeds' });
    expect(body).to.deep.include({ location: 'leeds', lines: mugs(1) });
    await ask(`shipments/${body.id}/dispatch`);
    expect([await onHand('york'), await onHand('leeds')]).to.deep.equal([3, 1]);
    const rest = await plan({});
    expect(rest.body).to.deep.include({ location: 'york', lines: mugs(3) });
    await ask(`shipments/${rest.body.id}/dispatch`);
    expect([await onHand('york'), await onHand('leeds')]).to.deep.equal([0, 1]);
  });

  it('requires the location of a shipment, and rejects units that are not there', async () => {
    const unclear = await problemOf(plan({}), 'rule_violated');
    expect(unclear.facts).to.deep.equal({ locations: ['leeds', 'york'] });
    expect(unclear.message).to.include('name the location');
    await problemOf(plan({ location: 'leeds', lines: mugs(2) }), 'rule_violated');
    await problemOf(plan({ location: 'hull' }), 'rule_violated');
  });

  it('restocks returns at the location where they arrive, also at one that never had any', async () => {
    for (const location of ['york', 'leeds']) {
      await ask(`shipments/${(await plan({ location })).body.id}/dispatch`);
    }
    const lines = [{ lineId: '1', quantity: 2, reason: 'broken' }];
    const { body } = await ask(`orders/${orderId}/returns`, { lines }, ADA);
    await ask(`returns/${body.id}/approve`);
    const unclear = await problemOf(ask(`returns/${body.id}/receive`), 'rule_violated');
    expect(unclear.facts).to.deep.equal({ locations: ['leeds', 'york'] });
    const received = await ask(`returns/${body.id}/receive`, { location: 'hull' });
    expect(received.body).to.include({ status: 'received', location: 'hull' });
    expect(await onHand('hull')).to.equal(2);
    expect((await ask(`returns/${body.id}/receive`, { location: 'hull' })).body.location).to.equal('hull');
    await problemOf(ask(`returns/${body.id}/receive`, { location: 'york' }), 'conflict');
    expect(await onHand('hull')).to.equal(2);
  });
});

describe('The stock of each place', () => {
  const location = fc.constantFrom(...LOCATIONS);
  const units = fc.integer({ min: 1, max: 3 });
  const which = fc.nat(9);
  const step = fc.oneof(
    fc.record({ what: fc.constant('buy' as const), cups: units, mugs: units }),
    fc.record({ what: fc.constant('receive' as const), sku: fc.constantFrom(...SKUS), location, units }),
    fc.record({
      what: fc.constant('plan' as const),
      which,
      location,
      line: fc.constantFrom('1', '2'),
      units: fc.nat(3),
    }),
    fc.record({ what: fc.constant('dispatch' as const), which }),
    fc.record({ what: fc.constant('cancel' as const), which, line: fc.constantFrom('1', '2'), units }),
    fc.record({
      what: fc.constant('return' as const),
      which,
      location,
      line: fc.constantFrom('1', '2'),
      units,
      writeOff: fc.boolean(),
    }),
  );
  type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

  it('equals its receipts and returns less its shipments, after any mixture of operations', async () => {
    const start = fc.tuple(...LOCATIONS.map(() => fc.record({ cups: fc.nat(4), mugs: fc.nat(4) })));
    await fc.assert(fc.asyncProperty(start, fc.array(step, { maxLength: 25, size: 'max' }), play), {
      numRuns: runsOf(60),
    });
  }).timeout(120_000);

  async function play(start: readonly { cups: number; mugs: number }[], steps: readonly Step[]): Promise<void> {
    const shop = createShop();
    const facts = new Map<string, number>();
    const moved = ({ sku, location }: Place, quantity: number) => {
      const stream = stockStream({ sku, location });
      facts.set(stream, (facts.get(stream) ?? 0) + quantity);
    };
    const bought: string[] = [];
    const shipments: string[] = [];
    /** A rejected request has no effect. */
    const ask = async (target: string, body?: object) => {
      try {
        return (await shop.call(`post /v1/${target}`, { caller: SUPPORT, body })).body;
      } catch (error) {
        if (isProblem(error)) return undefined;
        throw error;
      }
    };
    const skuOf = async (orderId: string, lineId: string) =>
      the((await shop.runner.load(orders, streamOf(orderId))).state?.lines.find(({ id }) => id === lineId)).sku;
    const stock = async (place: Place, quantity: number) => {
      if (quantity === 0) return;
      await receive(shop, place, quantity);
      moved(place, quantity);
    };
    async function take(one: Step): Promise<void> {
      switch (one.what) {
        case 'buy': {
          const orderId = await buy(shop, { CUP: one.cups, MUG: one.mugs }).catch(() => undefined);
          if (orderId) bought.push(orderId);
          return;
        }
        case 'receive':
          return stock(one, one.units);
      }
      const orderId = bought[one.which % bought.length];
      if (one.what === 'dispatch') {
        const sent = shipments[one.which % shipments.length];
        const answer = sent && (await ask(`shipments/${sent}/dispatch`));
        if (!answer) return;
        shipments.splice(shipments.indexOf(sent), 1);
        for (const { lineId, quantity } of answer.lines) {
          moved({ sku: await skuOf(answer.orderId, lineId), location: answer.location }, -quantity);
        }
        return;
      }
      if (!orderId) return;
      const lines = [{ lineId: one.line, quantity: one.units }];
      if (one.what === 'plan') {
        const planned = await ask(`orders/${orderId}/shipments`, {
          location: one.location,
          ...(one.units > 0 && { lines }),
        });
        if (planned) shipments.push(planned.id);
      }
      if (one.what === 'cancel') await ask(`orders/${orderId}/cancel`, { lines });
      if (one.what !== 'return') return;
      const asked = await ask(`orders/${orderId}/returns`, { lines: [{ ...lines[0], reason: 'broken' }] });
      if (!asked) return;
      await ask(`returns/${asked.id}/approve`);
      const { writeOff, location } = one;
      const received = await ask(`returns/${asked.id}/receive`, { location, lines: [{ ...lines[0], writeOff }] });
      expect(received, 'what arrives is received').to.include({ status: 'received' });
      if (!writeOff) moved({ sku: await skuOf(orderId, one.line), location }, one.units);
    }

    for (const sku of SKUS) await sell(shop, sku, 500, 0);
    for (const [n, { cups, mugs }] of start.entries()) {
      await stock({ sku: 'CUP', location: the(LOCATIONS[n]) }, cups);
      await stock({ sku: 'MUG', location: the(LOCATIONS[n]) }, mugs);
    }
    for (const one of steps) await take(one);

    const states = await Promise.all(
      bought.map(async (id) => the((await shop.runner.load(orders, streamOf(id))).state)),
    );
    for (const sku of SKUS) {
      for (const location of LOCATIONS) {
        const place = { sku, location };
        const open = states.reduce((all, { parcels }) => all + unitsAt(parcels, place), 0);
        const expected = { onHand: facts.get(stockStream(place)) ?? 0, reserved: 0, committed: open };
        expect(await stockAt(shop, place), stockStream(place)).to.include(expected);
      }
    }
  }
});

describe('A sent unit', () => {
  it('is in at most one open return, for any number of concurrent requests, until that is declined', async () => {
    const shop = createShop();
    await sell(shop, 'MUG', 500);
    const orderId = await buy(shop, { MUG: 2 });
    const ask = (target: string, body?: object) => shop.call(`post /v1/${target}`, { caller: SUPPORT, body });
    const lines = [{ lineId: '1', quantity: 1, reason: 'broken' }];
    const request = () => ask(`orders/${orderId}/returns`, { lines });
    const planned = await ask(`orders/${orderId}/shipments`, { lines: [{ lineId: '1', quantity: 1 }] });
    await ask(`shipments/${planned.body.id}/dispatch`);
    const asked = await Promise.allSettled(Array.from({ length: 20 }, request));
    const opened = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value.body.id as string] : []));
    expect(opened).to.have.length(1);
    for (const one of asked) if (one.status === 'rejected') expect(one.reason.code).to.equal('rule_violated');
    await ask(`returns/${opened[0]}/decline`, { reason: 'worn' });
    const again = (await request()).body.id;
    await ask(`returns/${again}/approve`);
    await problemOf(request(), 'rule_violated');
    await ask(`returns/${again}/receive`);
    await problemOf(request(), 'rule_violated');
    const { state } = await shop.runner.load(orders, streamOf(orderId));
    expect(state).to.deep.include({ openReturns: [], unsettled: [] });
  });
});
