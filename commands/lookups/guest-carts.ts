// A guest's carts are numbered, and their ids follow from the guest's: whoever knows the guest finds every one of them in
// the log, in the state that it has now. What is shown to the guest lags behind; what a merge takes must not.
import { type Cart, type CartCommand, cart } from '../../domain/cart/cart.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { isProblem, Problem } from '../../domain/kernel/errors.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import type { CommandRunner, Outcome } from '../runtime/command-runner.js';

/** Each is looked at when the next is made, and when all are merged. */
const MAX_GUEST_CARTS = 100;

export interface GuestCarts {
  /** Makes the next one: a single append for the first. A repeat of the command gets the one that it made. */
  make(customerId: string, currency: string, meta: CommandMeta): Promise<Outcome<Cart | null>>;
  /** Every one that was made before it was asked, the oldest first. */
  of(customerId: string): Promise<Cart[]>;
}

export function createGuestCarts({ runner }: { runner: CommandRunner }): GuestCarts {
  return {
    async make(customerId, currency, meta) {
      for (let number = 1; number <= MAX_GUEST_CARTS; number++) {
        const cartId = cartIdOf(customerId, number);
        const created: CartCommand = { type: 'CreateCart', cartId, customerId, currency };
        try {
          const unlessThere = { ...meta, newStream: true, expectedVersion: 0 } as const;
          return await runner.execute(cart, streamOf(cartId), created, unlessThere);
        } catch (error) {
          if (!isProblem(error, 'version_mismatch')) throw error;
        }
      }
      throw new Problem('rule_violated', `A guest has at most ${MAX_GUEST_CARTS} carts; begin a new session.`);
    },
    async of(customerId) {
      const carts: Cart[] = [];
      for (;;) {
        const { state } = await runner.load(cart, streamOf(cartIdOf(customerId, carts.length + 1)));
        if (!state) return carts;
        carts.push(state);
      }
    },
  };
}

/** `customer_X` has `cart_X`, `cart_X.2`, …; a dash would make `order_X-2` of it, which is `cart_X` submitted again. */
function cartIdOf(customerId: string, number: number): string {
  const first = siblingId('cart', customerId);
  return number === 1 ? first : `${first}.${number}`;
}
