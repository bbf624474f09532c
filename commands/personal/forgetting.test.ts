import { expect } from 'chai';
import { customer } from '../../domain/customer/customer.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { streamOf } from '../../domain/kernel/id.js';
import { order } from '../../domain/order/order.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, BOB, createShop, GUEST, KEEPER, SUPPORT } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { createForgetting, type Holder } from './forgetting.js';
import { createOwnStreams, type OrdersOfCustomer } from './own-streams.js';

const CUSTOMER = 'customer_ada';
const ORIGIN = { correlationId: 'agenda', actor: { type: 'process', id: 'agenda' } } as const;

describe('Forgetting a customer', () => {
  let shop: ReturnType<typeof createShop>;
  let steps: string[];
  let broken: string | undefined;
  let asked: number;

  beforeEach(async () => {
    shop = createShop();
    steps = [];
    broken = undefined;
    asked = 0;
    await shop.call('post /v1/products', {
      caller: KEEPER,
      body: { id: 'product_mug', title: 'Mug', variants: [{ sku: 'MUG', prices: [{ amount: 799, currency: 'GBP' }] }] },
    });
    await shop.call('post /v1/products/product_mug/publish', { caller: KEEPER });
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { quantity: 100 } });
  });

  const holder = (name: string): Holder => ({
    name,
    async forget(customerId) {
      if (broken === name) throw new Error(`${name} is away`);
      steps.push(`${name} ${customerId}`);
    },
  });

  function open() {
    const { runner, processes, store } = shop;
    const orders: OrdersOfCustomer = {
      list: async ({ customerId, status }) => ({ data: await ordersOf(customerId, status) }),
    };
    return createForgetting({
      runner,
      ...processes,
      holders: [holder('keys'), holder('sessions')],
      orders,
      own: createOwnStreams({ store, states: runner, orders }),
      clock: Date.now,
      onUnfinished: (_customer, step, error) => steps.push(`${step}: ${(error as Error).message}`),
    });
  }

  /** As a read model would show them. */
  async function ordersOf(customerId: string, status?: string) {
    const ids = [...shop.log.streams.keys()].flatMap((stream) => /^order#(.*)$/.exec(stream)?.[1] ?? []);
    const states = await Promise.all(ids.map((id) => shop.runner.load(order, `order#${id}`)));
    const known = states.flatMap(({ state }) => state ?? []);
    return known
      .filter((one) => one.customerId === customerId && (status === undefined || one.status === status))
      .map(({ orderId }) => ({ id: orderId, shipments: [], returns: [] }));
  }

  const meta = (): CommandMeta => ({ id: `ask-${asked++}`, issuedAt: Date.now(), ...ORIGIN });

  async function placed(caller = ADA, paymentMethod = 'pm_card_visa'): Promise<string> {
    const { body: cart } = await shop.call('post /v1/carts', { caller, body: { currency: 'GBP' } });
    const path = `/v1/carts/${cart.id}`;
    await shop.call(`post ${path}/lines`, { caller, body: { sku: 'MUG', quantity: 2 } });
    await shop.call(`put ${path}/shipping-address`, { caller, body: ADDRESS });
    await shop.call(`put ${path}/shipping-method`, { caller, body: { method: 'standard' } });
    const body = { paymentMethod, email: 'ada@example.com' };
    return (await shop.call(`post ${path}/checkout`, { caller, body })).body.id;
  }

  const stateOf = async (id: string) => the((await shop.runner.load(order, streamOf(id))).state);
  const events = () => shop.log.arrivals.flatMap(({ pk, ev }) => JSON.parse(ev).map((e: object) => ({ pk, ...e })));
  const recorded = (type: string) => events().filter((event) => event.type === type).length;

  it('is recorded first, then everything that holds their data is told, the keys before all others', async () => {
    expect(await open().forget(CUSTOMER, meta())).to.deep.equal({ isNew: true, unfinished: [] });
    expect(steps).to.deep.equal([`keys ${CUSTOMER}`, `sessions ${CUSTOMER}`]);
    expect((await shop.runner.load(customer, streamOf(CUSTOMER))).state.forgetting).to.equal('begun');
  });

  it('does nothing new the second time', async () => {
    await open().forget(CUSTOMER, meta());
    expect(await open().forget(CUSTOMER, meta())).to.deep.equal({ isNew: false, unfinished: [] });
    expect(recorded('SubjectForgotten')).to.equal(1);
  });

  it('cancels what was not sent: orders that wait for the customer, and those that are confirmed', async () => {
    const [waiting, confirmed, bobs] = [
      await placed(ADA, 'pm_card_authenticationRequired'),
      await placed(),
      await placed(BOB),
    ];
    expect([(await stateOf(waiting)).status, (await stateOf(confirmed)).status]).to.deep.equal(['placed', 'confirmed']);
    await open().forget(CUSTOMER, meta());
    expect((await stateOf(waiting)).status).to.equal('cancelled');
    expect((await stateOf(confirmed)).status).to.equal('cancelled');
    expect((await stateOf(confirmed)).unsettled).to.deep.equal([]);
    expect((await stateOf(bobs)).status).to.equal('confirmed');
    expect(recorded('PaymentVoided')).to.equal(2);
    expect(recorded('ReservationReleased')).to.equal(2);
    const before = shop.log.arrivals.length;
    await open().forget(CUSTOMER, meta());
    expect(shop.log.arrivals).to.have.length(before);
  });

  it('leaves sold what was sent, and cancels the rest of the order', async () => {
    const id = await placed();
    const { lines } = await stateOf(id);
    const body = { lines: [{ lineId: the(lines[0]).id, quantity: 1 }] };
    const { body: shipment } = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body });
    await shop.call(`post /v1/shipments/${shipment.id}/dispatch`, { caller: SUPPORT });
    await open().forget(CUSTOMER, meta());
    const { status, unsettled, lines: after } = await stateOf(id);
    expect({ status, unsettled }).to.deep.equal({ status: 'completed', unsettled: [] });
    expect(the(after[0])).to.include({ fulfilled: 1, cancelled: 1 });
  });

  it('goes on if a step fails, reports it, and is finished by the agenda', async () => {
    const id = await placed();
    broken = 'sessions';
    expect(await open().forget(CUSTOMER, meta())).to.deep.equal({ isNew: true, unfinished: ['sessions'] });
    expect(steps).to.deep.equal([`keys ${CUSTOMER}`, 'sessions: sessions is away']);
    expect((await stateOf(id)).status).to.equal('cancelled');
    expect(
      await open()
        .finish(CUSTOMER, ORIGIN)
        .catch((error: Error) => error.message),
    ).to.equal('sessions is away');
    expect(recorded('ForgettingCompleted')).to.equal(0);
    broken = undefined;
    await open().finish(CUSTOMER, ORIGIN);
    await open().finish(CUSTOMER, ORIGIN);
    expect(recorded('ForgettingCompleted')).to.equal(1);
  });

  it('is refused if the keys cannot be deleted, and is then finished by asking again', async () => {
    broken = 'keys';
    expect(
      await open()
        .forget(CUSTOMER, meta())
        .catch((error: Error) => error.message),
    ).to.equal('keys is away');
    broken = undefined;
    expect(await open().forget(CUSTOMER, meta())).to.deep.equal({ isNew: false, unfinished: [] });
    expect(steps).to.deep.equal([`keys ${CUSTOMER}`, `sessions ${CUSTOMER}`]);
  });

  it('cancels an order that a running checkout placed meanwhile, when the agenda looks again', async () => {
    await open().forget(CUSTOMER, meta());
    const late = await placed();
    await open().finish(CUSTOMER, ORIGIN);
    expect((await stateOf(late)).status).to.equal('cancelled');
  });

  it('includes the guests that they were before they logged in', async () => {
    await shop.call('post /v1/carts', { caller: GUEST, body: { currency: 'GBP' } });
    const { body: guests } = await shop.call('get /v1/carts/current', { caller: GUEST });
    await shop.call(`post /v1/carts/${guests.id}/lines`, { caller: GUEST, body: { sku: 'MUG', quantity: 1 } });
    await shop.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: GUEST.id } });
    await open().forget(CUSTOMER, meta());
    expect(steps.filter((step) => step.startsWith('keys'))).to.deep.equal([`keys ${CUSTOMER}`, `keys ${GUEST.id}`]);
    steps = [];
    await open().forget('customer_bob', meta());
    expect(steps).to.deep.equal(['keys customer_bob', 'sessions customer_bob']);
  });

  it('includes a guest whose cart is empty or was bought, because the log-in records who they were', async () => {
    await shop.call('post /v1/carts', { caller: GUEST, body: { currency: 'GBP' } });
    const merge = () => shop.call('post /v1/carts/current/merge', { caller: ADA, body: { guestToken: GUEST.id } });
    for (const _ of [1, 2]) await problemOf(merge(), 'not_found');
    expect((await shop.runner.load(customer, streamOf(CUSTOMER))).position.commitNo).to.equal(1);
    await open().forget(CUSTOMER, meta());
    expect(steps.filter((step) => step.startsWith('keys'))).to.deep.equal([`keys ${CUSTOMER}`, `keys ${GUEST.id}`]);
    steps = [];
    await open().finish(CUSTOMER, ORIGIN);
    expect(steps).to.include(`keys ${GUEST.id}`);
  });

  it('knows a customer by a cart, an order or a saved method, and nobody else', async () => {
    const { knows } = open();
    expect(await knows(CUSTOMER)).to.equal(false);
    await shop.call('post /v1/carts', { caller: ADA, body: { currency: 'GBP' } });
    expect(await knows(CUSTOMER)).to.equal(true);
    expect(await knows('customer_bob')).to.equal(false);
    await shop.call('post /v1/me/payment-methods', { caller: BOB, body: { paymentMethod: 'pm_card_visa' } });
    expect(await knows('customer_bob')).to.equal(true);
  });
});
