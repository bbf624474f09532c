// Work lists for staff: shipments, returns and refunds of all orders, from the orders read model. The order decides about each of
// them, so that a list shows no shipment or return that the order has cancelled.
import type { RefundEntry } from './orders.js';
import type { Page, PageRequest } from './page.js';
import type { SealedReturnView } from './return-view.js';
import type { SealedShipmentView } from './shipment-view.js';

export interface WorkListRequest<V extends { status: string }> extends PageRequest {
  status?: V['status'] | undefined;
}

/** Sorted by the time of the order, oldest first, and within an order by creation. */
export interface WorkLists {
  shipments(request: WorkListRequest<SealedShipmentView>): Promise<Page<SealedShipmentView>>;
  returns(request: WorkListRequest<SealedReturnView>): Promise<Page<SealedReturnView>>;
  refunds(request: WorkListRequest<RefundEntry>): Promise<Page<RefundEntry>>;
}
