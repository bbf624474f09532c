// The carts of a customer. Each is listed before it is created, so the list limits their number and finds a guest's carts.
import { CART_IDLE_MS } from '../cart/events.js';
import { unlessEmpty } from '../kernel/collections.js';
import type { Decider } from '../kernel/decider.js';
import { keyOf, siblingId } from '../kernel/id.js';
import { defined } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { type CustomerCartsEvent, customerCartsEvents, MAX_CARTS } from './events.js';

export type CustomerCartsCommand = { customerId: string; requestId: string } & (
  | { type: 'CountGuestCart' }
  /** `shown`: which of the listed carts are in use and which are not. Needed only if the list is full. */
  | { type: 'CountCart'; cartId: string; shown?: { open: readonly string[]; closed: readonly string[] } }
);

/** The carts that count, the oldest first; `at` in ms. */
export type CustomerCarts = readonly { cartId: string; requestId: string; at: number }[];

export const customerCarts: Decider<CustomerCartsCommand, CustomerCarts, CustomerCartsEvent> = {
  category: 'customer-carts',
  events: customerCartsEvents,
  initialState: [],
  decide,
  evolve,
  snapshot: { foldVersion: 1, every: 100 },
};

export function customerCartsStream(customerId: string): StreamId {
  return streamId('customer-carts', keyOf(customerId));
}

/** The id derives from the guest's, so the cart is found without a list and created by a single append. */
export function firstCartOf(guestId: string): string {
  return siblingId('cart', guestId);
}

function decide(
  command: CustomerCartsCommand,
  state: CustomerCarts,
  now: number,
): readonly CustomerCartsEvent[] | Rejection {
  const { customerId, requestId } = command;
  if (state.some((counted) => counted.requestId === requestId)) return [];
  if (command.type === 'CountGuestCart') {
    const number = state.length + 2;
    if (number > MAX_CARTS)
      return reject('rule_violated', `A guest has at most ${MAX_CARTS} carts; start a new session.`);
    // A dash would make its order `order_X-2`, which belongs to the second attempt of `cart_X`.
    return [{ type: 'CartCounted', data: { customerId, requestId, cartId: `${firstCartOf(customerId)}.${number}` } }];
  }
  const { cartId, shown } = command;
  const gone = shown ? state.filter((counted) => isGone(counted, shown, now)).map((counted) => counted.cartId) : [];
  if (state.length - gone.length >= MAX_CARTS) {
    return reject(
      'rule_violated',
      `A customer has at most ${MAX_CARTS} open carts; use one of them, or check one out.`,
    );
  }
  const data = { customerId, requestId, cartId, ...defined({ closed: unlessEmpty(gone) }) };
  return [{ type: 'CartCounted', data }];
}

/** A cart that the read model does not show after a day was listed but never created. */
function isGone(
  { cartId, at }: CustomerCarts[number],
  { open, closed }: { open: readonly string[]; closed: readonly string[] },
  now: number,
): boolean {
  return closed.includes(cartId) || (at + CART_IDLE_MS <= now && !open.includes(cartId));
}

function evolve(state: CustomerCarts, { data }: CustomerCartsEvent, at: number): CustomerCarts {
  const { cartId, requestId, closed = [] } = data;
  return [...state.filter((counted) => !closed.includes(counted.cartId)), { cartId, requestId, at }];
}
