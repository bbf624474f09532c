// A shipment, for support.
import type { Shipment } from '../../domain/fulfilment/shipment.js';
import type { View } from '../../domain/kernel/answers.js';
import type { Order } from '../../domain/order/order.js';
import { type ShipmentView, shipmentView, shipmentViewSchema } from '../../projections/models/shipment-view.js';
import { type Opener, openedReason } from './opened.js';

export function createShipmentView(personal: Opener): View<{ shipment: Shipment; order: Order }, ShipmentView> {
  return {
    schema: shipmentViewSchema,
    of: ({ shipment, order }) => openedReason(shipmentView(shipment, order), personal),
  };
}
