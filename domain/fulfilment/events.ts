// The events of shipments and returns. Every event names the order, because read models do not see the stream.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, locationSchema } from '../kernel/id.js';
import { amountSchema } from '../kernel/money.js';
import { personal, plainBefore } from '../kernel/personal.js';
import { shortText } from '../kernel/text.js';
import {
  announcedUnits,
  customerIdSchema,
  lineUnitsSchema,
  orderIdSchema,
  returnedUnitsSchema,
  withReasonsApart,
} from '../order/events.js';

export const shipmentIdSchema = idSchema('shipment');
export const returnIdSchema = idSchema('return');

/** The carrier's tracking number, and the carrier's name. */
export const trackingSchema = shortText(100);
export const carrierSchema = shortText(50);
export const returnReasonSchema = shortText(200);
/** Units of one line that a customer wants to send back. */
export const requestedUnitsSchema = lineUnitsSchema.extend({ reason: returnReasonSchema });
/** Why a delivery failed or a shipment counts as lost, in the words of staff or the carrier. */
export const problemReasonSchema = shortText(200);

const shipment = { shipmentId: shipmentIdSchema, orderId: orderIdSchema };
const transport = { tracking: trackingSchema.optional(), carrier: carrierSchema.optional() };
const problem = { reason: personal(problemReasonSchema).optional() };
const aReturn = { returnId: returnIdSchema, orderId: orderIdSchema };

export const shipmentEvents = {
  ShipmentPlanned: {
    version: 1,
    data: z.strictObject({
      ...shipment,
      /** The location that sends it. */
      location: locationSchema,
      lines: z.array(lineUnitsSchema).min(1),
      ...transport,
    }),
  },
  /** The fields that change. `null` removes one. */
  ShipmentTrackingChanged: {
    version: 1,
    data: z.strictObject({
      ...shipment,
      tracking: transport.tracking.nullable(),
      carrier: transport.carrier.nullable(),
    }),
  },
  ShipmentDispatched: { version: 1, data: z.strictObject(shipment) },
  /** The carrier could not deliver it. It may try again, return it or lose it. */
  ShipmentDeliveryFailed: { ...plainBefore, data: z.strictObject({ ...shipment, ...problem }) },
  /** The shipment is missing. It may still be found. */
  ShipmentLost: { ...plainBefore, data: z.strictObject({ ...shipment, ...problem }) },
  ShipmentDelivered: { version: 1, data: z.strictObject(shipment) },
} satisfies EventDefinitions;

export const returnEvents = {
  ReturnRequested: {
    version: 2,
    data: z.strictObject({ ...aReturn, customerId: customerIdSchema, ...announcedUnits }),
    upcast: { 1: withReasonsApart },
  },
  ReturnApproved: { version: 1, data: z.strictObject(aReturn) },
  ReturnDeclined: { ...plainBefore, data: z.strictObject({ ...aReturn, reason: personal(returnReasonSchema) }) },
  /** The units that came back, where they arrived, and the refund for them. */
  ReturnReceived: {
    version: 1,
    data: z.strictObject({
      ...aReturn,
      lines: z.array(returnedUnitsSchema).min(1),
      location: locationSchema,
      amount: amountSchema,
    }),
  },
} satisfies EventDefinitions;

export type ShipmentEvent = EventOf<typeof shipmentEvents>;
export type ReturnEvent = EventOf<typeof returnEvents>;
