// Finds everything that the log has about a person. A person who was a guest before they logged in has several customer ids: the
// customer's stream names those guests, or, in older logs, only the carts tell that the customer took over theirs.

import { cart } from '../../domain/cart/cart.js';
import type { CartEvent } from '../../domain/cart/events.js';
import { customer } from '../../domain/customer/customer.js';
import { customerCartsStream, firstCartOf } from '../../domain/customer-carts/customer-carts.js';
import type { CustomerCartsEvent } from '../../domain/customer-carts/events.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import type { States } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';

const ORDERS_PER_PAGE = 100;

type Cursor = readonly (string | number | null)[];

/** The orders of a customer, from a read model. */
export interface OrdersOfCustomer {
  list(request: {
    customerId: string;
    status?: 'placed' | 'confirmed';
    limit: number;
    after?: Cursor | undefined;
  }): Promise<{ data: readonly OrderParts[]; next?: Cursor }>;
}

interface OrderParts {
  id: string;
  shipments: readonly { id: string }[];
  returns: readonly { id: string }[];
}

export interface OwnStreams {
  /** The customer first, then the guests that they were before. */
  identitiesOf(customerId: string): Promise<string[]>;
  /** The streams of one identity. Some of them may not exist. */
  streamsOf(customerId: string): AsyncIterable<StreamId>;
}

export interface OwnStreamsDeps {
  store: Pick<EventStore, 'read'>;
  states: States;
  orders: OrdersOfCustomer;
}

export function createOwnStreams({ store, states, orders }: OwnStreamsDeps): OwnStreams {
  async function cartsOf(customerId: string): Promise<string[]> {
    const carts = new Set([firstCartOf(customerId)]);
    for await (const { events } of store.read(customerCartsStream(customerId))) {
      for (const { data } of events as unknown as CustomerCartsEvent[]) carts.add(data.cartId);
    }
    return [...carts];
  }

  /** The customers whose carts were to be merged into the cart. */
  async function guestsBehind(cartId: string): Promise<string[]> {
    const merged: string[] = [];
    for await (const { events } of store.read(streamOf(cartId))) {
      for (const { type, data } of events as unknown as CartEvent[]) {
        if (type === 'CartMerged' || type === 'CartMergeDeclined') merged.push(data.fromCartId);
      }
    }
    const guests = await Promise.all(merged.map((id) => states.load(cart, streamOf(id))));
    return guests.flatMap(({ state }) => state?.customerId ?? []);
  }

  return {
    async identitiesOf(customerId) {
      const known = new Set([customerId]);
      for (const id of known) {
        for (const guest of (await states.load(customer, streamOf(id))).state.guests ?? []) known.add(guest);
        for (const cartId of await cartsOf(id)) for (const guest of await guestsBehind(cartId)) known.add(guest);
      }
      return [...known];
    },

    async *streamsOf(customerId) {
      yield streamOf(customerId);
      yield customerCartsStream(customerId);
      for (const cartId of await cartsOf(customerId)) yield streamOf(cartId);
      let after: Cursor | undefined;
      do {
        const page = await orders.list({ customerId, limit: ORDERS_PER_PAGE, after });
        for (const { id, shipments, returns } of page.data) {
          yield streamOf(id);
          yield streamOf(siblingId('payment', id));
          for (const part of [...shipments, ...returns]) yield streamOf(part.id);
        }
        after = page.next;
      } while (after);
    },
  };
}
