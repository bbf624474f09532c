// Carts by their owners: what belongs to somebody else is not there. Whose a cart is never changes, so it is remembered.
import { LRUCache } from 'lru-cache';
import { cart } from '../../domain/cart/cart.js';
import { cartIdSchema } from '../../domain/cart/events.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, streamOf } from '../../domain/kernel/id.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { customerOf } from './answers.js';

const REMEMBERED_CARTS = 20_000;

export interface OwnCarts {
  /** Throws `not_found` unless it is the caller's. */
  streamOf(id: string, caller: Caller): Promise<StreamId>;
}

export function createOwnCarts({ runner }: { runner: Pick<CommandRunner, 'load'> }): OwnCarts {
  const owners = new LRUCache<StreamId, string>({ max: REMEMBERED_CARTS });

  async function ownerOf(stream: StreamId): Promise<string | undefined> {
    const remembered = owners.get(stream);
    if (remembered) return remembered;
    const { state } = await runner.load(cart, stream);
    if (state) owners.set(stream, state.customerId);
    return state?.customerId;
  }

  return {
    async streamOf(id, caller) {
      const stream = streamOf(askedId(cartIdSchema, id));
      const customerId = customerOf(caller);
      if ((await ownerOf(stream)) !== customerId) throw new Problem('not_found', `There is no ${id}.`);
      return stream;
    },
  };
}
