// Loads orders for callers who may act on them: support, and customers for their own orders. An order of another customer is
// `not_found`.
import { type Caller, visible } from '../../domain/kernel/endpoint.js';
import { askedId, streamOf } from '../../domain/kernel/id.js';
import type { Loaded, States } from '../../domain/kernel/states.js';
import { orderIdSchema } from '../../domain/order/events.js';
import { type Order, order } from '../../domain/order/order.js';

/** Throws `not_found` unless the caller may see the order. */
export async function findOrder({ runner }: { runner: States }, id: string, caller: Caller): Promise<Order> {
  return (await loadOrder({ runner }, id, caller)).state;
}

/** Like `findOrder`, with the commit that the order's state is as of. */
export async function loadOrder({ runner }: { runner: States }, id: string, caller: Caller): Promise<Loaded<Order>> {
  const { state, position } = await runner.load(order, streamOf(askedId(orderIdSchema, id)));
  return { state: visible(state, id, caller), position };
}
