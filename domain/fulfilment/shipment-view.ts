// A shipment as support sees it: the shape of every answer that shows one.
// Stryker disable all: descriptions decide nothing; the tests of who answers hold the shape.
import { z } from 'zod';
import { locationSchema } from '../kernel/id.js';
import { lineUnitsSchema } from '../order/events.js';
import { type Arbiter, SHIPMENT_STATUSES, type Shipment, shipmentStatusOf } from './shipment.js';

const time = z.iso.datetime();

export const shipmentViewSchema = z
  .strictObject({
    id: z.string(),
    orderId: z.string(),
    status: z.enum(SHIPMENT_STATUSES),
    location: locationSchema.meta({ description: 'The location that it leaves from' }),
    lines: z.array(lineUnitsSchema),
    tracking: z.string().optional(),
    carrier: z.string().optional(),
    dispatchedAt: time.optional(),
    deliveredAt: time.optional(),
  })
  .meta({ id: 'Shipment' });

export type ShipmentView = z.output<typeof shipmentViewSchema>;

export function shipmentView(shipment: Shipment, order: Arbiter): ShipmentView {
  const { shipmentId, orderId, location, lines, tracking, carrier, dispatchedAt, deliveredAt } = shipment;
  return {
    id: shipmentId,
    orderId,
    status: shipmentStatusOf(shipment, order),
    location,
    lines: [...lines],
    ...(tracking !== undefined && { tracking }),
    ...(carrier !== undefined && { carrier }),
    ...(dispatchedAt !== undefined && { dispatchedAt: new Date(dispatchedAt).toISOString() }),
    ...(deliveredAt !== undefined && { deliveredAt: new Date(deliveredAt).toISOString() }),
  };
}
