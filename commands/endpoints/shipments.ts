// Sending orders: a shipment is planned, dispatched and delivered. Dispatch takes its units out of stock and its share of the money.
import { z } from 'zod';
import { shipmentIdSchema, trackingSchema } from '../../domain/fulfilment/events.js';
import { type Shipment, type ShipmentCommand, shipment } from '../../domain/fulfilment/shipment.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { isRejection, Problem } from '../../domain/kernel/errors.js';
import { askedId, streamOf } from '../../domain/kernel/id.js';
import { lineUnitsSchema } from '../../domain/order/events.js';
import { operationCommandId, order, unitsToSend } from '../../domain/order/order.js';
import { findOrder } from '../lookups/own-orders.js';
import type { Settlement } from '../processes/settlement.js';
import type { CommandRunner, Loaded } from '../runtime/command-runner.js';
import { beside, shows } from './answers.js';

const orderParams = z.strictObject({ id: z.string().meta({ example: 'order_536365' }) });
const params = z.strictObject({ id: z.string().meta({ example: 'shipment_7Q2mXw' }) });
const time = z.iso.datetime();

const planBody = z
  .strictObject({
    lines: z.array(lineUnitsSchema).min(1).optional().meta({ description: 'Without: all that is not sent yet' }),
    tracking: trackingSchema.optional().meta({ example: 'RM123456785GB' }),
  })
  .prefault({});

const shipmentAnswer = z
  .strictObject({
    id: z.string(),
    orderId: z.string(),
    status: z.enum(['planned', 'dispatched', 'delivered']),
    lines: z.array(lineUnitsSchema),
    tracking: z.string().optional(),
    dispatchedAt: time.optional(),
    deliveredAt: time.optional(),
  })
  .meta({ id: 'Shipment' });

export interface ShipmentEndpointsDeps {
  runner: CommandRunner;
  settlement: Pick<Settlement, 'attempt'>;
}

type ShipmentRequest = EndpointRequest<z.output<typeof params>>;

export function shipmentEndpoints({ runner, settlement }: ShipmentEndpointsDeps): Endpoint[] {
  async function plan({
    params,
    body,
    caller,
    command,
    newId,
  }: EndpointRequest<{ id: string }, unknown, z.output<typeof planBody>>): Promise<Reply> {
    const known = await findOrder({ runner }, params.id, caller);
    const { orderId, status } = known;
    if (status !== 'confirmed') throw new Problem('conflict', `${orderId} is ${status}; nothing can be sent.`);
    const lines = unitsToSend(known, body.lines);
    if (isRejection(lines)) throw new Problem(lines.rejected, lines.detail, lines.extra);
    const shipmentId = newId('shipment');
    const planned = { type: 'PlanShipment', shipmentId, orderId, lines, tracking: body.tracking } as const;
    const outcome = await runner.execute(shipment, streamOf(shipmentId), planned, beside(command()));
    return { ...shown(201, outcome), headers: { Location: `/v1/shipments/${shipmentId}` } };
  }

  async function dispatch({ params, requestId, command }: ShipmentRequest): Promise<Reply> {
    const { state } = await load(params.id);
    const { shipmentId, orderId, status, lines } = state!;
    if (status !== 'planned') return shown(200, await load(shipmentId));
    const meta = { ...beside(command()), id: operationCommandId(shipmentId) };
    await runner.execute(order, streamOf(orderId), { type: 'FulfilOrder', fulfilmentId: shipmentId, lines }, meta);
    const seen = await settlement.attempt(orderId, { correlationId: requestId, actor: meta.actor });
    return { ...shown(200, await load(shipmentId)), seen };
  }

  async function deliver({ params, command }: ShipmentRequest): Promise<Reply> {
    const delivered: ShipmentCommand = { type: 'RecordDelivery' };
    const stream = streamOf(askedId(shipmentIdSchema, params.id));
    return shown(200, await runner.execute(shipment, stream, delivered, command()));
  }

  async function load(id: string): Promise<Loaded<Shipment | null>> {
    const loaded = await runner.load(shipment, streamOf(askedId(shipmentIdSchema, id)));
    if (!loaded.state) throw new Problem('not_found', `There is no ${id}.`);
    return loaded;
  }

  const step = (word: string, summary: string, handle: (request: ShipmentRequest) => Promise<Reply>) =>
    endpoint({
      method: 'post',
      path: `/v1/shipments/{id}/${word}`,
      summary,
      roles: ['support'],
      idempotency: 'accepted',
      params,
      answers: { 200: shipmentAnswer },
      handle,
    }) as Endpoint;

  return [
    endpoint({
      method: 'post',
      path: '/v1/orders/{id}/shipments',
      summary: 'Plan to send what is open of an order, or some of it',
      roles: ['support'],
      idempotency: 'accepted',
      params: orderParams,
      body: planBody,
      answers: { 201: shipmentAnswer },
      handle: plan,
    }) as Endpoint,
    step('dispatch', 'A shipment has left: its share of the money is taken', dispatch),
    step('deliver', 'A shipment has arrived', deliver),
    endpoint({
      method: 'get',
      path: '/v1/shipments/{id}',
      summary: 'One shipment',
      roles: ['support'],
      params,
      answers: { 200: shipmentAnswer },
      handle: async ({ params }) => shown(200, await load(params.id)),
    }) as Endpoint,
  ];
}

function shown(status: number, loaded: Loaded<Shipment | null>): Reply {
  const { shipmentId, orderId, status: phase, lines, tracking, dispatchedAt, deliveredAt } = loaded.state!;
  const body = {
    id: shipmentId,
    orderId,
    status: phase,
    lines,
    ...(tracking !== undefined && { tracking }),
    ...(dispatchedAt !== undefined && { dispatchedAt: new Date(dispatchedAt).toISOString() }),
    ...(deliveredAt !== undefined && { deliveredAt: new Date(deliveredAt).toISOString() }),
  };
  return shows(status, body, streamOf(shipmentId), loaded);
}
