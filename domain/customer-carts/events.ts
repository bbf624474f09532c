// The events of the list of a customer's carts.
import { z } from 'zod';
import { cartIdSchema } from '../cart/events.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { customerIdSchema } from '../order/events.js';

/** Most open carts of a customer, and most carts of a guest in all. */
export const MAX_CARTS = 100;

export const customerCartsEvents = {
  /**
   * The cart counts from now on and is created after this event. The carts in `closed` no longer count. `requestId` names the
   * request that creates the cart and can find it again.
   */
  CartCounted: {
    version: 1,
    data: z.strictObject({
      customerId: customerIdSchema,
      cartId: cartIdSchema,
      requestId: z.string().min(1).max(200),
      closed: z.array(cartIdSchema).min(1).max(MAX_CARTS).optional(),
    }),
  },
} satisfies EventDefinitions;

export type CustomerCartsEvent = EventOf<typeof customerCartsEvents>;
