// Loads carts for their owners. A cart of another customer is `not_found`. Owner and currency never change, so they are cached.
import { LRUCache } from 'lru-cache';
import { type Cart, cart } from '../../domain/cart/cart.js';
import { cartIdSchema } from '../../domain/cart/events.js';
import { type Caller, visible } from '../../domain/kernel/endpoint.js';
import { askedId, streamOf } from '../../domain/kernel/id.js';
import type { States } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';

const REMEMBERED_CARTS = 20_000;

export interface OwnCarts {
  /** Throws `not_found` unless the cart is the caller's. */
  find(id: string, caller: Caller): Promise<{ stream: StreamId; currency: string }>;
  /** Adds a new cart to the cache. */
  made(cart: Cart): void;
}

type Lasting = Pick<Cart, 'customerId' | 'currency'>;

export interface OwnCartsDeps {
  runner: States;
  /** Number of carts to cache. */
  cacheSize?: number;
}

export function createOwnCarts({ runner, cacheSize = REMEMBERED_CARTS }: OwnCartsDeps): OwnCarts {
  const known = new LRUCache<StreamId, Lasting>({ max: cacheSize });

  async function lastingOf(stream: StreamId): Promise<Lasting | undefined> {
    const remembered = known.get(stream);
    if (remembered) return remembered;
    const { state } = await runner.load(cart, stream);
    if (!state) return undefined;
    return remember(stream, state);
  }

  function remember(stream: StreamId, { customerId, currency }: Cart): Lasting {
    const lasting = { customerId, currency };
    known.set(stream, lasting);
    return lasting;
  }

  return {
    async find(id, caller) {
      const stream = streamOf(askedId(cartIdSchema, id));
      const { currency } = visible(await lastingOf(stream), id, caller);
      return { stream, currency };
    },
    made: (cart) => void remember(streamOf(cart.cartId), cart),
  };
}
