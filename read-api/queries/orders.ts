// Orders, for the customers whose they are and for support.
import { z } from 'zod';
import { type Caller, customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { customerIdSchema, orderContents, orderIdSchema } from '../../domain/order/events.js';
import { orderViewSchema } from '../../domain/order/order-view.js';
import type { OrderQueries } from '../../projections/models/orders.js';
import type { Visibility } from '../../projections/visibility.js';
import { caughtUp } from './caught-up.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from './lists.js';
import { openedOrder } from './opened-order.js';

const MODEL = 'The order list';
/** When it was placed, and its id. */
const placed = z.tuple([z.iso.datetime(), z.string()]);

export interface OrderQueryDeps {
  queries: OrderQueries;
  visibility: Visibility;
  personal: Pick<PersonalData, 'open'>;
}

export function orderQueries({ queries, visibility, personal }: OrderQueryDeps): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/v1/orders',
      summary: "The caller's orders, or for support those of anybody, the newest first",
      roles: ['customer', 'support'],
      query: z.strictObject({
        customerId: customerIdSchema.optional().meta({ description: "Support's choice; customers see their own" }),
        number: orderContents.number.meta({ description: 'What people call the order', example: '536365' }),
        ...pageQuery,
      }),
      answers: { 200: pageAnswer(orderViewSchema) },
      async handle(request) {
        const { caller, query } = request;
        const customerId = ownerFor(caller) ?? query.customerId;
        const after = cursorOf(request, placed);
        await caughtUp(MODEL, visibility, request);
        const page = await queries.list({ customerId, number: query.number, limit: query.limit, after });
        const data = await Promise.all(page.data.map((order) => openedOrder(order, personal, caller)));
        return { status: 200, body: pageBody(request, { ...page, data }) };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/orders/{id}',
      summary: 'One order',
      roles: ['customer', 'support'],
      params: z.strictObject({ id: z.string().meta({ example: 'order_536365' }) }),
      answers: { 200: orderViewSchema },
      async handle(request) {
        const { caller, params } = request;
        const id = askedId(orderIdSchema, params.id);
        await caughtUp(MODEL, visibility, request);
        const order = await queries.byId(id);
        const owner = ownerFor(caller);
        if (!order || (owner !== undefined && order.customerId !== owner)) {
          throw new Problem('not_found', `There is no ${id}.`);
        }
        return { status: 200, body: await openedOrder(order, personal, caller), version: order.version };
      },
    }),
  ];
}

/** The only customer whose orders the caller may see; undefined for support, who may see all. */
function ownerFor(caller: Caller): string | undefined {
  return caller.role === 'support' ? undefined : customerOf(caller);
}
