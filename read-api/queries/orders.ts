// Orders, for their customers and for support.
import { z } from 'zod';
import { type EmailKeyOf, emailSchema } from '../../domain/kernel/email.js';
import { type Endpoint, type EndpointRequest, endpoint, ownerFor, visible } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, pathId } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { shortText } from '../../domain/kernel/text.js';
import { customerIdSchema, orderIdSchema } from '../../domain/order/events.js';
import { FULFILMENT_STATUSES, ORDER_STATUSES } from '../../domain/order/order.js';
import { PAYMENT_STATUSES } from '../../domain/payment/ledger.js';
import { orderViewSchema } from '../../projections/models/order-view.js';
import type { OrderQueries } from '../../projections/models/orders.js';
import type { ReadModel } from '../../projections/visibility.js';
import { openedOrder } from '../views/opened-order.js';
import { caughtUp } from './caught-up.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from './lists.js';

const MODEL = 'The order list';
/** The time of the order, and its id. */
const placed = z.tuple([z.iso.datetime(), z.string()]);

export interface OrderQueryDeps {
  orders: ReadModel<OrderQueries>;
  personal: Pick<PersonalData, 'open'>;
  emailKeyOf: EmailKeyOf;
}

/** Filters that customers may not use. */
const SUPPORT_ONLY = ['paymentStatus', 'fulfilmentStatus', 'number', 'email'] as const;

export function orderQueries({ orders, personal, emailKeyOf }: OrderQueryDeps): Endpoint[] {
  const params = z.strictObject({ id: pathId(orderIdSchema, 'order_536365') });
  const one = {
    method: 'get',
    roles: ['customer', 'support'],
    params,
    answers: { 200: orderViewSchema },
    async handle(request: EndpointRequest<z.output<typeof params>>) {
      const { caller } = request;
      const id = askedId(orderIdSchema, request.params.id);
      const queries = await caughtUp(MODEL, orders, request);
      const order = visible(await queries.byId(id), id, caller);
      return { status: 200, body: await openedOrder(order, personal, caller), version: order.version };
    },
  } satisfies Partial<Endpoint<z.output<typeof params>>>;
  return [
    endpoint({
      method: 'get',
      path: '/v1/orders',
      summary: 'List orders',
      description: 'Customers see their own orders. Support sees all orders. The newest order comes first.',
      roles: ['customer', 'support'],
      query: z.strictObject({
        customerId: customerIdSchema
          .optional()
          .meta({ description: 'For support only. Customers see their own orders' }),
        status: z.enum(ORDER_STATUSES).optional(),
        paymentStatus: z.enum(PAYMENT_STATUSES).optional().meta({ description: 'For support only' }),
        fulfilmentStatus: z.enum(FULFILMENT_STATUSES).optional().meta({ description: 'For support only' }),
        number: shortText(100).optional().meta({
          description: 'For support only: the number of the order',
          example: '536365',
        }),
        email: emailSchema.optional().meta({
          description: 'For support only: the e-mail address that the order was placed with. Case does not matter',
          example: 'ada@example.com',
        }),
        ...pageQuery,
      }),
      answers: { 200: pageAnswer(orderViewSchema) },
      async handle(request) {
        const { caller, query } = request;
        const { email, after: _, ...filters } = query;
        if (caller.role !== 'support') refuseFiltersOfSupport(query);
        const customerId = ownerFor(caller) ?? query.customerId;
        const emailKey = email === undefined ? undefined : emailKeyOf(email);
        const after = cursorOf(request, placed);
        const queries = await caughtUp(MODEL, orders, request);
        const page = await queries.list({ ...filters, customerId, emailKey, after });
        const opened = await Promise.all(page.data.map((order) => openedOrder(order, personal, caller)));
        // After a customer's data is forgotten, their orders are not found by e-mail address any more.
        const data = email === undefined ? opened : opened.filter((order) => order.email !== undefined);
        return { status: 200, body: pageBody(request, { ...page, data }) };
      },
    }),
    endpoint({ ...one, path: '/v1/orders/{id}', summary: 'Get an order' }),
    endpoint({
      ...one,
      path: '/v1/orders/{id}/updates',
      summary: 'Get the updates of an order',
      description:
        'Server-sent events: the order at once, and again after each change, within a second. The stream ends after 20 s. An ' +
        'EventSource continues it by itself, without an event that it already has.',
      isWatched: true,
    }),
  ];
}

function refuseFiltersOfSupport(query: { [F in (typeof SUPPORT_ONLY)[number]]?: unknown }): void {
  const filter = SUPPORT_ONLY.find((name) => query[name] !== undefined);
  if (filter) throw new Problem('forbidden', `Only support may filter orders by ${filter}; leave it out.`);
}
