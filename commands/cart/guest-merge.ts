// Merges a guest's carts into the customer's cart, once: when the guest logs in, and whenever it is asked for.
import { z } from 'zod';
import { type Cart, cart, isFrozen } from '../../domain/cart/cart.js';
import { customer } from '../../domain/customer/customer.js';
import { customerOf, type EndpointRequest } from '../../domain/kernel/endpoint.js';
import { invalidField, orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
import type { Loaded } from '../../domain/kernel/states.js';
import type { TokenReader } from '../identity/ports.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { type CartsInUse, createCustomerCarts } from './customer-carts.js';
import { createTakeOver } from './take-over.js';

export const guestTokenSchema = z
  .string()
  .regex(/^[\w.~+/-]{1,4000}=*$/, 'is not an access token')
  .meta({ description: "The access token of the guest's session" });

/** Port: the cart that a customer opened last, unless it is frozen by now. */
export interface CurrentCarts {
  /** At least as new as what the caller has seen. Throws `unavailable`. */
  of(customerId: string, request: Pick<EndpointRequest, 'seen' | 'waitMs'>): Promise<Loaded<Cart> | undefined>;
}

export interface GuestMerge {
  /** The guest that an access token is for. Throws `invalid_request` for another token. */
  guestOf(token: string): Promise<string>;
  /** The open cart afterwards, if there is one, and why the carts that do not fit stay as they are. */
  merge(
    guestId: string,
    request: EndpointRequest,
  ): Promise<{ shown: Loaded<Cart> | undefined; rejections: Rejection[] }>;
}

export interface GuestMergeDeps {
  runner: CommandRunner;
  currentCarts: CurrentCarts & CartsInUse;
  tokens: TokenReader;
}

export function createGuestMerge({ runner, currentCarts, tokens }: GuestMergeDeps): GuestMerge {
  const customerCarts = createCustomerCarts({ runner, currentCarts });
  const takeOver = createTakeOver({ runner, customerCarts });

  async function merge(guestId: string, request: EndpointRequest) {
    const customerId = customerOf(request.caller);
    if (guestId === customerId) return { shown: await currentCarts.of(customerId, request), rejections: [] };
    // Also a guest without a cart to merge may have orders and views.
    const identify = { type: 'IdentifyGuest', customerId, guestId } as const;
    const { expectedVersion: _, ...meta } = request.command('identify guest'); // it is of a cart
    orThrow(await runner.execute(customer, streamOf(customerId), identify, meta));
    const carts = await customerCarts.ofGuest(guestId);
    let own = (await currentCarts.of(customerId, request)) ?? (await takenBefore(carts, customerId));
    const places = own ? [own.state.cartId] : [];
    const rejections: Rejection[] = [];
    const wanted = carts.filter(
      (guest) => guest.takenBy === customerId || (!isFrozen(guest) && guest.lines.length > 0),
    );
    for (const guest of wanted.reverse()) {
      const taken = await takeOver(guest, own?.state, request);
      if (taken === undefined) continue;
      if (isRejection(taken)) {
        rejections.push(taken); // the other carts may fit
        continue;
      }
      places.push(taken.cartId);
      if (!own || own.state.cartId === taken.cartId) own = await load(taken.cartId);
    }
    for (const cartId of places) {
      const shown = await load(cartId);
      if (!isFrozen(shown.state)) return { shown, rejections };
    }
    return { shown: undefined, rejections };
  }

  /** For the case that the customer's read model does not yet show which cart got the lines taken over before. */
  async function takenBefore(guests: readonly Cart[], customerId: string): Promise<Loaded<Cart> | undefined> {
    const cartId = guests.findLast(({ takenBy }) => takenBy === customerId)?.mergedInto;
    const found = cartId === undefined ? undefined : await runner.load(cart, streamOf(cartId));
    return found?.state && !isFrozen(found.state) ? (found as Loaded<Cart>) : undefined;
  }

  function load(cartId: string): Promise<Loaded<Cart>> {
    return runner.load(cart, streamOf(cartId)) as Promise<Loaded<Cart>>;
  }

  return {
    merge,
    async guestOf(token) {
      const caller = await tokens.authenticate(token);
      if (caller?.guest && caller.customerId) return caller.customerId;
      throw invalidField('/guestToken', 'is not a guest token, or has expired');
    },
  };
}
