// Sending orders: a shipment is planned, dispatched and delivered. Dispatch takes its units out of stock and its share of the money.
import { z } from 'zod';
import { shipmentIdSchema, trackingSchema } from '../../domain/fulfilment/events.js';
import {
  SHIPMENT_STATUSES,
  type Shipment,
  type ShipmentCommand,
  shipment,
  shipmentStatusOf,
} from '../../domain/fulfilment/shipment.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { isRejection, Problem, problemOf } from '../../domain/kernel/errors.js';
import { askedId, streamOf } from '../../domain/kernel/id.js';
import { lineUnitsSchema } from '../../domain/order/events.js';
import { type Order, operationCommandId, order, parcelsOf, unitsToSend } from '../../domain/order/order.js';
import type { Parcel } from '../../domain/order/parcels.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
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
    status: z.enum(SHIPMENT_STATUSES),
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
    if (isRejection(lines)) throw problemOf(lines);
    const shipmentId = newId('shipment');
    const planned = { type: 'PlanShipment', shipmentId, orderId, lines, tracking: body.tracking } as const;
    const outcome = await runner.execute(shipment, streamOf(shipmentId), planned, beside(command()));
    return { ...shown(201, outcome, known), headers: { Location: `/v1/shipments/${shipmentId}` } };
  }

  async function dispatch({ params, requestId, command }: ShipmentRequest): Promise<Reply> {
    const planned = await load(params.id);
    const { shipmentId, orderId, status, lines } = planned.state!;
    const known = await orderOf(planned);
    if (status !== 'planned') return shown(200, planned, known);
    if (shipmentStatusOf(planned.state!, known) === 'cancelled') {
      throw new Problem('conflict', `${shipmentId} is cancelled: its units were cancelled, or sent otherwise.`);
    }
    if (!known.operationIds.includes(shipmentId)) await checkThere(parcelsOf(known, lines));
    const meta = { ...beside(command()), id: operationCommandId(shipmentId) };
    const fulfil = { type: 'FulfilOrder', fulfilmentId: shipmentId, lines } as const;
    const { state: fulfilled } = await runner.execute(order, streamOf(orderId), fulfil, meta);
    const seen = await settlement.attempt(orderId, { correlationId: requestId, actor: meta.actor });
    return { ...shown(200, await load(shipmentId), fulfilled!), seen };
  }

  /**
   * What is promised beyond what is there cannot leave before it has come. It is looked at, not locked: of two dispatches in
   * one moment both may find the last unit, and then the stock tells that one is missing.
   */
  async function checkThere(parcels: readonly Parcel[]): Promise<void> {
    const missing: string[] = [];
    const available: Record<string, number> = {};
    const look = async ({ sku, location, quantity }: Parcel) => {
      const { onHand } = (await runner.load(stockItem, stockStream({ sku, location }))).state;
      if (onHand >= quantity) return;
      missing.push(`${sku} at ${location} has ${onHand} on hand, not ${quantity}`);
      available[sku] = (available[sku] ?? 0) + Math.max(0, onHand);
    };
    await Promise.all(parcels.map(look));
    if (missing.length > 0) throw new Problem('out_of_stock', `${missing.join('; ')}.`, { available });
  }

  async function deliver({ params, command }: ShipmentRequest): Promise<Reply> {
    const delivered: ShipmentCommand = { type: 'RecordDelivery' };
    const stream = streamOf(askedId(shipmentIdSchema, params.id));
    const outcome = await runner.execute(shipment, stream, delivered, command());
    return shown(200, outcome, await orderOf(outcome));
  }

  async function read(id: string): Promise<Reply> {
    const loaded = await load(id);
    return shown(200, loaded, await orderOf(loaded));
  }

  async function orderOf({ state }: Loaded<Shipment | null>): Promise<Order> {
    return (await runner.load(order, streamOf(state!.orderId))).state!;
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
    });

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
    }),
    {
      ...step('dispatch', 'A shipment has left: its share of the money is taken', dispatch),
      problems: ['out_of_stock'],
    },
    step('deliver', 'A shipment has arrived', deliver),
    endpoint({
      method: 'get',
      path: '/v1/shipments/{id}',
      summary: 'One shipment',
      roles: ['support'],
      params,
      answers: { 200: shipmentAnswer },
      handle: ({ params }) => read(params.id),
    }),
  ];
}

function shown(status: number, loaded: Loaded<Shipment | null>, known: Order): Reply {
  const { shipmentId, orderId, lines, tracking, dispatchedAt, deliveredAt } = loaded.state!;
  const body = {
    id: shipmentId,
    orderId,
    status: shipmentStatusOf(loaded.state!, known),
    lines,
    ...(tracking !== undefined && { tracking }),
    ...(dispatchedAt !== undefined && { dispatchedAt: new Date(dispatchedAt).toISOString() }),
    ...(deliveredAt !== undefined && { deliveredAt: new Date(deliveredAt).toISOString() }),
  };
  return shows(status, body, streamOf(shipmentId), loaded);
}
