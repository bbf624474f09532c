// Shipments: a shipment is planned, dispatched and delivered, or its delivery fails, or it is lost. Dispatch takes its units out
// of stock and captures its share of the money.
import { z } from 'zod';
import {
  carrierSchema,
  problemReasonSchema,
  shipmentIdSchema,
  trackingSchema,
} from '../../domain/fulfilment/events.js';
import { type Shipment, type ShipmentCommand, shipment, shipmentStatusOf } from '../../domain/fulfilment/shipment.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { withoutExpectedVersion } from '../../domain/kernel/command.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { orThrow, Problem, problemOf } from '../../domain/kernel/errors.js';
import { askedId, existing, locationSchema, pathId, streamOf } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import { type Loaded, loadExisting } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { lineUnitsSchema, MAX_UNITS_ENTRIES, orderIdSchema } from '../../domain/order/events.js';
import { consignmentOf, type Order, operationCommandId, order } from '../../domain/order/order.js';
import type { Parcel } from '../../domain/order/parcels.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { findOrder, loadOrder } from './own-orders.js';
import type { Settlement } from './settlement.js';

const orderParams = z.strictObject({ id: pathId(orderIdSchema, 'order_536365') });
const params = z.strictObject({ id: pathId(shipmentIdSchema, 'shipment_7Q2mXw') });

const transport = {
  tracking: trackingSchema.meta({ example: 'RM123456785GB' }),
  carrier: carrierSchema.meta({ example: 'Royal Mail' }),
};

const dispatchBody = z.strictObject(transport).partial().prefault({});

const trackingBody = z
  .strictObject({ tracking: transport.tracking.nullable(), carrier: transport.carrier.nullable() })
  .partial()
  .meta({ description: 'A field that is left out does not change; `null` clears it' });

const planBody = z
  .strictObject({
    location: locationSchema.optional().meta({
      description: 'The location that the shipment leaves from. Required if its units are at several locations',
    }),
    lines: z
      .array(lineUnitsSchema)
      .min(1)
      .max(MAX_UNITS_ENTRIES)
      .optional()
      .meta({ description: 'Default: all units at the location that are not sent yet' }),
    tracking: transport.tracking.optional(),
    carrier: transport.carrier.optional(),
  })
  .prefault({});

const problemBody = z
  .strictObject({ reason: problemReasonSchema.meta({ example: 'nobody at home' }) })
  .partial()
  .prefault({});

/** People decide about the consequences. */
const RECORDED_ONLY =
  'Order, stock and payment do not change: support decides about a refund or another parcel. Units that come back are received as a return.';

export interface ShipmentEndpointsDeps {
  runner: CommandRunner;
  settlement: Pick<Settlement, 'attempt'>;
  personal: Pick<PersonalData, 'sealFor'>;
  view: View<{ shipment: Shipment; order: Order }>;
}

type ShipmentRequest<B = unknown> = EndpointRequest<z.output<typeof params>, unknown, B>;

export function shipmentEndpoints({ runner, settlement, personal, view }: ShipmentEndpointsDeps): Endpoint[] {
  async function plan({
    params,
    body,
    caller,
    command,
    newId,
  }: EndpointRequest<{ id: string }, unknown, z.output<typeof planBody>>): Promise<Reply> {
    const loaded = await loadOrder({ runner }, params.id, caller);
    const known = loaded.state;
    const { orderId, status } = known;
    if (status !== 'confirmed') throw new Problem('conflict', `${orderId} is ${status}; nothing can be sent.`);
    const consignment = consignmentOf(known, body.lines, body.location);
    if (isRejection(consignment)) throw problemOf(consignment);
    const { location, lines } = consignment;
    const shipmentId = newId('shipment');
    const { tracking, carrier } = body;
    const planned = { type: 'PlanShipment', shipmentId, orderId, location, lines, tracking, carrier } as const;
    const outcome = orThrow(
      await runner.execute(shipment, streamOf(shipmentId), planned, withoutExpectedVersion(command())),
    );
    return { ...(await shown(201, outcome, loaded)), headers: { Location: `/v1/shipments/${shipmentId}` } };
  }

  /** The tracking is changed last, so that a repeat after a crash does the missing steps. */
  async function dispatch(request: ShipmentRequest<z.output<typeof dispatchBody>>): Promise<Reply> {
    const { params, body, command } = request;
    const planned = await load(params.id);
    const known = await orderOf(planned);
    const isPlanned = planned.state.status === 'planned';
    const { sent, seen } = isPlanned ? await send(planned.state, known.state, request) : { sent: known, seen: [] };
    const stream = streamOf(params.id);
    const isTracked = body.tracking !== undefined || body.carrier !== undefined;
    const tracked: ShipmentCommand = { type: 'ChangeTracking', ...body };
    const after = isTracked
      ? orThrow(await runner.execute(shipment, stream, tracked, withoutExpectedVersion(command('tracking'))))
      : await load(params.id);
    return shown(200, after, sent, ...seen);
  }

  /** Returns the order after the dispatch, and the commits of its settlement. */
  async function send(planned: Shipment, known: Order, request: ShipmentRequest) {
    const { requestId, command } = request;
    const { shipmentId, orderId, location, lines } = planned;
    if (shipmentStatusOf(planned, known) === 'cancelled') {
      throw new Problem(
        'conflict',
        `${shipmentId} is cancelled: its units were cancelled, or are sent in another shipment.`,
      );
    }
    if (!known.operationIds.includes(shipmentId)) {
      const consignment = consignmentOf(known, lines, location);
      if (isRejection(consignment)) throw problemOf(consignment);
      await checkThere(consignment.parcels);
    }
    const meta = { ...withoutExpectedVersion(command()), id: operationCommandId(shipmentId) };
    const fulfil = { type: 'FulfilOrder', fulfilmentId: shipmentId, lines, location } as const;
    const { state, position } = orThrow(await runner.execute(order, streamOf(orderId), fulfil, meta));
    const seen = await settlement.attempt(orderId, { correlationId: requestId, actor: meta.actor });
    return { sent: { state: state, position }, seen };
  }

  /**
   * Backordered units cannot be dispatched before they arrive. This check takes no lock: two dispatches at the same moment may
   * both find the last unit. Stock then reports one unit as missing.
   */
  async function checkThere(parcels: readonly Parcel[]): Promise<void> {
    const missing: string[] = [];
    const available = new Map<string, number>();
    const look = async ({ sku, location, quantity }: Parcel) => {
      const { onHand } = (await runner.load(stockItem, stockStream({ sku, location }))).state;
      if (onHand >= quantity) return;
      missing.push(`${sku} at ${location} has ${onHand} on hand, not ${quantity}`);
      available.set(sku, (available.get(sku) ?? 0) + Math.max(0, onHand));
    };
    await Promise.all(parcels.map(look));
    if (missing.length === 0) return;
    throw new Problem('out_of_stock', `${missing.join('; ')}.`, { available: Object.fromEntries(available) });
  }

  async function changeTracking({
    params,
    body,
    command,
  }: ShipmentRequest<z.output<typeof trackingBody>>): Promise<Reply> {
    const stream = streamOf(askedId(shipmentIdSchema, params.id));
    const outcome = orThrow(await runner.execute(shipment, stream, { type: 'ChangeTracking', ...body }, command()));
    return shown(200, outcome, await orderOf(outcome));
  }

  async function record({ params, command }: ShipmentRequest, fact: ShipmentCommand): Promise<Reply> {
    const stream = streamOf(askedId(shipmentIdSchema, params.id));
    const outcome = orThrow(await runner.execute(shipment, stream, fact, command()));
    return shown(200, outcome, await orderOf(outcome));
  }

  async function recordProblem(
    request: ShipmentRequest<z.output<typeof problemBody>>,
    type: 'RecordFailedDelivery' | 'RecordLoss',
  ): Promise<Reply> {
    const { reason } = request.body;
    if (reason === undefined) return record(request, { type });
    const known = await load(request.params.id);
    const { customerId } = (await orderOf(known)).state;
    const place = `${streamOf(known.state.shipmentId)}/reason`;
    return record(request, { type, reason: await personal.sealFor(customerId, place, reason) });
  }

  async function shown(
    status: number,
    { state: known, position }: Loaded<Shipment>,
    ordered: Loaded<Order>,
    ...seen: readonly [StreamId, number][]
  ): Promise<Reply> {
    const body = await view.of({ shipment: known, order: ordered.state });
    const { commitNo } = ordered.position;
    return shows(status, body, streamOf(known.shipmentId), { position }, [streamOf(known.orderId), commitNo], ...seen);
  }

  function orderOf({ state }: Loaded<Shipment>): Promise<Loaded<Order>> {
    return loadExisting(runner, order, streamOf(state.orderId));
  }

  async function load(id: string): Promise<Loaded<Shipment>> {
    const { state, position } = await runner.load(shipment, streamOf(askedId(shipmentIdSchema, id)));
    return { state: existing(state, id), position };
  }

  const problem = (word: string, summary: string, description: string, type: 'RecordFailedDelivery' | 'RecordLoss') =>
    endpoint({
      method: 'post',
      path: `/v1/shipments/{id}/${word}`,
      summary,
      description,
      roles: ['support'],
      idempotency: 'accepted',
      params,
      find: ({ params }) => load(params.id),
      body: problemBody,
      answers: { 200: view.schema },
      handle: (request) => recordProblem(request, type),
    });

  return [
    endpoint({
      method: 'post',
      path: '/v1/orders/{id}/shipments',
      summary: 'Create a shipment of an order',
      description: 'The shipment is planned, with all open units of the order or with the given `lines`.',
      roles: ['support'],
      idempotency: 'accepted',
      params: orderParams,
      find: ({ params, caller }) => findOrder({ runner }, params.id, caller),
      body: planBody,
      answers: { 201: view.schema },
      handle: plan,
    }),
    endpoint({
      method: 'post',
      path: '/v1/shipments/{id}/dispatch',
      summary: 'Dispatch a shipment',
      description: 'Records that the shipment has left, and captures its share of the payment.',
      roles: ['support'],
      idempotency: 'accepted',
      params,
      find: ({ params }) => load(params.id),
      body: dispatchBody,
      answers: { 200: view.schema },
      problems: ['out_of_stock'],
      handle: dispatch,
    }),
    endpoint({
      method: 'post',
      path: '/v1/shipments/{id}/deliver',
      summary: 'Mark a shipment as delivered',
      roles: ['support'],
      idempotency: 'accepted',
      params,
      answers: { 200: view.schema },
      handle: (request) => record(request, { type: 'RecordDelivery' }),
    }),
    problem(
      'fail',
      'Record a failed delivery of a shipment',
      `The carrier could not deliver the shipment. ${RECORDED_ONLY} It can still be delivered or lost.`,
      'RecordFailedDelivery',
    ),
    problem(
      'lose',
      'Record the loss of a shipment',
      `The shipment cannot be found. It may have been reported as delivered. ${RECORDED_ONLY} If it is found, it can be delivered.`,
      'RecordLoss',
    ),
    endpoint({
      method: 'patch',
      path: '/v1/shipments/{id}',
      summary: 'Update the tracking number or the carrier of a shipment',
      roles: ['support'],
      idempotency: 'accepted',
      params,
      find: ({ params }) => load(params.id),
      body: trackingBody,
      answers: { 200: view.schema },
      handle: changeTracking,
    }),
  ];
}
