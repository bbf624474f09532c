// What customers look at, for recommendations.
import { z } from 'zod';
import { customer } from '../../domain/customer/customer.js';
import type { Clock } from '../../domain/kernel/clock.js';
import { customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { States } from '../../domain/kernel/states.js';
import { productIdSchema } from '../../domain/product/events.js';
import { product } from '../../domain/product/product.js';
import type { ViewStream } from './ports.js';

/** A product that another process publishes can be viewed after this time. */
const STATUS_MAX_AGE_MS = 60_000;

/** Another process refuses the views of a forgotten person after this time. What comes before is deleted with the rest. */
const FORGETTING_MAX_AGE_MS = 10_000;

export interface ViewEndpointsDeps {
  runner: States;
  views: Pick<ViewStream, 'record'>;
  sessionOf(customerId: string): string;
  clock: Clock;
}

export function viewEndpoints({ runner, views, sessionOf, clock }: ViewEndpointsDeps): Endpoint[] {
  return [
    endpoint({
      method: 'post',
      path: '/v1/me/views',
      summary: 'Record that the caller looks at a product',
      description:
        'Recommendations follow from it within seconds. Views are not in the log. They are deleted after 30 days without a ' +
        'view, and when the person is forgotten.',
      roles: ['customer'],
      idempotency: 'accepted',
      body: z.strictObject({ productId: productIdSchema.meta({ example: 'product_mug' }) }),
      answers: { 202: z.void() },
      problems: ['not_found'],
      async handle({ body: { productId }, caller, newId }) {
        const customerId = customerOf(caller);
        const [{ state }, { state: person }] = await Promise.all([
          runner.load(product, streamOf(productId), { maxAgeMs: STATUS_MAX_AGE_MS }),
          runner.load(customer, streamOf(customerId), { maxAgeMs: FORGETTING_MAX_AGE_MS }),
        ]);
        if (person.forgetting) throw new Problem('rule_violated', `${customerId} was forgotten; start a new session.`);
        if (state?.status !== 'published') throw new Problem('not_found', `There is no ${productId}.`);
        const view = { id: newId('view'), session: sessionOf(customerId), product: productId, at: clock() };
        await views.record(view);
        return { status: 202 };
      },
    }),
  ];
}
