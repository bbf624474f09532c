// A sale in the sample shop, and a command that is refused, for tests that start the program on several sets of engines.
import { expect } from 'chai';
import { type Caller, commerce, type Environment, eventually, type RunningShop, startShop } from './running-shop.js';

interface Sold {
  orders: number;
  onHand: number;
}

/** Starts the shop, sells two mugs, expects these numbers of orders and mugs afterwards, and stops it. */
export async function sellTwoMugs(environment: Environment, expected: Sold): Promise<void> {
  const shop = await startShop(environment);
  await sellTwoMugsIn(shop, expected);
  await shop.stop();
}

/** The same in a running shop. */
export async function sellTwoMugsIn(shop: RunningShop, expected: Sold): Promise<void> {
  const guest = await shop.guest();
  const { body: cart } = await guest.post('/v1/carts', { currency: 'GBP' });
  await guest.post(`/v1/carts/${cart.id}/lines`, { sku: 'MUG-BLUE', quantity: 2 });
  const address = { name: 'Ada Lovelace', line1: '12 St James Square', city: 'London', postcode: 'SW1Y 4JH' };
  await guest.put(`/v1/carts/${cart.id}/shipping-address`, { ...address, country: 'GB' });
  await guest.put(`/v1/carts/${cart.id}/shipping-method`, { method: 'standard' });
  const { total } = (await guest.get(`/v1/carts/${cart.id}`)).body;
  const checkout = { paymentMethod: 'pm_card_visa', email: 'ada@example.com', total };
  const ordered = await guest.post(`/v1/carts/${cart.id}/checkout`, checkout, { 'Idempotency-Key': cart.id });
  expect(ordered.status, JSON.stringify(ordered.body)).to.be.within(200, 201);
  await expectSold(await shop.staff('support'), expected);
}

/** Checks that all orders can be opened, and that the stock shows the sales of this shop only. */
async function expectSold(support: Caller, { orders, onHand }: Sold): Promise<void> {
  await eventually('the read models show what was sold', async () => {
    const listed = await support.get('/v1/orders');
    expect(listed.status).to.equal(200);
    expect(listed.body.data).to.have.length(orders);
    for (const order of listed.body.data) {
      const { status, body } = await support.get(`/v1/orders/${order.id}`);
      expect({ status, name: body.shippingAddress?.name }).to.deep.equal({ status: 200, name: 'Ada Lovelace' });
    }
    const { body } = await support.get('/v1/stock/MUG-BLUE');
    expect(JSON.stringify(body)).to.include(`"available":${onHand}`);
  });
}

/** The command fails, and says why in one line. */
export async function refused(args: readonly string[], environment: Environment, why: RegExp): Promise<void> {
  const { code, stderr } = await commerce(args, environment);
  expect({ code, lines: stderr.trim().split('\n').length }, stderr).to.deep.equal({ code: 1, lines: 1 });
  expect(stderr).to.match(why).and.not.include('please report it');
}
