// Queries that fold one stream: coupons, tariffs, the settings of the shop, shipments and returns. They answer as the commands do.
import { expect } from 'chai';
import { streamOf } from '../../domain/kernel/id.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, BOB, createShop, fill, KEEPER, type Shop, SUPPORT, sell } from '../../test/shop.js';

describe('A query that folds a stream', () => {
  let shop: Shop;
  const keep = (target: string, body: unknown) => shop.call(`put /v1/${target}`, { caller: KEEPER, body });
  const read = (path: string, caller = SUPPORT) => shop.call(`get /v1/${path}`, { caller });

  beforeEach(() => {
    shop = createShop();
  });

  it('answers what the command has answered', async () => {
    const terms = { kind: 'percentage', basisPoints: 1_000, limit: 5 };
    const zones = [{ currency: 'GBP', by: 'flat', rates: [{ amount: 900 }] }];
    const changed: [path: string, body: unknown, list?: string][] = [
      ['coupons/SPRING', terms],
      ['shop', { currencies: ['JPY'], countries: ['JP'] }],
      ['tax-rates/gb', { country: 'GB', basisPoints: 2_000 }, 'tax-rates'],
      ['shipping-methods/express', { title: 'Express', zones }, 'shipping-methods'],
    ];
    for (const [path, body, list] of changed) {
      await keep('shop', { currencies: ['GBP'], countries: ['GB'] });
      const told = await keep(path, body);
      const shown = await read(list ?? path, KEEPER);
      expect(list ? shown.body.data.at(-1) : shown.body, path).to.deep.equal(told.body);
      expect([shown.version, ...shown.seen!], path).to.deep.equal([told.version, ...told.seen!]);
    }
  });

  it('finds no coupon that is not defined', async () => {
    await problemOf(read('coupons/SPRING'), 'not_found');
    await problemOf(read('coupons/spring time'), 'not_found');
  });

  describe('of an order', () => {
    let orderId: string;
    const act = (path: string, body?: unknown) => shop.call(`post /v1/${path}`, { caller: SUPPORT, body });
    const streamsIn = (seen: Iterable<readonly [StreamId, number]>) => [...seen].map(([stream]) => stream);

    beforeEach(async () => {
      await sell(shop, 'MUG', 500);
      const [cartId, body] = [await fill(shop, { MUG: 2 }), { paymentMethod: 'pm_card_visa' }];
      orderId = (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body })).body.id;
    });

    it('shows a shipment as the order has it', async () => {
      const { body: planned } = await act(`orders/${orderId}/shipments`);
      const { body, version, seen } = await read(`shipments/${planned.id}`);
      expect(body).to.deep.equal(planned);
      expect(version).to.equal(1);
      expect(streamsIn(seen!)).to.deep.equal([streamOf(planned.id), streamOf(orderId)]);
      await shop.call(`post /v1/orders/${orderId}/cancel`, { caller: ADA, body: {} });
      expect((await read(`shipments/${planned.id}`)).body.status).to.equal('cancelled');
      await problemOf(read('shipments/shipment_none'), 'not_found');
    });

    it('shows a return to its customer and to support, who also sees where it arrived', async () => {
      const shipmentId = (await act(`orders/${orderId}/shipments`)).body.id;
      await act(`shipments/${shipmentId}/dispatch`);
      const asked = { lines: [{ lineId: '1', quantity: 1, reason: 'broken' }] };
      const { id } = (await shop.call(`post /v1/orders/${orderId}/returns`, { caller: ADA, body: asked })).body;
      await act(`returns/${id}/approve`);
      const { body: received } = await act(`returns/${id}/receive`);
      expect(received).to.deep.include({ location: 'main', refund: { amount: 500, currency: 'GBP' } });
      const { body, seen } = await read(`returns/${id}`);
      expect(body).to.deep.equal(received);
      expect(streamsIn(seen!)).to.deep.equal([streamOf(id), streamOf(orderId)]);
      const { location, ...own } = received;
      expect((await read(`returns/${id}`, ADA)).body).to.deep.equal(own);
      await problemOf(read(`returns/${id}`, BOB), 'not_found');
      await problemOf(read('returns/return_none'), 'not_found');
    });
  });
});
