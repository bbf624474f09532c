import { expect } from 'chai';
import { eventTypes } from '../../domain/events.js';
import { orThrow, Unavailable } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { order } from '../../domain/order/order.js';
import { capturedOf, heldOf, refundedOf } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { createTestProvider } from '../../infra/payments/test-provider.js';
import { ADA, createShop, fill, type Shop, type ShopOptions, SUPPORT, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';
import type { PaymentProvider } from '../payment/provider.js';

const ORIGIN = { correlationId: 'test', actor: { type: 'staff', id: 'tests' } } as const;

/** From the n-th append or provider call on, requests do not arrive (`before`) or their answers are lost (`after`). */
type Crash = { at: number; when: 'before' | 'after' };

/** A shop whose process crashes at some step, and another one on the same log that continues. */
function dyingShop() {
  const log = createMemoryLog();
  const store = createMemoryEventStore({ codec: createCommitCodec(eventTypes), log, watermarkLagMs: 0 });
  const provider = createTestProvider();
  const asked = new Set<string>();
  let crash: Crash | undefined;
  let steps = 0;

  async function mortal<T>(step: () => Promise<T>): Promise<T> {
    const n = steps++;
    const dies = crash !== undefined && n >= crash.at;
    if (dies && (n > the(crash).at || the(crash).when === 'before'))
      throw new Unavailable('Test', 'the process has died');
    const result = await step();
    if (dies) throw new Unavailable('Test', 'the process has died');
    return result;
  }

  const mortalStore: EventStore = { ...store, append: (...args) => mortal(() => store.append(...args)) };
  const mortalProvider: PaymentProvider = {
    ...provider,
    capture: (operation) => mortal(() => once('capture', operation.key, () => provider.capture(operation))),
    refund: (operation) => mortal(() => once('refund', operation.key, () => provider.refund(operation))),
  };
  /** The provider's operations, each once per key. */
  function once<T>(call: string, key: string, act: () => Promise<T>): Promise<T> {
    asked.add(`${call} ${key}`);
    return act();
  }

  return {
    shop: createShop({ log, store: mortalStore, provider: mortalProvider, bank: provider }),
    /** Another process. */
    next: () => createShop({ log, store, provider: mortalProvider, bank: provider }),
    dieAt: (at: Crash | undefined) => {
      crash = at;
      steps = 0;
    },
    steps: () => steps,
    asked,
  };
}

async function orderOfTwo(shop: Shop, paymentMethod = 'pm_card_visa'): Promise<string> {
  await sell(shop, 'MUG', 500, 10);
  const cartId = await fill(shop, { MUG: 2 });
  const { body } = await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body: { paymentMethod } });
  return body.id;
}

/** The final state of all streams. */
async function endOf({ runner }: Shop, orderId: string) {
  const made = the((await runner.load(order, streamOf(orderId))).state);
  const paid = the((await runner.load(payment, streamOf(made.paymentId))).state);
  const { onHand, reserved, committed } = (await runner.load(stockItem, stockStream({ sku: 'MUG', location: 'main' })))
    .state;
  return {
    status: made.status,
    unsettled: made.unsettled.length,
    captured: capturedOf(paid),
    refunded: refundedOf(paid),
    voided: paid.status === 'voided',
    stock: [onHand, reserved, committed],
  };
}

const VISA = { paymentMethod: 'pm_card_visa' };

describe('The settlement of an order', () => {
  const one = { lines: [{ lineId: '1', quantity: 1 }] };
  const stories = {
    'a shipment': {
      async play(shop: Shop, orderId: string) {
        const { body } = await shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body: one });
        await shop.call(`post /v1/shipments/${body.id}/dispatch`, { caller: SUPPORT });
      },
      end: { status: 'confirmed', captured: 500, refunded: 0, voided: false, stock: [9, 0, 1] },
    },
    'a cancellation': {
      async play(shop: Shop, orderId: string) {
        await shop.call(`post /v1/orders/${orderId}/cancel`, { caller: ADA, body: {} });
      },
      end: { status: 'cancelled', captured: 0, refunded: 0, voided: true, stock: [10, 0, 0] },
    },
    'a return': {
      async prepare(shop: Shop, orderId: string) {
        const sent = await shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body: {} });
        await shop.call(`post /v1/shipments/${sent.body.id}/dispatch`, { caller: SUPPORT });
        const asked = { lines: [{ lineId: '1', quantity: 1, reason: 'broken' }] };
        const { body } = await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: asked });
        await shop.call(`post /v1/returns/${body.id}/approve`, { caller: SUPPORT });
        return body.id as string;
      },
      async play(shop: Shop, _: string, returnId?: string) {
        await shop.call(`post /v1/returns/${returnId}/receive`, { caller: SUPPORT, body: {} });
      },
      end: { status: 'completed', captured: 1000, refunded: 500, voided: false, stock: [9, 0, 0] },
    },
  };

  for (const [name, story] of Object.entries(stories)) {
    it(`of ${name} has the same result wherever its process crashes, and does nothing twice`, async () => {
      const stepsOf = async (crash?: Crash) => {
        const { shop, next, dieAt, steps, asked } = dyingShop();
        const orderId = await orderOfTwo(shop);
        const prepared = 'prepare' in story ? await story.prepare(shop, orderId) : undefined;
        dieAt(crash);
        await story.play(shop, orderId, prepared).catch(() => {}); // crashed
        const taken = steps();
        dieAt(undefined);
        const heir = next();
        await heir.processes.settlement.run(orderId);
        await heir.processes.settlement.run(orderId, ORIGIN);
        const { unsettled, ...end } = await endOf(heir, orderId);
        return { taken, unsettled, end, asked: [...asked] };
      };

      const { taken, end, asked } = await stepsOf();
      expect(end).to.deep.equal(story.end);
      expect(taken).to.be.at.least(4);
      const ends: string[] = [];
      for (let at = 0; at < taken; at++) {
        for (const when of ['before', 'after'] as const) {
          const crashed = await stepsOf({ at, when });
          expect(crashed.unsettled).to.equal(0);
          ends.push(JSON.stringify(crashed.end));
          expect(crashed.asked.length).to.be.at.most(asked.length);
        }
      }
      // A process that crashes before anything was recorded has done nothing. All others complete everything.
      const nothing = ends.filter((other) => other !== JSON.stringify(story.end));
      expect(nothing.length).to.be.at.most(3);
      expect(new Set(nothing).size).to.be.at.most(1);
    });
  }

  it('by two workers at once is the same as by one', async () => {
    const { shop, next, dieAt } = dyingShop();
    const orderId = await orderOfTwo(shop);
    const { body } = await shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body: {} });
    dieAt({ at: 1, when: 'before' });
    await shop.call(`post /v1/shipments/${body.id}/dispatch`, { caller: SUPPORT });
    dieAt(undefined);
    expect((await endOf(next(), orderId)).unsettled).to.equal(1);
    const workers = [next(), next(), next()];
    await Promise.all(workers.map(({ processes }) => processes.settlement.run(orderId)));
    expect(await endOf(next(), orderId)).to.deep.equal({
      status: 'completed',
      unsettled: 0,
      captured: 1000,
      refunded: 0,
      voided: false,
      stock: [8, 0, 0],
    });
  });

  it('continues later if the payment provider does not answer, and the dispatch is recorded all the same', async () => {
    const provider = createTestProvider();
    let away = true;
    const capture: PaymentProvider['capture'] = (operation) =>
      away ? Promise.reject(new Error('timeout')) : provider.capture(operation);
    const shop = createShop({ provider: { ...provider, capture } });
    const orderId = await orderOfTwo(shop);
    const { body } = await shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body: {} });
    const dispatched = await shop.call(`post /v1/shipments/${body.id}/dispatch`, { caller: SUPPORT });
    expect(dispatched.body.status).to.equal('dispatched');
    expect(await endOf(shop, orderId)).to.include({ unsettled: 1, captured: 0 });
    away = false;
    await shop.processes.settlement.run(orderId);
    expect(await endOf(shop, orderId)).to.include({ unsettled: 0, captured: 1000 });
  });

  it('refunds a disputed amount only once the bank has decided', async () => {
    const shop = createShop();
    const orderId = await orderOfTwo(shop);
    const returnId = await stories['a return'].prepare(shop, orderId);
    const paymentId = orderId.replace('order', 'payment');
    const dispute = { disputeId: 'dp_1', amount: 1000, reason: 'fraudulent' };
    const meta = (id: string) => ({ id, issuedAt: Date.now(), ...ORIGIN });
    const record = (id: string, command: object) =>
      shop.runner.execute(payment, streamOf(paymentId), command as never, meta(id)).then(orThrow);
    await record('opened', { type: 'RecordDisputeOpened', ...dispute });
    await stories['a return'].play(shop, orderId, returnId);
    expect(await endOf(shop, orderId)).to.include({ unsettled: 1, refunded: 0 });
    await record('closed', { type: 'RecordDisputeClosed', ...dispute, outcome: 'won' });
    await shop.processes.settlement.run(orderId);
    expect(await endOf(shop, orderId)).to.include({ unsettled: 0, refunded: 500 });
  });

  it('holds the rest of an order when the money for a shipment cannot be captured', async () => {
    const provider = createTestProvider();
    const capture: PaymentProvider['capture'] = async () => ({ status: 'failed', reason: 'expired' });
    const shop = createShop({ provider: { ...provider, capture } });
    const orderId = await orderOfTwo(shop);
    await stories['a shipment'].play(shop, orderId);
    const { state } = await shop.runner.load(order, streamOf(orderId));
    expect(state).to.deep.include({ holds: [{ code: 'payment_failed' }], unsettled: [] });
  });

  describe('of several parts', () => {
    const lines = [{ lineId: '1', quantity: 1 }];
    const send = async (shop: Shop, orderId: string) => {
      const { body } = await shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body: { lines } });
      await shop.call(`post /v1/shipments/${body.id}/dispatch`, { caller: SUPPORT });
    };
    const sendBack = async (shop: Shop, orderId: string) => {
      const asked = { lines: [{ ...lines[0], reason: 'broken' }] };
      const { body } = await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: asked });
      await shop.call(`post /v1/returns/${body.id}/approve`, { caller: SUPPORT });
      await shop.call(`post /v1/returns/${body.id}/receive`, { caller: SUPPORT, body: {} });
    };
    const resume = (shop: Shop, orderId: string) => shop.call(`post /v1/orders/${orderId}/resume`, { caller: SUPPORT });
    /** The n-th capture fails for good. */
    const shopThatFails = (capture: number, through: ShopOptions['through'] = (runner) => runner) => {
      const provider = createTestProvider();
      let captures = 0;
      const failing: PaymentProvider['capture'] = async (operation) =>
        ++captures === capture ? { status: 'failed', reason: 'refused' } : provider.capture(operation);
      return createShop({ provider: { ...provider, capture: failing }, through });
    };

    it('refunds nothing for returned units whose price could not be captured', async () => {
      const shop = shopThatFails(2);
      const orderId = await orderOfTwo(shop);
      await send(shop, orderId);
      await send(shop, orderId);
      expect(await endOf(shop, orderId)).to.include({ unsettled: 0, captured: 500 });
      await sendBack(shop, orderId);
      expect(await endOf(shop, orderId)).to.include({ unsettled: 0, captured: 500, refunded: 0 });
    });

    it('releases money that could not be captured once all units that it was for are back', async () => {
      const shop = shopThatFails(2);
      const orderId = await orderOfTwo(shop);
      const held = async () =>
        heldOf(the((await shop.runner.load(payment, streamOf(orderId.replace('order', 'payment')))).state));
      await send(shop, orderId);
      await send(shop, orderId);
      expect(await held()).to.equal(500);
      await sendBack(shop, orderId);
      expect(await held()).to.equal(0);
      await sendBack(shop, orderId);
      expect(await endOf(shop, orderId)).to.include({ unsettled: 0, captured: 500, refunded: 500 });
    });

    it('ends when an authorisation lapses: the sent units stay unpaid, and the rest can be cancelled', async () => {
      const shop = createShop();
      await sell(shop, 'MUG', 500);
      const cartId = await fill(shop, { MUG: 3 });
      const { id } = (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body: VISA })).body;
      await send(shop, id);
      const { paymentId } = the((await shop.runner.load(order, streamOf(id))).state);
      const { authorisation } = the((await shop.runner.load(payment, streamOf(paymentId))).state);
      const lapse = { type: 'RecordLapsed', operationId: the(authorisation).operationId } as const;
      orThrow(
        await shop.runner.execute(payment, streamOf(paymentId), lapse, { id: 'l', issuedAt: Date.now(), ...ORIGIN }),
      );
      await send(shop, id);
      expect((await shop.runner.load(order, streamOf(id))).state).to.deep.include({
        holds: [{ code: 'authorisation_lapsed' }, { code: 'payment_failed' }],
        unsettled: [],
      });
      await shop.call(`post /v1/orders/${id}/cancel`, { caller: ADA, body: {} });
      const collected = shop.call(`post /v1/orders/${id}/collect`, { caller: SUPPORT });
      expect(await collected.catch(String)).to.match(/no longer holds money/);
      const end = { status: 'completed', unsettled: 0, captured: 500, refunded: 0, stock: [8, 0, 0] };
      expect(await endOf(shop, id)).to.deep.include(end);
      await sendBack(shop, id);
      expect(await endOf(shop, id)).to.include({ unsettled: 0, captured: 500, refunded: 0 });
      await sendBack(shop, id);
      expect(await endOf(shop, id)).to.include({ unsettled: 0, captured: 500, refunded: 500 });
    });

    it('captures unpaid amounts again on request, and no more than that', async () => {
      const shop = shopThatFails(1);
      const orderId = await orderOfTwo(shop);
      const collect = (key?: string) => {
        return shop.call(`post /v1/orders/${orderId}/collect`, { caller: SUPPORT, ...defined({ key }) });
      };
      const refusal = () => collect().then(() => undefined, String);
      expect(await refusal()).to.match(/No money is owed/);
      await send(shop, orderId);
      expect(await endOf(shop, orderId)).to.include({ captured: 0 });
      const { body } = await collect('again');
      expect(body).to.include({ held: true, paymentStatus: 'partially_captured' });
      expect((await collect('again')).body, 'to whom the answer was lost').to.deep.equal(body);
      expect(await endOf(shop, orderId)).to.include({ unsettled: 0, captured: 500 });
      expect(await refusal()).to.match(/No money is owed/);
      await resume(shop, orderId);
      await send(shop, orderId);
      expect(await endOf(shop, orderId)).to.include({ status: 'completed', captured: 1000 });
    });

    it('collects the owed amount even if the rest was cancelled meanwhile, and releases that', async () => {
      const shop = shopThatFails(1);
      const orderId = await orderOfTwo(shop);
      await send(shop, orderId);
      await shop.call(`post /v1/orders/${orderId}/cancel`, { caller: ADA, body: {} });
      await shop.call(`post /v1/orders/${orderId}/collect`, { caller: SUPPORT });
      const paid = the((await shop.runner.load(payment, streamOf(orderId.replace('order', 'payment')))).state);
      expect([capturedOf(paid), heldOf(paid)]).to.deep.equal([500, 0]);
    });

    it('makes no refund before a waiting collection, since another worker may be collecting', async () => {
      let isAway = true;
      const isLost = (command: { type: string; operationId?: string }) =>
        isAway && command.type === 'SettleOperation' && the(command.operationId).startsWith('cancellation');
      const shop = shopThatFails(1, (runner) => ({
        ...runner,
        async execute(decider, stream, command, meta) {
          if (isLost(command as never)) throw new Unavailable('Test', 'is away');
          return runner.execute(decider, stream, command, meta);
        },
      }));
      const orderId = await orderOfTwo(shop);
      await send(shop, orderId);
      await shop.call(`post /v1/orders/${orderId}/cancel`, { caller: ADA, body: {} });
      await shop.call(`post /v1/orders/${orderId}/collect`, { caller: SUPPORT });
      await sendBack(shop, orderId);
      expect(await endOf(shop, orderId)).to.include({ unsettled: 3 });
      isAway = false;
      await shop.processes.settlement.run(orderId);
      expect(await endOf(shop, orderId)).to.include({ unsettled: 0, captured: 500, refunded: 500 });
    });

    it('captures an unpaid amount with the next shipment, if money can be captured only once', async () => {
      const shop = shopThatFails(1);
      await sell(shop, 'CUP', 200);
      await sell(shop, 'MUG', 500);
      const cartId = await fill(shop, { MUG: 2, CUP: 1 });
      const body = { paymentMethod: 'pm_card_mastercard' };
      const { id } = (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body })).body;
      const cup = { lines: [{ lineId: '2', quantity: 1 }] };
      const first = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body: cup });
      await shop.call(`post /v1/shipments/${first.body.id}/dispatch`, { caller: SUPPORT });
      await resume(shop, id);
      await send(shop, id);
      expect(await endOf(shop, id)).to.include({ captured: 1200 });
      await shop.call(`post /v1/orders/${id}/cancel`, { caller: ADA, body: {} });
      const { captured, refunded } = await endOf(shop, id);
      expect(captured - refunded).to.equal(700);
    });

    it('does not delay a shipment because a refund waits for a dispute', async () => {
      const shop = createShop();
      await sell(shop, 'MUG', 500);
      const cartId = await fill(shop, { MUG: 3 });
      const body = { paymentMethod: 'pm_card_mastercard' };
      const { id } = (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body })).body;
      await send(shop, id);
      const dispute = { disputeId: 'dp_1', amount: 1500, reason: 'fraudulent' };
      const record = (command: object, commandId: string) =>
        shop.runner
          .execute(payment, streamOf(id.replace('order', 'payment')), command as never, {
            id: commandId,
            issuedAt: Date.now(),
            ...ORIGIN,
          })
          .then(orThrow);
      await record({ type: 'RecordDisputeOpened', ...dispute }, 'opened');
      await shop.call(`post /v1/orders/${id}/cancel`, { caller: ADA, body: { lines } });
      await send(shop, id);
      expect(await endOf(shop, id)).to.deep.include({ unsettled: 1, refunded: 0, stock: [8, 0, 0] });
      await record({ type: 'RecordDisputeClosed', ...dispute, outcome: 'won' }, 'closed');
      await shop.processes.settlement.run(id);
      expect(await endOf(shop, id)).to.include({ unsettled: 0, refunded: 500 });
    });
  });
});
