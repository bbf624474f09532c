// Port: the view of an order. It folds the order from the streams just written, so it includes the caller's changes.
import type { View } from '../../domain/kernel/answers.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import type { StreamId } from '../../domain/kernel/stream.js';

interface OrderToShow {
  orderId: string;
  /** Streams that this request has written up to these commits need not be read again. */
  written?: ReadonlyMap<StreamId, number>;
  /** What only support may see is left out unless the reader is support. */
  reader?: Pick<Caller, 'role'>;
}

interface ShownOrder {
  /** The version of the order's stream, for the `ETag`. */
  version: number;
}

export type ShownOrders = View<OrderToShow, ShownOrder | undefined>;
