import { expect } from 'chai';
import { cartIdSchema } from '../../domain/cart/events.js';
import { eventTypes } from '../../domain/events.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { siblingId } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { randomId } from '../../infra/ids.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADDRESS, createShop, GUEST, type Shop, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { type CartsInUse, createCustomerCarts } from './customer-carts.js';

/** The maximum. */
const CARTS = 100;

describe('A guest’s carts', () => {
  const open = (log = createMemoryLog(), store?: EventStore) => {
    const shop = createShop({ log, ...defined({ store }) });
    const carts = createCustomerCarts({ runner: shop.runner, currentCarts: { inUse: async () => new Map() } });
    const make = async (key?: string) => {
      const call = { caller: GUEST, body: { currency: 'GBP' }, ...defined({ key }) };
      return (await shop.call('post /v1/carts', call)).body.id as string;
    };
    const ids = async () => (await carts.ofGuest(GUEST.id)).map(({ cartId }) => cartId);
    return { shop, make, ids };
  };

  it('are all found, in order, by the guest’s id', async () => {
    const { shop, make, ids } = open();
    expect(await ids()).to.deep.equal([]);
    const made = [await make(), await make()];
    expect(made).to.deep.equal(['cart_guest', 'cart_guest.2']);
    expect(await open(shop.log).ids()).to.deep.equal(made);
  });

  it('are each created once, in whatever process the request is repeated, and however many were created since', async () => {
    const { shop, make } = open();
    const other = open(shop.log);
    const [one, same] = await Promise.all([make('k'), other.make('k')]);
    expect(one).to.equal(same);
    const [second, third] = await Promise.all([make('l'), other.make('m')]);
    expect(new Set([one, second, third])).to.have.lengthOf(3);
    for (const { make } of [other, open(shop.log)]) {
      expect([await make('k'), await make('l'), await make('m')]).to.deep.equal([one, second, third]);
    }
    expect(await other.ids()).to.have.lengthOf(3);
  });

  it('become separate orders, even if one is submitted again', async () => {
    const { shop, make } = open();
    await sell(shop, 'MUG', 500);
    for (let carts = 0; carts < 2; carts++) {
      const id = await make();
      await shop.call(`post /v1/carts/${id}/lines`, { caller: GUEST, body: { sku: 'MUG', quantity: 1 } });
      await shop.call(`put /v1/carts/${id}/shipping-address`, { caller: GUEST, body: ADDRESS });
      await shop.call(`put /v1/carts/${id}/shipping-method`, { caller: GUEST, body: { method: 'standard' } });
      for (let attempts = 0; attempts < 2; attempts++) {
        const body = { paymentMethod: 'pm_card_visa_chargeDeclined', email: 'guest@example.com' };
        await problemOf(shop.call(`post /v1/carts/${id}/checkout`, { caller: GUEST, body }), 'payment_declined');
      }
    }
    const orders = [...shop.log.streams.keys()].filter((stream) => stream.startsWith('order#'));
    expect(orders).to.deep.equal(['order#guest', 'order#guest-2', 'order#guest.2', 'order#guest.2-2']);
  });

  it('have a maximum number', async () => {
    const { make, ids } = open();
    for (let made = 0; made < CARTS; made++) await make();
    await problemOf(make(), 'rule_violated');
    expect(await ids()).to.have.lengthOf(CARTS);
    const longest = siblingId('cart', `customer_${randomId(Date.now())}`);
    expect(cartIdSchema.safeParse(`${longest}.${CARTS}-m`).success, 'the id of what one is merged into').to.equal(true);
  });

  it('cost as many reads and appends for the last as for the second, to create and to reject', async () => {
    const { store, costOf } = counting();
    const { make } = open(undefined, store);
    await make();
    const costs = [];
    for (let made = 1; made < CARTS; made++) costs.push(await costOf(make));
    // The first cart exists already. The second is listed and created.
    expect(new Set(costs.map((cost) => JSON.stringify(cost)).slice(1))).to.deep.equal(
      new Set([JSON.stringify({ reads: 1, appends: 2 })]),
    );
    expect(await costOf(() => problemOf(make(), 'rule_violated'))).to.deep.equal({ reads: 2, appends: 0 });
    const elsewhere = open(undefined, store);
    expect(await costOf(() => problemOf(elsewhere.make(), 'rule_violated'))).to.deep.equal({ reads: 3, appends: 1 });
    const many = () => Promise.all(Array.from({ length: 40 }, () => problemOf(make(), 'rule_violated')));
    expect((await costOf(many)).reads, 'of 40 at once').to.be.at.most(80);
  });

  it('keep the maximum under concurrent requests', async () => {
    const { shop, ids } = open();
    const processes = [open(shop.log), open(shop.log), open(shop.log)];
    const made = await Promise.allSettled(Array.from({ length: 150 }, (_, n) => the(processes[n % 3]).make()));
    expect(made.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(CARTS);
    expect(await ids()).to.have.lengthOf(CARTS);
  });
});

describe('The carts of a customer with an account, or with a token minted by staff', () => {
  const minted: Caller = {
    role: 'customer',
    id: `customer_${'x'.repeat(50)}`,
    customerId: `customer_${'x'.repeat(50)}`,
  };
  const make = (shop: Shop, key?: string) => {
    const call = { caller: minted, body: { currency: 'GBP' }, ...defined({ key }) };
    return shop.call('post /v1/carts', call).then(({ body }) => body.id as string);
  };

  it('keep the maximum under concurrent requests', async () => {
    const shop = createShop();
    const processes = [shop, createShop({ log: shop.log }), createShop({ log: shop.log })];
    const made = await Promise.allSettled(Array.from({ length: 140 }, (_, n) => make(the(processes[n % 3]))));
    expect(made.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(CARTS);
    for (const process of processes) {
      const { message } = await problemOf(make(process), 'rule_violated');
      expect(message).to.equal('A customer has at most 100 open carts; use one of them, or check one out.');
    }
  });

  it('make room for another when one is bought', async () => {
    const shop = createShop();
    await sell(shop, 'MUG', 500);
    let last = '';
    for (let carts = 0; carts < CARTS; carts++) last = await make(shop);
    await problemOf(make(shop), 'rule_violated');
    await shop.call(`post /v1/carts/${last}/lines`, { caller: minted, body: { sku: 'MUG', quantity: 1 } });
    await shop.call(`put /v1/carts/${last}/shipping-address`, { caller: minted, body: ADDRESS });
    await shop.call(`put /v1/carts/${last}/shipping-method`, { caller: minted, body: { method: 'standard' } });
    await shop.submit(last);
    const more = await make(shop, 'k');
    await problemOf(make(shop), 'rule_violated');
    expect(await make(shop, 'k')).to.equal(more);
  });

  it('are limited in a merge too', async () => {
    const shop = createShop();
    await sell(shop, 'MUG', 500);
    for (let carts = 0; carts < CARTS; carts++) await make(shop);
    const guests = (await shop.call('post /v1/carts', { caller: GUEST, body: { currency: 'GBP' } })).body.id;
    await shop.call(`post /v1/carts/${guests}/lines`, { caller: GUEST, body: { sku: 'MUG', quantity: 1 } });
    const blind = createShop({ log: shop.log, currentCartOf: async () => undefined });
    const body = { guestToken: GUEST.id };
    await problemOf(blind.call('post /v1/carts/current/merge', { caller: minted, body }), 'rule_violated');
    expect((await shop.call(`get /v1/carts/${guests}`, { caller: GUEST })).body.status).to.equal('open');
  });

  it('cost the same few reads to reject as to create, and a read model is asked only if the list is full', async () => {
    const { store, costOf } = counting();
    const asked: number[] = [];
    const inUse: CartsInUse['inUse'] = async (ids, { seen }) => {
      asked.push(ids.length);
      expect([...seen]).to.deep.equal([['cart#bought', 7]]);
      return new Map(ids.map((id) => [id, true]));
    };
    const shop = createShop({ store, inUse });
    await make(shop);
    for (let made = 1; made < CARTS; made++) {
      expect(await costOf(() => make(shop))).to.deep.equal({ reads: 0, appends: 2 });
    }
    expect(asked).to.deep.equal([]);
    const refused = () =>
      problemOf(
        shop.call('post /v1/carts', { caller: minted, body: { currency: 'GBP' }, seen: new Map([['cart#bought', 7]]) }),
        'rule_violated',
      );
    expect(await costOf(refused)).to.deep.equal({ reads: 3, appends: 0 });
    expect(asked).to.deep.equal([CARTS]);
  });

  it('can be created while the read model is down, unless the list is full', async () => {
    const inUse = () => Promise.reject(new Unavailable('Postgres', 'is away'));
    const shop = createShop({ inUse });
    for (let made = 0; made < CARTS; made++) await make(shop);
    await problemOf(make(shop), 'unavailable');
  });
});

/** A store that counts reads and appends. */
function counting() {
  const memory = createMemoryEventStore({
    codec: createCommitCodec(eventTypes),
    log: createMemoryLog(),
    watermarkLagMs: 0,
  });
  const cost = { reads: 0, appends: 0 };
  const store: EventStore = {
    ...memory,
    read(...asked) {
      cost.reads += 1;
      return memory.read(...asked);
    },
    append(...commit) {
      cost.appends += 1;
      return memory.append(...commit);
    },
  };
  const costOf = async (act: () => Promise<unknown>) => {
    const before = { ...cost };
    await act();
    return { reads: cost.reads - before.reads, appends: cost.appends - before.appends };
  };
  return { store, costOf };
}
