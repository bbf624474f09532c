import { expect } from 'chai';
import { mergeSeen } from '../../domain/kernel/consistency.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { operationCommandId, order as orders } from '../../domain/order/order.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, BOB, createShop, fill, KEEPER, type Shop, SUPPORT, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });

describe('A placed order', () => {
  let shop: Shop;
  let orderId: string;

  /** Ada's order of two mugs at 500 and a cup at 200, paid by this card. */
  async function order(paymentMethod = 'pm_card_visa'): Promise<string> {
    const cartId = await fill(shop, { MUG: 2, CUP: 1 });
    const { body } = await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body: { paymentMethod } });
    return body.id;
  }
  const cancel = (body?: object, caller = ADA) => shop.call(`post /v1/orders/${orderId}/cancel`, { caller, body });
  const plan = (body?: object) => shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body });
  const step = (id: string, word: string, body?: object) =>
    shop.call(`post /v1/${id.split('_')[0]}s/${id}/${word}`, { caller: SUPPORT, body });
  async function send(lines?: { lineId: string; quantity: number }[]) {
    const planned = await plan(lines && { lines });
    return step(planned.body.id, 'dispatch');
  }
  async function sendBack(lines: { lineId: string; quantity: number }[], received?: object) {
    const asked = lines.map((line) => ({ ...line, reason: 'broken' }));
    const { body } = await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: { lines: asked } });
    await step(body.id, 'approve');
    return step(body.id, 'receive', received);
  }
  const payment = async () =>
    (await shop.call(`get /v1/payments/payment_${orderId.slice(6)}`, { caller: SUPPORT })).body;
  const stockOf = async (sku: string) => {
    const { state } = await shop.runner.load(stockItem, stockStream({ sku, location: 'main' }));
    return [state.onHand, state.reserved, state.committed];
  };

  async function typesIn(id: string): Promise<string[]> {
    const types: string[] = [];
    for await (const { events } of shop.store.read(streamOf(id))) types.push(...events.map(({ type }) => type));
    return types;
  }

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 10);
    await sell(shop, 'CUP', 200, 10);
    orderId = await order();
  });

  describe('that is cancelled', () => {
    it('as a whole, releases stock and money, even if the request is repeated', async () => {
      expect(await stockOf('MUG')).to.deep.equal([10, 0, 2]);
      const { status, body } = await cancel({ reason: 'found it cheaper' });
      expect(status).to.equal(200);
      expect(body).to.deep.include({ status: 'cancelled', paymentStatus: 'voided', refunded: GBP(0) });
      expect(body.reason).to.equal('found it cheaper');
      expect(body.lines.map(({ cancelled }: { cancelled: number }) => cancelled)).to.deep.equal([2, 1]);
      expect(await stockOf('MUG')).to.deep.equal([10, 0, 0]);
      expect((await cancel()).body).to.deep.equal(body);
      await problemOf(plan(), 'conflict');
    });

    it('twice at once, is cancelled once', async () => {
      const [one, other] = await Promise.all([cancel(), cancel()]);
      expect(one.body.status).to.equal('cancelled');
      expect(other.body.status).to.equal('cancelled');
      expect(await stockOf('MUG')).to.deep.equal([10, 0, 0]);
      expect(await typesIn(orderId)).to.include.members(['OrderLinesCancelled', 'OrderCancelled']);
      expect((await typesIn(orderId)).filter((type) => type.endsWith('Cancelled'))).to.have.length(2);
    });

    it('while the customer is still to be authenticated, ends its checkout', async () => {
      orderId = await order('pm_card_authenticationRequired');
      const { body } = await cancel();
      expect(body).to.include({ status: 'cancelled', paymentStatus: 'not_paid' });
      expect(await stockOf('MUG')).to.deep.equal([10, 0, 2]);
      expect((await cancel()).body).to.deep.equal(body);
    });

    it('in part, is charged only for what is sent', async () => {
      const { body } = await cancel({ lines: [{ lineId: '1', quantity: 1 }], reason: 'too many' });
      expect(body).to.deep.include({ status: 'confirmed', paymentStatus: 'authorised' });
      await send();
      expect((await payment()).captured).to.deep.equal(GBP(700));
    });

    it('after a first shipment, keeps that and releases the rest', async () => {
      await send([{ lineId: '2', quantity: 1 }]);
      const { body } = await cancel();
      expect(body).to.deep.include({ status: 'completed', fulfilmentStatus: 'fulfilled', paymentStatus: 'captured' });
      expect(body).to.deep.include({ total: GBP(1200), captured: GBP(200), refunded: GBP(0) });
      expect((await payment()).captured).to.deep.equal(GBP(200));
      expect(await stockOf('MUG')).to.deep.equal([10, 0, 0]);
    });

    it('after its card was charged in full, is refunded', async () => {
      orderId = await order('pm_card_mastercard');
      await send([{ lineId: '2', quantity: 1 }]);
      expect((await payment()).captured).to.deep.equal(GBP(1200));
      const { body } = await cancel();
      expect(body).to.deep.include({ refunded: GBP(1000), paymentStatus: 'partially_refunded' });
    });

    it('by another customer, is not found', async () => {
      await problemOf(cancel(undefined, BOB), 'not_found');
      expect((await cancel(undefined, SUPPORT)).body.status).to.equal('cancelled');
    });

    it('beyond its open units, is rejected', async () => {
      await problemOf(cancel({ lines: [{ lineId: '1', quantity: 3 }] }), 'rule_violated');
      await problemOf(cancel({ lines: [{ lineId: '9', quantity: 1 }] }), 'not_found');
      await send();
      await problemOf(cancel(), 'conflict');
    });
  });

  describe('whose address changes', () => {
    const move = (body: object) => shop.call(`patch /v1/orders/${orderId}/shipping-address`, { caller: SUPPORT, body });
    const keep = (target: string, body: unknown) => shop.call(`put /v1/${target}`, { caller: KEEPER, body });
    const everywhere = [{ countries: ['GB', 'FR'], currency: 'GBP', by: 'flat', rates: [{ amount: 300 }] }];

    it('goes to the new address with the named fields; null clears one', async () => {
      const { line2, ...address } = (await move({ line1: '1 New Street', line2: 'Flat 2' })).body.shippingAddress;
      expect({ ...address, line2 }).to.deep.equal({ ...ADDRESS, line1: '1 New Street', line2: 'Flat 2' });
      const { body } = await move({ line2: null });
      expect(body.shippingAddress).to.deep.equal({ ...ADDRESS, line1: '1 New Street' });
      expect(body.timeline.map(({ what }: { what: string }) => what)).to.include('address_changed');
    });

    it('may go to another country with the same tax and shipping', async () => {
      expect((await move({ country: 'FR', postcode: '75001' })).body.shippingAddress.country).to.equal('FR');
      await problemOf(move({ country: 'JP' }), 'invalid_request');
    });

    it('keeps its address if the tax would differ, or its shipping method does not ship there', async () => {
      for (const [country, basisPoints] of [
        ['gb', 2_000],
        ['fr', 1_000],
      ] as const) {
        await keep(`tax-rates/${country}`, { country: country.toUpperCase(), basisPoints });
      }
      await keep('shipping-methods/standard', { title: 'Standard', zones: everywhere });
      orderId = await order();
      // The second rate gives the same tax, but in another country.
      for (const basisPoints of [1_000, 2_000]) {
        await keep('tax-rates/fr', { country: 'FR', basisPoints });
        const { message } = await problemOf(move({ country: 'FR', postcode: '75001' }), 'rule_violated');
        expect(message).to.match(/tax .* would change/);
      }
      await keep('shipping-methods/standard', { title: 'Standard', zones: [{ ...everywhere[0], countries: ['GB'] }] });
      const { facts } = await problemOf(move({ country: 'FR', postcode: '75001' }), 'rule_violated');
      expect(facts).to.have.property('shippingMethods');
      await move({ city: 'Leeds' });
    });

    it('keeps its address once some of it was sent, or all of it was cancelled', async () => {
      await send([{ lineId: '1', quantity: 1 }]);
      await problemOf(move({ city: 'Leeds' }), 'conflict');
      orderId = await order();
      await cancel();
      await problemOf(move({ city: 'Leeds' }), 'conflict');
    });

    it('has to exist', async () => {
      orderId = 'order_none';
      await problemOf(move({ city: 'Leeds' }), 'not_found');
    });
  });

  describe('that is sent', () => {
    it('in parts, is charged by part, with the shipping in the first', async () => {
      const first = await send([{ lineId: '1', quantity: 1 }]);
      expect(first.body).to.include({ orderId, status: 'dispatched' });
      expect(await stockOf('MUG')).to.deep.equal([9, 0, 1]);
      expect((await payment()).captured).to.deep.equal(GBP(500));
      await send();
      expect((await payment()).captured).to.deep.equal(GBP(1200));
      expect(await stockOf('MUG')).to.deep.equal([8, 0, 0]);
      expect(await stockOf('CUP')).to.deep.equal([9, 0, 0]);
    });

    it('is dispatched once, even if the request is repeated, and then delivered', async () => {
      const { body } = await plan({ tracking: 'RM1' });
      await problemOf(step(body.id, 'deliver'), 'conflict');
      await Promise.all([step(body.id, 'dispatch'), step(body.id, 'dispatch')]);
      await step(body.id, 'dispatch');
      expect(await stockOf('MUG')).to.deep.equal([8, 0, 0]);
      const delivered = (await step(body.id, 'deliver')).body;
      expect(delivered).to.include({ status: 'delivered', tracking: 'RM1' });
      expect((await shop.call(`get /v1/shipments/${body.id}`, { caller: SUPPORT })).body).to.deep.equal(delivered);
    });

    it('records a failed delivery and a loss, which change nothing else', async () => {
      const { body } = await plan({ tracking: 'RM1' });
      await problemOf(step(body.id, 'lose'), 'conflict');
      await step(body.id, 'dispatch');
      const tell = (word: string, reason?: string) =>
        shop.call(`post /v1/shipments/${body.id}/${word}`, { caller: SUPPORT, body: reason ? { reason } : {} });
      const failed = (await tell('fail', 'nobody at home')).body;
      expect(failed).to.include({ status: 'failed', reason: 'nobody at home' });
      expect(failed.failedAt).to.equal(new Date(failed.failedAt).toISOString());
      const before = (await shop.call(`get /v1/payments/${siblingId('payment', orderId)}`, { caller: SUPPORT })).body;
      const lost = (await tell('lose')).body;
      expect(lost).to.include({ status: 'lost', failedAt: failed.failedAt }).and.not.to.have.property('reason');
      expect(await stockOf('MUG')).to.deep.equal([8, 0, 0]);
      const after = (await shop.call(`get /v1/payments/${siblingId('payment', orderId)}`, { caller: SUPPORT })).body;
      expect(after).to.deep.equal(before);
      expect((await step(body.id, 'deliver')).body).to.include({ status: 'delivered', lostAt: lost.lostAt });
      await problemOf(tell('fail'), 'conflict');
      await problemOf(shop.call('post /v1/shipments/shipment_none/lose', { caller: SUPPORT }), 'not_found');
    });

    it('is tracked from its dispatch, or later: an absent field stays, and null clears it', async () => {
      const { body } = await plan({ carrier: 'Royal Mail' });
      const path = `/v1/shipments/${body.id}`;
      const ask = (target: string, asked?: object) => shop.call(target, { caller: SUPPORT, body: asked });
      const shown = async () => {
        const { tracking, carrier } = (await ask(`get ${path}`)).body;
        const resumed = await ask(`post /v1/orders/${orderId}/resume`);
        expect(resumed.body.shipments[0]).to.deep.include({ id: body.id, tracking, ...(carrier && { carrier }) });
        return [tracking, carrier];
      };
      await ask(`post ${path}/dispatch`, { tracking: 'RM1' });
      expect(await shown()).to.deep.equal(['RM1', 'Royal Mail']);
      await ask(`post ${path}/dispatch`, { tracking: 'RM2' });
      expect(await shown()).to.deep.equal(['RM2', 'Royal Mail']);
      await ask(`patch ${path}`, { carrier: null });
      expect(await shown()).to.deep.equal(['RM2', undefined]);
      await ask(`post ${path}/deliver`);
      await ask(`patch ${path}`, { tracking: 'RM3', carrier: 'DHL' });
      expect(await shown()).to.deep.equal(['RM3', 'DHL']);
      await problemOf(ask('patch /v1/shipments/shipment_none', { tracking: 'RM3' }), 'not_found');
    });

    it('and cancelled at the same time, gives each unit to only one of them', async () => {
      const { body } = await plan();
      const results = await Promise.allSettled([step(body.id, 'dispatch'), cancel()]);
      expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
      const [onHand, reserved, committed] = await stockOf('MUG');
      expect([reserved, committed]).to.deep.equal([0, 0]);
      const captured = (await payment()).captured.amount;
      expect([onHand, captured]).to.be.deep.oneOf([
        [8, 1200],
        [10, 0],
      ]);
    });

    it('is not sent before all its units are there, if more were promised than there are', async () => {
      const policy = { backorderLimit: 5 };
      await shop.call('put /v1/stock/MUG/policy', { caller: KEEPER, body: policy });
      const [cartId, body] = [await fill(shop, { MUG: 12 }), { paymentMethod: 'pm_card_visa' }];
      orderId = (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body })).body.id;
      const planned = await plan();
      const problem = await problemOf(step(planned.body.id, 'dispatch'), 'out_of_stock');
      expect(problem.message).to.match(/MUG at main has 10 on hand, not 12/);
      expect(problem.facts).to.deep.equal({ available: { MUG: 10 } });
      expect(await stockOf('MUG')).to.deep.equal([10, 0, 14]);
      await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { quantity: 2 } });
      expect((await step(planned.body.id, 'dispatch')).body.status).to.equal('dispatched');
      expect(await stockOf('MUG')).to.deep.equal([0, 0, 2]);
    });

    it('is no longer sent once its units are cancelled or sent otherwise: the shipment is then cancelled', async () => {
      const read = async (id: string) => (await shop.call(`get /v1/shipments/${id}`, { caller: SUPPORT })).body.status;
      const mug = { lines: [{ lineId: '1', quantity: 1 }] };
      const [one, another, cup] = [
        await plan(mug),
        await plan(mug),
        await plan({ lines: [{ lineId: '2', quantity: 1 }] }),
      ];
      await cancel(mug);
      expect([await read(one.body.id), await read(another.body.id)]).to.deep.equal(['planned', 'planned']);
      await step(one.body.id, 'dispatch');
      expect([await read(one.body.id), await read(another.body.id)]).to.deep.equal(['dispatched', 'cancelled']);
      await problemOf(step(another.body.id, 'dispatch'), 'conflict');
      await cancel();
      expect(await read(cup.body.id)).to.equal('cancelled');
    });

    it('is not sent while it is held', async () => {
      const change = (word: string, call: object) =>
        shop.call(`post /v1/orders/${orderId}/${word}`, { caller: SUPPORT, ...call });
      const held = await change('hold', { body: { reason: 'address' } });
      expect(held.body).to.include({ held: true, heldReason: 'address' });
      expect(held.body.holds).to.deep.equal([{ code: 'other', note: 'address' }]);
      const reason = { code: 'fraud', reason: 'a stolen card?' };
      expect((await change('hold', { body: reason })).body.holds[1]).to.deep.equal({
        code: 'fraud',
        note: reason.reason,
      });
      const { body, version } = await cancel({ lines: [{ lineId: '2', quantity: 1 }] });
      expect(body.held).to.equal(true);
      expect(body).not.to.have.any.keys('heldReason', 'holds');
      await problemOf(send(), 'conflict');
      await problemOf(change('resume', { expectedVersion: held.version }), 'version_mismatch');
      expect((await change('resume', { expectedVersion: version })).body.held).to.equal(undefined);
      expect((await send()).body.status).to.equal('dispatched');
    });
  });

  // medusajs/medusa#13433, #13066, #10491: returns that refunded another amount than was paid.
  describe('that is returned (complaint 18)', () => {
    it('refunds what was paid for the returned units, and no more', async () => {
      await send();
      const { body } = await sendBack([{ lineId: '1', quantity: 1 }]);
      expect(body).to.deep.include({ status: 'received', refund: GBP(500), received: [{ lineId: '1', quantity: 1 }] });
      expect(await stockOf('MUG')).to.deep.equal([9, 0, 0]);
      expect((await payment()).refunded).to.deep.equal(GBP(500));
      await sendBack([
        { lineId: '1', quantity: 1 },
        { lineId: '2', quantity: 1 },
      ]);
      expect((await payment()).refunded).to.deep.equal(GBP(1200));
      await problemOf(sendBack([{ lineId: '1', quantity: 1 }]), 'rule_violated');
    });

    it('shows for each refund the tax by rate, and the location of the goods', async () => {
      const keep = (target: string, body: unknown) => shop.call(`put /v1/${target}`, { caller: KEEPER, body });
      await keep('tax-rates/gb', { country: 'GB', basisPoints: 2_000, included: true });
      orderId = await order();
      await send();
      const { body } = await shop.call(`post /v1/orders/${orderId}/resume`, { caller: SUPPORT });
      const rate = (net: number, tax: number) => [{ country: 'GB', basisPoints: 2_000, net: GBP(net), tax: GBP(tax) }];
      expect(body.taxes).to.deep.equal(rate(1_000, 200));
      await sendBack([{ lineId: '1', quantity: 1 }]);
      const { refunds } = await payment();
      expect(refunds[0]).to.deep.include({ amount: GBP(500), taxes: rate(417, 83), location: 'main' });
      const goodwill = { amount: 60, reason: 'goodwill' };
      const refund = `post /v1/payments/payment_${orderId.slice(6)}/refunds`;
      const { body: given } = await shop.call(refund, { caller: SUPPORT, body: goodwill });
      expect(given).to.deep.include({ taxes: rate(50, 10) });
      expect(given).not.to.have.property('location');
    });

    it('refunds the shipping with the last units, if the shop does so for the country', async () => {
      const zones = [{ countries: ['GB'], currency: 'GBP', by: 'flat', rates: [{ amount: 300 }] }];
      const keep = (target: string, body: unknown) => shop.call(`put /v1/${target}`, { caller: KEEPER, body });
      await keep('shipping-methods/standard', { title: 'Standard', zones });
      await keep('shop', { currencies: ['GBP'], countries: ['GB', 'FR'], shippingRefunds: ['GB'] });
      orderId = await order();
      await send();
      expect((await sendBack([{ lineId: '1', quantity: 2 }])).body.refund).to.deep.equal(GBP(1000));
      expect((await sendBack([{ lineId: '2', quantity: 1 }])).body.refund).to.deep.equal(GBP(500));
      expect((await payment()).refundable).to.deep.equal(GBP(0));
      await keep('shop', { currencies: ['GBP'], countries: ['GB', 'FR'], shippingRefunds: ['FR'] });
      orderId = await order();
      await send();
      const all = [
        { lineId: '1', quantity: 2 },
        { lineId: '2', quantity: 1 },
      ];
      expect((await sendBack(all)).body.refund).to.deep.equal(GBP(1200));
    });

    it('shows the actual refund if a part was refunded before', async () => {
      await send();
      const refund = { amount: 900, reason: 'goodwill' };
      await shop.call(`post /v1/payments/payment_${orderId.slice(6)}/refunds`, { caller: SUPPORT, body: refund });
      const [some, none] = [
        await sendBack([{ lineId: '1', quantity: 1 }]),
        await sendBack([{ lineId: '1', quantity: 1 }]),
      ];
      expect([some.body.refund, none.body.refund]).to.deep.equal([GBP(300), undefined]);
      expect((await payment()).refunded).to.deep.equal(GBP(1200));
      const read = await shop.call(`get /v1/returns/${some.body.id}`, { caller: ADA });
      expect(read.body.refund).to.deep.equal(GBP(300));
    });

    it('is refunded but not sold again if it is written off', async () => {
      await send();
      await sendBack([{ lineId: '1', quantity: 2 }], { lines: [{ lineId: '1', quantity: 1, writeOff: true }] });
      expect(await stockOf('MUG')).to.deep.equal([8, 0, 0]);
      expect((await payment()).refunded).to.deep.equal(GBP(500));
    });

    it('is received once, after approval, and with no more units than were announced', async () => {
      await send();
      const asked = { lines: [{ lineId: '1', quantity: 1, reason: 'broken' }] };
      const { body } = await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: asked });
      expect(body.status).to.equal('requested');
      await problemOf(step(body.id, 'receive'), 'conflict');
      await step(body.id, 'approve');
      await problemOf(step(body.id, 'decline', { reason: 'worn' }), 'conflict');
      await problemOf(step(body.id, 'receive', { lines: [{ lineId: '1', quantity: 2 }] }), 'rule_violated');
      const unknown = step(body.id, 'receive', { lines: [{ lineId: '7', quantity: 1 }] });
      expect((await problemOf(unknown, 'rule_violated')).message).to.include('has no line 7');
      await Promise.all([step(body.id, 'receive'), step(body.id, 'receive')]);
      await step(body.id, 'receive');
      expect(await stockOf('MUG')).to.deep.equal([9, 0, 0]);
      expect((await payment()).refunded).to.deep.equal(GBP(500));
      await problemOf(shop.call(`get /v1/returns/${body.id}`, { caller: BOB }), 'not_found');
    });

    it('is received once: a repeat changes nothing, and a later parcel needs a new request', async () => {
      await send();
      const [good, broken] = [
        { lineId: '1', quantity: 1 },
        { lineId: '1', quantity: 1, writeOff: true },
      ];
      const [mug, cup] = ['1', '2'].map((lineId) => ({ lineId, quantity: 1 }));
      const { body } = await sendBack([the(mug), the(mug), the(cup)], { lines: [broken, cup] });
      expect(body.refund).to.deep.equal(GBP(700));
      expect((await step(body.id, 'receive', { lines: [cup, broken] })).body).to.deep.equal(body);
      for (const other of [undefined, { lines: [good] }, { lines: [good, cup] }, { lines: [good, broken, cup] }]) {
        const { message } = await problemOf(step(body.id, 'receive', other), 'conflict');
        expect(message).to.include('with 1 of line 1 (written off), 1 of line 2; request another return');
      }
      expect([await stockOf('MUG'), await stockOf('CUP')]).to.deep.equal([
        [8, 0, 0],
        [10, 0, 0],
      ]);
      expect((await payment()).refunded).to.deep.equal(GBP(700));
      expect((await sendBack([the(mug)])).body).to.deep.include({ status: 'received', refund: GBP(500) });
      expect(await stockOf('MUG')).to.deep.equal([9, 0, 0]);
      expect((await payment()).refunded).to.deep.equal(GBP(1200));
    });

    it('is received once, even if a crash came before the steps that follow', async () => {
      await send();
      const mug = { lineId: '1', quantity: 1 };
      const asked = { lines: [{ lineId: '1', quantity: 2, reason: 'broken' }] };
      const { body } = await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: asked });
      await step(body.id, 'approve');
      orThrow(
        await shop.runner.execute(
          orders,
          streamOf(orderId),
          { type: 'ReceiveReturn', returnId: body.id, lines: [mug, mug] },
          {
            id: operationCommandId(body.id),
            issuedAt: Date.now(),
            correlationId: 'request',
            actor: { type: 'staff', id: 'support' },
          },
        ),
      );
      await problemOf(step(body.id, 'receive', { lines: [mug] }), 'conflict');
      expect((await step(body.id, 'receive')).body).to.deep.include({ status: 'received', refund: GBP(1000) });
      expect((await payment()).refunded).to.deep.equal(GBP(1000));
    });

    it('tells one of two concurrent receipts with different units that it was already received', async () => {
      await send();
      const lines = [{ lineId: '1', quantity: 2, reason: 'broken' }];
      const { body } = await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: { lines } });
      await step(body.id, 'approve');
      const one = step(body.id, 'receive', { lines: [{ lineId: '1', quantity: 1 }] });
      const two = problemOf(step(body.id, 'receive'), 'conflict');
      expect((await one).body).to.deep.include({ status: 'received', refund: GBP(500) });
      expect((await two).message).to.include('with 1 of line 1;');
      expect((await payment()).refunded).to.deep.equal(GBP(500));
    });

    it('is not received once it was declined', async () => {
      await send();
      const asked = { lines: [{ lineId: '1', quantity: 1, reason: 'broken' }] };
      const { body } = await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: asked });
      expect((await step(body.id, 'decline', { reason: 'worn' })).body).to.include({ declineReason: 'worn' });
      await problemOf(step(body.id, 'receive'), 'conflict');
    });

    it('cannot exceed what was sent', async () => {
      const asked = { lines: [{ lineId: '1', quantity: 1, reason: 'broken' }] };
      await problemOf(shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: asked }), 'rule_violated');
    });
  });

  it('says for every shipment and return which commit of the order it shows', async () => {
    const endOf = async (id: string) => (await shop.runner.load(orders, streamOf(id))).position.commitNo;
    const shipped = await plan();
    const asked = async () => {
      const lines = [{ lineId: '1', quantity: 1, reason: 'broken' }];
      return shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: { lines } });
    };
    const steps = [
      async () => shipped,
      () => step(shipped.body.id, 'dispatch'),
      () => step(shipped.body.id, 'deliver'),
      asked,
      async () => step((await asked()).body.id, 'approve'),
    ];
    for (const take of steps) {
      const { seen } = await take();
      expect(mergeSeen(the(seen)).get(streamOf(orderId))).to.equal(await endOf(orderId));
    }
  });

  it('sells returned units again', async () => {
    await shop.call('post /v1/stock/MUG/counts', { caller: KEEPER, body: { quantity: 2 } });
    await send();
    await sendBack([{ lineId: '1', quantity: 2 }]);
    orderId = await order();
    expect(await stockOf('MUG')).to.deep.equal([2, 0, 2]);
  });
});
