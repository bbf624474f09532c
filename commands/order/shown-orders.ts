// The port through which an order is answered: the read side knows its shape, and folds it from the streams just written.
import type { z } from 'zod';
import type { Caller } from '../../domain/kernel/endpoint.js';
import type { StreamId } from '../../domain/kernel/stream.js';

export interface ShownOrder {
  /** The version of the order's stream, for the `ETag`. */
  version: number;
}

export interface ShownOrders {
  schema: z.ZodType<ShownOrder>;
  /**
   * Streams that this request has written up to the commits in `written` need not be read again. What only support may
   * see is left out unless `reader` is support.
   */
  byId(
    orderId: string,
    written?: ReadonlyMap<StreamId, number>,
    reader?: Pick<Caller, 'role'>,
  ): Promise<ShownOrder | undefined>;
}
