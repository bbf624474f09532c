// Two workers on the same task, one of which stops at the worst moment: a request waits for its provider while the provider's
// webhook, or the agenda, continues with the same order.
import { expect } from 'chai';
import { createAgendaHandlers } from '../commands/agenda/handlers.js';
import type { CheckoutResult } from '../commands/checkout/process.js';
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import { coupon, couponStream } from '../domain/coupon/coupon.js';
import { orThrow } from '../domain/kernel/errors.js';
import { streamOf } from '../domain/kernel/id.js';
import { type OrderCommand, order } from '../domain/order/order.js';
import { capturedOf, heldOf, refundedOf } from '../domain/payment/ledger.js';
import { payment } from '../domain/payment/payment.js';
import { RESERVATION_MS } from '../domain/processes/checkout-steps.js';
import { type StockCommand, stockItem, stockStream } from '../domain/stock/stock-item.js';
import { problemOf } from './call-endpoint.js';
import { ADA, createShop, fill, KEEPER, type Shop, type ShopOptions, SUPPORT, sell } from './shop.js';
import { the } from './the.js';

const SUPPORT_ACTOR = { type: 'staff', id: 'support' } as const;
const MUG = { sku: 'MUG', location: 'main' };

/** A second process on a shop's log. It pauses before every command or stream read that `at` selects, until it is released. */
function slowly(first: Shop, at: (command: { type: string }) => boolean, options: ShopOptions = {}) {
  let go = () => {};
  let reached = () => {};
  const mayGo = new Promise<void>((resolve) => {
    go = resolve;
  });
  const isThere = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const rest = async (command: { type: string }) => {
    if (!at(command)) return;
    reached();
    await mayGo;
  };
  const through = (runner: CommandRunner): CommandRunner => ({
    ...runner,
    async load(decider, stream, options) {
      await rest({ type: `load ${decider.category}` });
      return runner.load(decider, stream, options);
    },
    async execute(decider, stream, command, meta) {
      await rest(command as { type: string });
      return runner.execute(decider, stream, command, meta);
    },
  });
  return { ...createShop({ ...options, log: first.log, through }), go, isThere };
}

const tells = (type: string) => (command: { type: string }) => command.type === type;

async function stock({ runner }: Shop, command: StockCommand, at = Date.now()): Promise<void> {
  const id = `${command.type} ${'reservationId' in command ? command.reservationId : ''}`;
  const meta = { id, issuedAt: at, correlationId: 'test', actor: SUPPORT_ACTOR };
  orThrow(await runner.execute(stockItem, stockStream(MUG), command, meta));
}

/** Submits a cart of two mugs. Returns the order that it becomes. */
async function submitted(shop: Shop, mugs: number): Promise<{ orderId: string; cartId: string }> {
  await sell(shop, 'MUG', 500, mugs);
  const cartId = await fill(shop, { MUG: 2 });
  await shop.submit(cartId);
  return { cartId, orderId: cartId.replace('cart', 'order') };
}

async function expectSold({ runner }: Shop, orderId: string): Promise<void> {
  const of = (prefix: string) => streamOf(orderId.replace('order', prefix));
  const { state } = await runner.load(order, of('order'));
  expect(state).to.include({ status: 'confirmed' });
  expect(state!.checkout).to.include({ phase: 'completed' });
  expect(heldOf((await runner.load(payment, of('payment'))).state!)).to.equal(1000);
  expect((await runner.load(stockItem, stockStream(MUG))).state).to.include({ reserved: 0, committed: 2 });
}

describe('A delayed worker', () => {
  it('shows the order and the payment as the other worker left them', async () => {
    const shop = createShop();
    const { orderId, cartId } = await submitted(shop, 2);
    const expectSeen = async (run: Promise<CheckoutResult | undefined>) => {
      const { checkout: told, seen } = the(await run);
      expect(told.phase).to.equal('completed');
      for (const prefix of ['order', 'payment']) {
        const stream = streamOf(orderId.replace('order', prefix));
        expect(seen.get(stream), stream).to.equal(the(shop.log.streams.get(stream)).length);
      }
    };
    const late = slowly(shop, tells('ConfirmOrder'));
    const lateRun = late.processes.checkout.recover(orderId, cartId);
    await late.isThere;
    await expectSeen(shop.processes.checkout.recover(orderId, cartId));
    late.go();
    await expectSeen(lateRun);
    await expectSeen(shop.processes.checkout.recover(orderId, cartId));
    await expectSold(shop, orderId);
  });

  it('does not undo sales made after it found the stock short', async () => {
    const shop = createShop();
    const { orderId, cartId } = await submitted(shop, 2);
    const other = { ...MUG, reservationId: 'other' };
    await stock(shop, { type: 'ReserveStock', ...other, quantity: 1 });

    const late = slowly(shop, tells('RejectOrder'));
    const lateRun = late.processes.checkout.recover(orderId, cartId);
    await late.isThere;
    await stock(shop, { type: 'ReleaseReservation', ...other });
    const quick = slowly(shop, tells('CommitReservation'));
    const quickRun = quick.processes.checkout.recover(orderId, cartId);
    await quick.isThere;
    late.go();
    await lateRun;
    quick.go();
    await quickRun;
    await expectSold(shop, orderId);
  });

  for (const dies of ['ConfirmOrder', 'CommitReservation']) {
    it(`keeps the units of its paid order, even if it is held up before ${dies} until the reservation ends`, async () => {
      let now = Date.now();
      const clock = () => now;
      const shop = createShop({ clock });
      const { orderId, cartId } = await submitted(shop, 2);
      const late = slowly(shop, tells(dies), { clock });
      const lateRun = late.processes.checkout.recover(orderId, cartId);
      await late.isThere;
      now += RESERVATION_MS;
      const { runner, processes } = createShop({ clock, log: shop.log });
      const handlers = createAgendaHandlers({ runner, ...processes, savedMethodOf: async () => undefined, clock });
      await handlers.reservations({ kind: 'reservations', ...MUG, expiries: { [orderId]: now } });
      const other = { type: 'ReserveStock', ...MUG, reservationId: 'other', quantity: 1 } as const;
      await problemOf(stock(shop, other, now), 'out_of_stock');
      await expectSold(shop, orderId);
      late.go();
      await lateRun;
      await expectSold(shop, orderId);
    });
  }

  it('lets the reservations of an order expire once the order is given up', async () => {
    let now = Date.now();
    const clock = () => now;
    const shop = createShop({ clock });
    const { orderId, cartId } = await submitted(shop, 2);
    const late = slowly(shop, tells('RequestAuthorisation'), { clock });
    const lateRun = late.processes.checkout.recover(orderId, cartId);
    await late.isThere;
    const cancel = { type: 'CancelOrder', reason: 'found it cheaper' } as const;
    const meta = { id: 'cancel', issuedAt: now, correlationId: 'test', actor: SUPPORT_ACTOR };
    orThrow(await shop.runner.execute(order, streamOf(orderId), cancel, meta));
    now += RESERVATION_MS;
    const { runner, processes } = shop;
    const handlers = createAgendaHandlers({ runner, ...processes, savedMethodOf: async () => undefined, clock });
    await handlers.reservations({ kind: 'reservations', ...MUG, expiries: { [orderId]: now } });
    expect((await shop.runner.load(stockItem, stockStream(MUG))).state).to.include({ reserved: 0, committed: 0 });
    late.go();
    expect((await lateRun)!.checkout.phase).to.equal('failed');
    expect((await shop.runner.load(stockItem, stockStream(MUG))).state).to.include({ reserved: 0, committed: 0 });
  });

  it('does not confirm a coupon use after another worker has ended the checkout', async () => {
    const shop = createShop();
    await sell(shop, 'MUG', 500);
    const body = { kind: 'percentage', basisPoints: 1_000, limit: 1 };
    await shop.call('put /v1/coupons/LAST', { caller: KEEPER, body });
    const cartId = await fill(shop, { MUG: 1 });
    await shop.call(`post /v1/carts/${cartId}/coupons/LAST`, { caller: ADA });
    const orderId = cartId.replace('cart', 'order');

    const late = slowly(shop, ({ type }) => type === 'RedeemCoupon');
    const pay = { paymentMethod: 'pm_card_visa' };
    const lateRun = late.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body: pay }).catch(() => {});
    await late.isThere;
    const other = async (type: 'RedeemCoupon' | 'ReleaseRedemption') => {
      const meta = { id: type, issuedAt: Date.now(), correlationId: 'other', actor: SUPPORT_ACTOR };
      orThrow(
        await shop.runner.execute(
          coupon,
          couponStream({ code: 'LAST' }),
          { type, code: 'LAST', orderId: 'order_x' },
          meta,
        ),
      );
    };
    await other('RedeemCoupon');
    expect((await shop.processes.checkout.recover(orderId, cartId))!.checkout.phase).to.equal('failed');
    await other('ReleaseRedemption');
    late.go();
    await lateRun;
    const counted = async () => (await shop.runner.load(coupon, couponStream({ code: 'LAST' }))).state;
    expect(await counted()).to.deep.include({ redeemed: 1, inFlight: [orderId] });

    const { runner, processes } = shop;
    const savedMethodOf = async () => undefined;
    const handlers = createAgendaHandlers({ runner, ...processes, savedMethodOf, clock: Date.now });
    for (let n = 0; n < 2; n++) await handlers.redemption({ kind: 'redemption', orderId, code: 'LAST' });
    expect(await counted()).to.deep.include({ redeemed: 0, inFlight: [] });
  });

  for (const look of ['load payment', 'load order']) {
    it(`refunds nothing for unpaid units that were cancelled before it could ${look}`, async () => {
      const shop = createShop();
      await sell(shop, 'MUG', 500);
      const cart = await fill(shop, { MUG: 3 });
      const body = { paymentMethod: 'pm_card_visa' };
      const { id } = (await shop.call(`post /v1/carts/${cart}/checkout`, { caller: ADA, body })).body;
      const one = { lines: [{ lineId: '1', quantity: 1 }] };
      const cancelled = { type: 'CancelLines', cancellationId: 'c', reason: 'too many', ...one } as const;
      const meta = { id: 'c/record', issuedAt: Date.now(), correlationId: 'c', actor: SUPPORT_ACTOR };
      orThrow(await shop.runner.execute(order, streamOf(id), cancelled, meta));

      const late = slowly(shop, ({ type }) => type === look);
      const lateRun = late.processes.settlement.run(id);
      await late.isThere;
      await shop.processes.settlement.run(id);
      const planned = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body: one });
      await shop.call(`post /v1/shipments/${planned.body.id}/dispatch`, { caller: SUPPORT });
      late.go();
      await lateRun;
      const paid = the((await shop.runner.load(payment, streamOf(id.replace('order', 'payment')))).state);
      expect({ captured: capturedOf(paid), refunded: refundedOf(paid) }).to.deep.equal({ captured: 500, refunded: 0 });
    });
  }

  for (const look of ['load payment', 'load order']) {
    for (const operation of ['cancellation', 'return'] as const) {
      it(`refunds a paid ${operation} that was recorded before it could ${look}`, async () => {
        const shop = createShop();
        await sell(shop, 'MUG', 500);
        const cart = await fill(shop, { MUG: 3 });
        const body = { paymentMethod: 'pm_card_mastercard' };
        const { id } = (await shop.call(`post /v1/carts/${cart}/checkout`, { caller: ADA, body })).body;
        const record = (command: OrderCommand & { type: 'FulfilOrder' | 'CancelLines' | 'ReceiveReturn' }) => {
          const meta = { id: command.type, issuedAt: Date.now(), correlationId: 'c', actor: SUPPORT_ACTOR };
          return shop.runner.execute(order, streamOf(id), command, meta).then(orThrow);
        };
        const lines = [{ lineId: '1', quantity: 1 }];
        const planned = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body: { lines } });
        await record({ type: 'FulfilOrder', fulfilmentId: planned.body.id, lines });

        const late = slowly(shop, ({ type }) => type === look);
        const lateRun = late.processes.settlement.run(id);
        await late.isThere;
        await shop.processes.settlement.run(id);
        if (operation === 'cancellation') {
          await record({ type: 'CancelLines', cancellationId: 'c', reason: 'too many', lines });
        } else {
          const asked = { lines: [{ ...lines[0], reason: 'broken' }] };
          const { body } = await shop.call(`post /v1/orders/${id}/returns`, { caller: ADA, body: asked });
          await shop.call(`post /v1/returns/${body.id}/approve`, { caller: SUPPORT });
          await record({ type: 'ReceiveReturn', returnId: body.id, lines });
        }
        late.go();
        await lateRun;
        // If both settle the dispatch in the same millisecond, it is one commit, and the late worker may skip the read after it.
        await shop.processes.settlement.run(id);
        const paid = the((await shop.runner.load(payment, streamOf(id.replace('order', 'payment')))).state);
        expect({ captured: capturedOf(paid), refunded: refundedOf(paid) }).to.deep.equal({
          captured: 1500,
          refunded: 500,
        });
      });
    }
  }
});
