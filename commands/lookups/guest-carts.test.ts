import { expect } from 'chai';
import { cartIdSchema } from '../../domain/cart/events.js';
import { siblingId } from '../../domain/kernel/id.js';
import { randomId } from '../../infra/ids.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADDRESS, createShop, GUEST, sell } from '../../test/shop.js';
import { createGuestCarts } from './guest-carts.js';

/** At most. */
const CARTS = 100;

describe('A guest’s carts', () => {
  const open = (log = createShop().log) => {
    const shop = createShop({ log });
    const guestCarts = createGuestCarts({ runner: shop.runner });
    const make = async (key?: string) => {
      const call = { caller: GUEST, body: { currency: 'GBP' }, ...(key !== undefined && { key }) };
      return (await shop.call('post /v1/carts', call)).body.id as string;
    };
    const ids = async () => (await guestCarts.of(GUEST.id)).map(({ cartId }) => cartId);
    return { shop, make, ids };
  };

  it('are all found, one after the other, by who the guest is', async () => {
    const { shop, make, ids } = open();
    expect(await ids()).to.deep.equal([]);
    const made = [await make(), await make()];
    expect(made).to.deep.equal(['cart_guest', 'cart_guest.2']);
    expect(await open(shop.log).ids()).to.deep.equal(made);
  });

  it('are each made once, in whatever process the request is repeated, and however many were made since', async () => {
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

  it('become orders of their own, whichever is submitted again', async () => {
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

  it('are so many at most', async () => {
    const { make, ids } = open();
    for (let made = 0; made < CARTS; made++) await make();
    await problemOf(make(), 'rule_violated');
    expect(await ids()).to.have.lengthOf(CARTS);
    const longest = siblingId('cart', `customer_${randomId(Date.now())}`);
    expect(cartIdSchema.safeParse(`${longest}.${CARTS}-m`).success, 'the id of what one is merged into').to.equal(true);
  });
});
