// The customers' current carts. The read model knows the cart that a customer opened last; its stream says what has happened to
// it since.
import { type Cart, cart, isFrozen } from '../../domain/cart/cart.js';
import type { EndpointRequest } from '../../domain/kernel/endpoint.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { Loaded, States } from '../../domain/kernel/states.js';
import type { CurrentCartQueries } from '../../projections/models/current-carts.js';
import type { ReadModel } from '../../projections/visibility.js';
import { caughtUp } from './caught-up.js';

type Seen = Pick<EndpointRequest, 'seen' | 'waitMs'>;

export interface CurrentCartReaderDeps {
  currentCarts: ReadModel<CurrentCartQueries>;
  states: States;
}

export type CurrentCartReader = ReturnType<typeof createCurrentCartReader>;

/** Waits until the read model shows what the caller has seen. */
export function createCurrentCartReader({ currentCarts, states }: CurrentCartReaderDeps) {
  return {
    async of(customerId: string, request: Seen): Promise<Loaded<Cart> | undefined> {
      const queries = await caughtUp('The current carts', currentCarts, request);
      const cartId = await queries.of(customerId);
      if (cartId === undefined) return undefined;
      const { state, position } = await states.load(cart, streamOf(cartId));
      return state && !isFrozen(state) ? { state, position } : undefined;
    },
    async inUse(cartIds: readonly string[], request: Seen) {
      const queries = await caughtUp('The current carts', currentCarts, request);
      return queries.inUse(cartIds);
    },
  };
}
