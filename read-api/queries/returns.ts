// A return, for its customer and for support.
import { z } from 'zod';
import { returnIdSchema } from '../../domain/fulfilment/events.js';
import { returns } from '../../domain/fulfilment/return.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint, visible } from '../../domain/kernel/endpoint.js';
import { askedId, pathId, streamOf } from '../../domain/kernel/id.js';
import { loadExisting, type States } from '../../domain/kernel/states.js';
import { order } from '../../domain/order/order.js';
import type { ReturnToShow } from '../views/return.js';

export interface ReturnQueryDeps {
  states: States;
  view: View<ReturnToShow>;
}

export function returnQuery({ states, view }: ReturnQueryDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/returns/{id}',
    summary: 'Get a return',
    roles: ['customer', 'support'],
    params: z.strictObject({ id: pathId(returnIdSchema, 'return_7Q2mXw') }),
    answers: { 200: view.schema },
    async handle({ params: { id }, caller }) {
      const stream = streamOf(askedId(returnIdSchema, id));
      const { state, position } = await states.load(returns, stream);
      const returned = visible(state, id, caller);
      const ordered = await loadExisting(states, order, streamOf(returned.orderId));
      const body = await view.of({ returned, order: ordered.state, reader: caller });
      return shows(200, body, stream, { position }, [streamOf(returned.orderId), ordered.position.commitNo]);
    },
  });
}
