// A shipment, for support.
import { z } from 'zod';
import { shipmentIdSchema } from '../../domain/fulfilment/events.js';
import { type Shipment, shipment } from '../../domain/fulfilment/shipment.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { askedId, existing, pathId, streamOf } from '../../domain/kernel/id.js';
import { loadExisting, type States } from '../../domain/kernel/states.js';
import { type Order, order } from '../../domain/order/order.js';

export interface ShipmentQueryDeps {
  states: States;
  view: View<{ shipment: Shipment; order: Order }>;
}

export function shipmentQuery({ states, view }: ShipmentQueryDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/shipments/{id}',
    summary: 'Get a shipment',
    roles: ['support'],
    params: z.strictObject({ id: pathId(shipmentIdSchema, 'shipment_7Q2mXw') }),
    answers: { 200: view.schema },
    async handle({ params: { id } }) {
      const stream = streamOf(askedId(shipmentIdSchema, id));
      const { state, position } = await states.load(shipment, stream);
      const found = existing(state, id);
      const ordered = await loadExisting(states, order, streamOf(found.orderId));
      const body = await view.of({ shipment: found, order: ordered.state });
      return shows(200, body, stream, { position }, [streamOf(found.orderId), ordered.position.commitNo]);
    },
  });
}
