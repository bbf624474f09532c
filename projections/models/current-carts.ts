// The current cart of each customer: one document per cart, because a customer may have several.
import type { CartEvent } from '../../domain/cart/events.js';
import { existing } from '../../domain/kernel/decider.js';
import { projection } from '../runtime/projection.js';

export interface CurrentCartDocument {
  cartId: string;
  customerId: string;
  /** Time of creation or reopening; absent while the cart is submitted, and after it was merged into another. */
  openAt?: string;
  /** Nobody has changed it for a day. */
  idle?: true;
}

type Opening = Extract<
  CartEvent,
  {
    type: 'CartCreated' | 'CartSubmitted' | 'CartReopened' | 'CartHandedOver' | 'CartAbandoned' | 'CartStillActive';
  }
>;

const cartOf = ({ data }: Opening) => [data.cartId];

export const currentCarts = projection<CurrentCartDocument, Opening>({
  name: 'current-carts',
  version: 3,
  categories: ['cart'],
  // A customer has few carts, so the time needs no index, which every cart that is submitted would change.
  fields: { customerId: 'keyword' },
  on: {
    CartCreated: {
      keys: cartOf,
      evolve: (_, { data: { cartId, customerId } }, __, at) => ({ cartId, customerId, openAt: timeOf(at) }),
    },
    CartReopened: {
      keys: cartOf,
      evolve: (before, { type }, _, at) => ({ ...existing(before, type), openAt: timeOf(at) }),
    },
    CartSubmitted: { keys: cartOf, evolve: closed },
    CartHandedOver: { keys: cartOf, evolve: closed },
    CartAbandoned: { keys: cartOf, evolve: (before, { type }) => ({ ...existing(before, type), idle: true }) },
    CartStillActive: { keys: cartOf, evolve: touched },
  },
});

function closed(before: CurrentCartDocument | undefined, { type }: Opening): CurrentCartDocument {
  const { openAt, ...rest } = existing(before, type);
  return rest;
}

function touched(before: CurrentCartDocument | undefined, { type }: Opening): CurrentCartDocument {
  const { idle, ...rest } = existing(before, type);
  return rest;
}

/** In use: neither closed nor idle. */
export function isInUse({ openAt, idle }: CurrentCartDocument): boolean {
  return openAt !== undefined && !idle;
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}

export interface CurrentCartQueries {
  /** The id of the cart that the customer opened last. */
  of(customerId: string): Promise<string | undefined>;
  /** For each cart: whether it is in use. A cart that the read model does not know yet is absent. */
  inUse(cartIds: readonly string[]): Promise<ReadonlyMap<string, boolean>>;
}
