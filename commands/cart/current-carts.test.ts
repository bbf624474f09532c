import { expect } from 'chai';
import { cart } from '../../domain/cart/cart.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, BOB, createShop, GUEST, type Shop, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';
import type { CommandRunner } from '../runtime/command-runner.js';

describe('The current cart of a customer', () => {
  let shop: Shop;
  const merge = (key?: string, caller = ADA) =>
    shop.call('post /v1/carts/current/merge', {
      caller,
      body: { guestToken: GUEST.id },
      ...defined({ key }),
    });
  /** The process that runs Ada's merge crashes before a command of this type. */
  async function dyingBefore(type: string): Promise<void> {
    const died = new Error('died');
    const dying = createShop({
      log: shop.log,
      through: (runner) => beforeFirst(runner, type, () => Promise.reject(died)),
    });
    const call = { caller: ADA, body: { guestToken: GUEST.id } };
    const error = await dying.call('post /v1/carts/current/merge', call).catch((caught: unknown) => caught);
    expect(error).to.equal(died);
  }

  async function ready(cartId: string, caller: Caller): Promise<void> {
    await shop.call(`put /v1/carts/${cartId}/shipping-address`, { caller, body: ADDRESS });
    await shop.call(`put /v1/carts/${cartId}/shipping-method`, { caller, body: { method: 'standard' } });
  }

  const current = (caller = ADA) => shop.call('get /v1/carts/current', { caller });

  async function fillFor(caller = ADA, lines: Record<string, number> = {}, currency = 'GBP'): Promise<string> {
    const { body } = await shop.call('post /v1/carts', { caller, body: { currency } });
    for (const [sku, quantity] of Object.entries(lines)) {
      await shop.call(`post /v1/carts/${body.id}/lines`, { caller, body: { sku, quantity } });
    }
    return body.id;
  }

  const priceInEuro = (sku: string) =>
    shop.call(`put /v1/products/product_${sku}/variants/${sku}/prices`, {
      caller: { role: 'catalogue', id: 'keeper' },
      body: { prices: [{ amount: 600, currency: 'EUR' }] },
    });

  const unitsIn = (body: { lines: { sku: string; quantity: number }[] }) =>
    Object.fromEntries(body.lines.map(({ sku, quantity }) => [sku, quantity]));

  beforeEach(async () => {
    shop = createShop();
    for (const sku of ['MUG', 'CUP', 'JUG']) await sell(shop, sku, 500);
  });

  it('gets the lines of the guest’s cart, which is closed', async () => {
    const own = await fillFor(ADA, { MUG: 2, CUP: 1 });
    const guests = await fillFor(GUEST, { CUP: 3, JUG: 1 });
    const { body } = await merge();
    expect(body.id).to.equal(own);
    expect(unitsIn(body)).to.deep.equal({ MUG: 2, CUP: 4, JUG: 1 });
    const closed = await shop.call(`get /v1/carts/${guests}`, { caller: GUEST });
    expect(closed.body).to.include({ status: 'merged', mergedInto: own });
    await problemOf(
      shop.call(`post /v1/carts/${guests}/lines`, { caller: GUEST, body: { sku: 'MUG', quantity: 1 } }),
      'conflict',
    );
  });

  it('gets the guest’s coupons too', async () => {
    const keeper = { role: 'catalogue', id: 'keeper' } as const;
    for (const code of ['OWN', 'GUESTS']) {
      const body = { kind: 'amount', amount: 100, currency: 'GBP' };
      await shop.call(`put /v1/coupons/${code}`, { caller: keeper, body });
    }
    const own = await fillFor(ADA, { MUG: 2 });
    const guests = await fillFor(GUEST, { CUP: 1 });
    await shop.call(`post /v1/carts/${own}/coupons/OWN`, { caller: ADA });
    await shop.call(`post /v1/carts/${guests}/coupons/GUESTS`, { caller: GUEST });
    const { body } = await merge();
    const amount = { amount: 100, currency: 'GBP' };
    expect(body.coupons).to.deep.equal([
      { code: 'OWN', amount },
      { code: 'GUESTS', amount },
    ]);
  });

  it('is created by the merge if there is none', async () => {
    await fillFor(GUEST, { MUG: 2 });
    const [one, other] = await Promise.all([merge(), merge()]);
    expect(one.body.id).to.equal(other.body.id);
    expect(unitsIn((await current()).body)).to.deep.equal({ MUG: 2 });
  });

  it('gets the guest’s lines once, even if they are merged repeatedly (vendure#4481)', async () => {
    await fillFor(ADA, { MUG: 1 });
    await fillFor(GUEST, { MUG: 2, CUP: 1 });
    await Promise.all([merge('k'), merge('k'), merge()]);
    await merge();
    expect(unitsIn((await current()).body)).to.deep.equal({ MUG: 3, CUP: 1 });
  });

  it('gets the lines of all of the guest’s carts', async () => {
    await fillFor(ADA);
    for (const lines of [{ MUG: 1 }, { MUG: 1, CUP: 2 }, {}]) await fillFor(GUEST, lines);
    expect(unitsIn((await merge('k')).body)).to.deep.equal({ MUG: 2, CUP: 2 });
    await fillFor(GUEST, { JUG: 3 });
    expect(unitsIn((await merge('k')).body)).to.deep.equal({ MUG: 2, CUP: 2, JUG: 3 });
  });

  it('gets lines that the guest has just added, even if no read model shows them yet', async () => {
    shop = createShop({ currentCartOf: async () => undefined });
    await sell(shop, 'MUG', 500);
    await sell(shop, 'CUP', 500);
    await fillFor(GUEST, { MUG: 1 });
    await fillFor(GUEST, { CUP: 1 });
    const { body } = await merge();
    expect(unitsIn(body)).to.deep.equal({ MUG: 1, CUP: 1 });
    expect((await merge()).body).to.deep.equal(body);
    await fillFor(GUEST, { MUG: 2 });
    const more = await merge();
    expect(more.body.id).to.equal(body.id);
    expect(unitsIn(more.body)).to.deep.equal({ MUG: 3, CUP: 1 });
  });

  it('gets the lines of another guest who logs in as this customer', async () => {
    const visitor = { ...GUEST, id: 'customer_visitor', customerId: 'customer_visitor' };
    shop = createShop({ callers: [ADA, GUEST, visitor] });
    await sell(shop, 'MUG', 500);
    await fillFor(GUEST, { MUG: 1 });
    await merge('k', visitor);
    const body = { guestToken: visitor.id };
    const merged = await shop.call('post /v1/carts/current/merge', { caller: ADA, body });
    expect(unitsIn(merged.body)).to.deep.equal({ MUG: 1 });
  });

  it('gets no lines that another customer has taken over', async () => {
    await fillFor(GUEST, { MUG: 1 });
    await merge('k', BOB);
    await problemOf(merge(), 'not_found');
    const own = await fillFor(ADA, { CUP: 1 });
    const { body } = await merge();
    expect(body.id).to.equal(own);
    expect(unitsIn(body)).to.deep.equal({ CUP: 1 });
  });

  it('gets no lines that another customer takes over at that moment', async () => {
    const own = await fillFor(ADA, { CUP: 1 });
    await fillFor(GUEST, { MUG: 1 });
    const late = createShop({
      log: shop.log,
      through: (runner) => beforeFirst(runner, 'HandOverCart', () => merge('k', BOB)),
    });
    const { body } = await late.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: GUEST.id } });
    expect(body.id).to.equal(own);
    expect(unitsIn(body)).to.deep.equal({ CUP: 1 });
  });

  it('gets no lines that the guest buys at that moment', async () => {
    const own = await fillFor(ADA, { CUP: 1 });
    const guests = await fillFor(GUEST, { MUG: 1 });
    await ready(guests, GUEST);
    const late = createShop({
      log: shop.log,
      through: (runner) => beforeFirst(runner, 'HandOverCart', () => shop.submit(guests)),
    });
    const { body } = await late.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: GUEST.id } });
    expect(body.id).to.equal(own);
    expect(unitsIn(body)).to.deep.equal({ CUP: 1 });
  });

  it('gets lines that were taken over before, if the process crashed before they came in', async () => {
    for (const own of [undefined, await fillFor(ADA, { CUP: 1 })]) {
      const guests = await fillFor(GUEST, { MUG: 1 });
      await dyingBefore('MergeCart');
      expect((await shop.call(`get /v1/carts/${guests}`, { caller: GUEST })).body.status).to.equal('merged');
      await problemOf(merge('k', BOB), 'not_found');
      const { body } = await merge();
      if (own) expect(body.id).to.equal(own);
      expect(unitsIn(body)).to.include({ MUG: own ? 2 : 1 });
      expect((await merge()).body).to.deep.equal(body);
    }
  });

  it('is a new one if the target cart is bought before the lines came in', async () => {
    const own = await fillFor(ADA, { CUP: 1 });
    await fillFor(GUEST, { MUG: 1 });
    await dyingBefore('MergeCart');
    await ready(own, ADA);
    await shop.submit(own);
    const [one, other] = await Promise.all([merge(), merge('k')]);
    expect(one.body.id).to.equal(other.body.id).and.not.to.equal(own);
    for (const { body } of [one, other, await current()]) expect(unitsIn(body)).to.deep.equal({ MUG: 1 });
  });

  it('gets the lines that the guest adds during the merge', async () => {
    const own = await fillFor(ADA, { MUG: 1 });
    const guests = await fillFor(GUEST, { CUP: 1 });
    const add = (sku: string) =>
      shop.call(`post /v1/carts/${guests}/lines`, { caller: GUEST, body: { sku, quantity: 1 } }).then(
        () => sku,
        () => undefined,
      );
    const [, ...added] = await Promise.all([merge(), add('JUG'), add('CUP')]);
    const { state } = await shop.runner.load(cart, streamOf(own));
    const expected: Record<string, number> = { MUG: 1, CUP: 1 };
    for (const sku of added) if (sku) expected[sku] = (expected[sku] ?? 0) + 1;
    expect(unitsIn(the(state) as never)).to.deep.equal(expected);
  });

  it('stays as it is if the guest’s cart is in another currency', async () => {
    const own = await fillFor(ADA, { MUG: 1 });
    await priceInEuro('CUP');
    const guests = await fillFor(GUEST, { CUP: 1 }, 'EUR');
    await problemOf(merge(), 'rule_violated');
    expect((await current()).body).to.deep.include({ id: own });
    expect((await shop.call(`get /v1/carts/${guests}`, { caller: GUEST })).body.status).to.equal('open');
  });

  it('gets the carts that fit, the last one first, and the customer is told about the others', async () => {
    const oldest = await fillFor(GUEST, { CUP: 2 });
    await priceInEuro('CUP');
    const euro = await fillFor(GUEST, { CUP: 1 }, 'EUR');
    await fillFor(GUEST, { MUG: 1 });
    await problemOf(merge(), 'rule_violated');
    expect(unitsIn((await current()).body)).to.deep.equal({ MUG: 1, CUP: 2 });
    expect((await shop.call(`get /v1/carts/${oldest}`, { caller: GUEST })).body.status).to.equal('merged');
    expect((await shop.call(`get /v1/carts/${euro}`, { caller: GUEST })).body.status).to.equal('open');
  });

  it('is shown if the guest has nothing', async () => {
    const own = await fillFor(ADA, { MUG: 1 });
    expect((await merge()).body.id).to.equal(own);
    await fillFor(GUEST);
    expect((await merge()).body.id).to.equal(own);
  });

  it('takes nothing from a customer with an account, or with an invalid token', async () => {
    await fillFor(BOB, { MUG: 1 });
    const { facts } = await problemOf(
      shop.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: BOB.id } }),
      'invalid_request',
    );
    expect(facts.errors).to.have.nested.property('[0].pointer', '/guestToken');
    await problemOf(
      shop.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: 'forged' } }),
      'invalid_request',
    );
  });
});

/** Runs `happens` once, before the first command of that type. */
function beforeFirst(runner: CommandRunner, type: string, happens: () => Promise<unknown>): CommandRunner {
  let isFirst = true;
  return {
    ...runner,
    async execute(decider, stream, command, meta) {
      if (isFirst && (command as { type: string }).type === type) {
        isFirst = false;
        await happens();
      }
      return runner.execute(decider, stream, command, meta);
    },
  };
}
