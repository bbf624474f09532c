// Finds the streams of orders by what people know of them. It tells nothing else about an order.
import { z } from 'zod';
import { type EmailKeyOf, emailSchema } from '../../domain/kernel/email.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { invalidField } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isForgotten, type PersonalData } from '../../domain/kernel/personal.js';
import { shortText } from '../../domain/kernel/text.js';
import { customerIdSchema } from '../../domain/order/events.js';
import type { OrderQueries, SealedOrderView } from '../../projections/models/orders.js';
import type { ReadModel } from '../../projections/visibility.js';
import { caughtUp } from '../queries/caught-up.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from '../queries/lists.js';

export interface OrderSearchDeps {
  orders: ReadModel<Pick<OrderQueries, 'list'>>;
  personal: Pick<PersonalData, 'open'>;
  emailKeyOf: EmailKeyOf;
}

const found = z
  .strictObject({ id: z.string(), number: z.string(), stream: z.string(), placedAt: z.string() })
  .meta({ id: 'FoundOrder' });

/** The time of the order, and its id. */
const placed = z.tuple([z.iso.datetime(), z.string()]);

export function orderSearch({ orders, personal, emailKeyOf }: OrderSearchDeps): Endpoint {
  async function isForgottenOrder({ email }: SealedOrderView): Promise<boolean> {
    return email === undefined || isForgotten(await personal.open(email));
  }

  return endpoint({
    method: 'get',
    path: '/v1/audit/orders',
    summary: 'Search for orders',
    description: 'Takes one of number, customer and e-mail address. The newest order comes first.',
    roles: ['ops', 'auditor'],
    query: z.strictObject({
      number: shortText(100).optional().meta({ example: '536365' }),
      customerId: customerIdSchema.optional(),
      email: emailSchema
        .optional()
        .meta({ description: 'The address that the order was placed with', example: 'ada@example.com' }),
      ...pageQuery,
    }),
    answers: { 200: pageAnswer(found) },
    async handle(request) {
      const { number, customerId, email, limit } = request.query;
      if ([number, customerId, email].filter((value) => value !== undefined).length !== 1)
        throw invalidField('', 'Give one of ?number, ?customerId and ?email');
      const after = cursorOf(request, placed);
      const queries = await caughtUp('The order list', orders, request);
      const emailKey = email === undefined ? undefined : emailKeyOf(email);
      const page = await queries.list({ number, customerId, emailKey, limit, after });
      // After a customer's data is forgotten, their orders are not found by e-mail address any more.
      const forgotten = await Promise.all(page.data.map((order) => email !== undefined && isForgottenOrder(order)));
      const data = page.data
        .filter((_, n) => !forgotten[n])
        .map(({ id, number, placedAt }) => ({ id, number, stream: streamOf(id), placedAt }));
      return { status: 200, body: pageBody(request, { ...page, data }) };
    },
  });
}
