// A shipment in answers to support.
import { z } from 'zod';
import { problemReasonSchema } from '../../domain/fulfilment/events.js';
import { type Arbiter, SHIPMENT_STATUSES, type Shipment, shipmentStatusOf } from '../../domain/fulfilment/shipment.js';
import { locationSchema } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import type { SealedIn } from '../../domain/kernel/personal.js';
import { lineUnitsSchema } from '../../domain/order/events.js';

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
    failedAt: time.optional().meta({ description: 'The last time that a delivery failed' }),
    lostAt: time.optional(),
    deliveredAt: time.optional(),
    reason: problemReasonSchema
      .optional()
      .meta({ description: 'For support only: why the delivery failed, or why the shipment counts as lost' }),
  })
  .meta({ id: 'Shipment' });

export type ShipmentView = z.output<typeof shipmentViewSchema>;
export type SealedShipmentView = SealedIn<ShipmentView, 'reason'>;

export function shipmentView(shipment: Shipment, order: Arbiter): SealedShipmentView {
  const { shipmentId, orderId, location, lines, tracking, carrier, reason } = shipment;
  return {
    id: shipmentId,
    orderId,
    status: shipmentStatusOf(shipment, order),
    location,
    lines: [...lines],
    ...defined({
      tracking,
      carrier,
      dispatchedAt: timeOf(shipment.dispatchedAt),
      failedAt: timeOf(shipment.failedAt),
      lostAt: timeOf(shipment.lostAt),
      deliveredAt: timeOf(shipment.deliveredAt),
      reason,
    }),
  };
}

function timeOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
