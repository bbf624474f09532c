// Which cart a customer fills now: one document per cart, because a customer may have any number of them.
import type { CartEvent } from '../../domain/cart/events.js';
import { projection } from '../runtime/projection.js';

export interface CurrentCartDocument {
  cartId: string;
  customerId: string;
  /** When it was created or reopened; absent while it is submitted, and once it is merged into another. */
  openAt?: string;
}

type Opening = Extract<CartEvent, { type: 'CartCreated' | 'CartSubmitted' | 'CartReopened' | 'CartHandedOver' }>;

const cartOf = ({ data }: Opening) => [data.cartId];

export const currentCarts = projection<CurrentCartDocument, Opening>({
  name: 'current-carts',
  version: 1,
  categories: ['cart'],
  fields: { customerId: 'keyword', openAt: 'time' },
  indexes: [['customerId', 'openAt']],
  on: {
    CartCreated: {
      keys: cartOf,
      evolve: (_, { data: { cartId, customerId } }, __, at) => ({ cartId, customerId, openAt: timeOf(at) }),
    },
    CartReopened: { keys: cartOf, evolve: (before, _, __, at) => ({ ...before!, openAt: timeOf(at) }) },
    CartSubmitted: { keys: cartOf, evolve: closed },
    CartHandedOver: { keys: cartOf, evolve: closed },
  },
});

function closed(before: CurrentCartDocument | undefined): CurrentCartDocument {
  const { openAt, ...rest } = before!;
  return rest;
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}

export interface CurrentCartQueries {
  /** The id of the cart that the customer opened last. */
  of(customerId: string): Promise<string | undefined>;
}
