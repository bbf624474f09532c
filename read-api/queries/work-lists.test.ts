import { expect } from 'chai';
import type { WorkListRequest } from '../../projections/models/work-lists.js';
import { callerOf } from '../../test/call-endpoint.js';
import { readModel } from '../../test/read-model.js';
import { SUPPORT, unsealed } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { workListQueries } from './work-lists.js';

describe('The work lists of support', () => {
  const placedAt = '2026-01-01T00:00:00.000Z';
  const GBP = { amount: 500, currency: 'GBP' };
  const lines = [{ lineId: '1', quantity: 1 }];
  const ENTRIES = {
    shipments: { id: 'shipment_1', orderId: 'order_1', status: 'planned', location: 'main', lines },
    returns: {
      ...{ id: 'return_1', orderId: 'order_1', status: 'requested' },
      lines: [{ lineId: '1', quantity: 1, reason: 'torn' }],
    },
    refunds: {
      ...{ id: 'refund_1', orderId: 'order_1', paymentId: 'payment_1', status: 'failed' },
      ...{ amount: GBP, reason: 'late', requestedAt: placedAt, failure: 'expired card' },
    },
  } as const;

  let asked: WorkListRequest<never> | undefined;
  const next = [placedAt, 'order_1', 'x'];
  const answering = (entry: object) => async (request: WorkListRequest<never>) => {
    asked = request;
    return { data: [entry], next } as never;
  };
  const endpoints = workListQueries({
    personal: unsealed,
    workLists: readModel({
      shipments: answering(ENTRIES.shipments),
      returns: answering(ENTRIES.returns),
      refunds: answering(ENTRIES.refunds),
    }),
  });
  const call = callerOf(endpoints);

  for (const [list, entry] of Object.entries(ENTRIES)) {
    it(`show ${list} by status, page by page, to support alone`, async () => {
      const { body } = await call(`get /v1/${list}`, { caller: SUPPORT, query: { status: entry.status, limit: '1' } });
      expect(body.data).to.deep.equal([entry]);
      expect(body.page.hasMore).to.equal(true);
      expect(asked).to.deep.equal({ status: entry.status, limit: 1, after: undefined });
      await call(`get /v1/${list}`, { caller: SUPPORT, query: { after: body.page.next } });
      expect(asked).to.deep.equal({ status: undefined, limit: 24, after: next });
      const endpoint = the(endpoints.find(({ path }) => path === `/v1/${list}`));
      expect(endpoint.roles).to.deep.equal(['support']);
      expect(the(endpoint.query).safeParse({ status: 'odd' }).success).to.equal(false);
    });
  }
});
