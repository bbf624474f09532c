// What waits for staff: shipments, returns and refunds of all orders, out of the orders read model. An order holds all that
// decides about them, so that what it has given up is not shown as something to do.
import type { ReturnView } from '../../domain/fulfilment/return-view.js';
import type { ShipmentView } from '../../domain/fulfilment/shipment-view.js';
import type { RefundEntry } from './orders.js';
import type { Page, PageRequest } from './page.js';

export interface WorkListRequest<V extends { status: string }> extends PageRequest {
  status?: V['status'] | undefined;
}

/** By when their orders were placed, the longest ago first, and within an order by when they were made. */
export interface WorkLists {
  shipments(request: WorkListRequest<ShipmentView>): Promise<Page<ShipmentView>>;
  returns(request: WorkListRequest<ReturnView>): Promise<Page<ReturnView>>;
  refunds(request: WorkListRequest<RefundEntry>): Promise<Page<RefundEntry>>;
}
