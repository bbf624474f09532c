import { expect } from 'chai';
import { cart } from '../../domain/cart/cart.js';
import { streamOf } from '../../domain/kernel/id.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, BOB, createShop, GUEST, type Shop, sell } from '../../test/shop.js';

describe('The cart that a customer fills now', () => {
  let shop: Shop;
  const merge = (key?: string) =>
    shop.call('post /v1/carts/current/merge', {
      caller: ADA,
      body: { guestToken: GUEST.id },
      ...(key !== undefined && { key }),
    });
  const current = (caller = ADA) => shop.call('get /v1/carts/current', { caller });

  async function fillFor(caller = ADA, lines: Record<string, number> = {}, currency = 'GBP'): Promise<string> {
    const { body } = await shop.call('post /v1/carts', { caller, body: { currency } });
    for (const [sku, quantity] of Object.entries(lines)) {
      await shop.call(`post /v1/carts/${body.id}/lines`, { caller, body: { sku, quantity } });
    }
    return body.id;
  }

  const unitsIn = (body: { lines: { sku: string; quantity: number }[] }) =>
    Object.fromEntries(body.lines.map(({ sku, quantity }) => [sku, quantity]));

  beforeEach(async () => {
    shop = createShop();
    for (const sku of ['MUG', 'CUP', 'JUG']) await sell(shop, sku, 500);
  });

  it('is the one that was opened last, and none once that is submitted', async () => {
    await problemOf(current(), 'not_found');
    await fillFor(ADA, { MUG: 1 });
    const second = await fillFor(ADA, { CUP: 2 });
    expect((await current()).body).to.deep.include({ id: second, status: 'open' });
    await problemOf(current(BOB), 'not_found');
  });

  it('gets what is in the guest’s, which is closed', async () => {
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

  it('is made by the merge where there is none', async () => {
    await fillFor(GUEST, { MUG: 2 });
    const [one, other] = await Promise.all([merge(), merge()]);
    expect(one.body.id).to.equal(other.body.id);
    expect(unitsIn((await current()).body)).to.deep.equal({ MUG: 2 });
  });

  it('gets the guest’s lines once, however often they are merged (vendure#4481)', async () => {
    await fillFor(ADA, { MUG: 1 });
    await fillFor(GUEST, { MUG: 2, CUP: 1 });
    await Promise.all([merge('k'), merge('k'), merge()]);
    await merge();
    expect(unitsIn((await current()).body)).to.deep.equal({ MUG: 3, CUP: 1 });
  });

  it('gets all lines of a guest with two carts, even if the second is found by a repeat of the request', async () => {
    await fillFor(ADA);
    await fillFor(GUEST, { MUG: 1 });
    await fillFor(GUEST, { CUP: 2 });
    await merge('again');
    await merge('again');
    expect(unitsIn((await current()).body)).to.deep.equal({ MUG: 1, CUP: 2 });
  });

  it('gets the lines that the guest still adds meanwhile', async () => {
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
    expect(unitsIn(state! as never)).to.deep.equal(expected);
  });

  it('stays as it is where the guest’s is in another currency', async () => {
    const own = await fillFor(ADA, { MUG: 1 });
    await shop.call('put /v1/products/product_CUP/variants/CUP/prices', {
      caller: { role: 'catalogue', id: 'keeper' },
      body: { prices: [{ amount: 600, currency: 'EUR' }] },
    });
    const guests = await fillFor(GUEST, { CUP: 1 }, 'EUR');
    await problemOf(merge(), 'rule_violated');
    expect((await current()).body).to.deep.include({ id: own });
    expect((await shop.call(`get /v1/carts/${guests}`, { caller: GUEST })).body.status).to.equal('open');
  });

  it('is shown where the guest has nothing', async () => {
    const own = await fillFor(ADA, { MUG: 1 });
    expect((await merge()).body.id).to.equal(own);
    await fillFor(GUEST);
    expect((await merge()).body.id).to.equal(own);
  });

  it('takes nothing from somebody who has an account, or whose token proves nothing', async () => {
    await fillFor(BOB, { MUG: 1 });
    const { extra } = await problemOf(
      shop.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: BOB.id } }),
      'invalid_request',
    );
    expect(extra.errors).to.have.nested.property('[0].pointer', '/guestToken');
    await problemOf(
      shop.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: 'forged' } }),
      'invalid_request',
    );
  });
});
