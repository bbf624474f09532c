// Work lists for support: shipments to send, returns to decide, refunds that failed.
import { z } from 'zod';
import { RETURN_STATUSES } from '../../domain/fulfilment/return.js';
import { SHIPMENT_STATUSES } from '../../domain/fulfilment/shipment.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import type { Page } from '../../projections/models/page.js';
import { REFUND_STATUSES, refundViewSchema } from '../../projections/models/refund-view.js';
import { returnViewSchema } from '../../projections/models/return-view.js';
import { shipmentViewSchema } from '../../projections/models/shipment-view.js';
import type { WorkListRequest, WorkLists } from '../../projections/models/work-lists.js';
import type { ReadModel } from '../../projections/visibility.js';
import { type Opener, openedReason, openedReturn } from '../views/opened.js';
import { caughtUp } from './caught-up.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from './lists.js';

/** The time of the order, its id, and the entry's key within it. */
const place = z.tuple([z.iso.datetime(), z.string(), z.string()]);

const refundEntry = refundViewSchema.extend({ paymentId: z.string(), orderId: z.string() }).meta({ id: 'RefundEntry' });

export interface WorkListDeps {
  workLists: ReadModel<WorkLists>;
  personal: Opener;
}

export function workListQueries({ workLists, personal }: WorkListDeps): Endpoint[] {
  function workList<V extends { status: string }, S extends { status: V['status'] }>(
    path: string,
    summary: string,
    entry: z.ZodType<V>,
    statuses: readonly V['status'][],
    listOf: (queries: WorkLists) => (request: WorkListRequest<S>) => Promise<Page<S>>,
    openedEntry: (sealed: S, personal: Opener) => Promise<V>,
  ): Endpoint {
    return endpoint({
      method: 'get',
      path,
      summary,
      description: 'Entries of the oldest orders come first.',
      roles: ['support'],
      query: z.strictObject({ status: z.enum(statuses).optional(), ...pageQuery }),
      answers: { 200: pageAnswer(entry) },
      async handle(request) {
        const { status, limit } = request.query;
        const after = cursorOf(request, place);
        const list = listOf(await caughtUp('The list', workLists, request));
        const page = await list({ status, limit, after });
        const data = await Promise.all(page.data.map((sealed) => openedEntry(sealed, personal)));
        return { status: 200, body: pageBody(request, { ...page, data }) };
      },
    });
  }

  return [
    workList(
      '/v1/shipments',
      'List shipments',
      shipmentViewSchema,
      SHIPMENT_STATUSES,
      (queries) => queries.shipments,
      openedReason,
    ),
    workList(
      '/v1/returns',
      'List returns',
      returnViewSchema,
      RETURN_STATUSES,
      (queries) => queries.returns,
      openedReturn,
    ),
    workList('/v1/refunds', 'List refunds', refundEntry, REFUND_STATUSES, (queries) => queries.refunds, openedReason),
  ];
}
