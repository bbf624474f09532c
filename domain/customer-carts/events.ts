// What can happen to the list of a customer's carts.
import { z } from 'zod';
import { cartIdSchema } from '../cart/events.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { customerIdSchema } from '../order/events.js';

/** Of a customer, open at a time; of a guest, in all. */
export const MAX_CARTS = 100;

export const customerCartsEvents = {
  /** From now on the cart counts, which is made after this; those in `closed` count no more. The request made it, and finds it. */
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
