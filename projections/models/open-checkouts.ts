// Checkouts that have not ended, so that a worker finds those that stand still: fed by cart#, where each begins, and
// checkout#, where each goes on.
import type { CartEvent } from '../../domain/cart/events.js';
import { siblingId } from '../../domain/kernel/id.js';
import { checkoutIdOf } from '../../domain/processes/checkout.js';
import type { CheckoutEvent } from '../../domain/processes/checkout-events.js';
import { type Handler, projection } from '../runtime/projection.js';

/** Times are commit times: imports give `occurredAt` the past. A checkout that has ended keeps its document: its cart may be heard of later. */
export interface OpenCheckoutDocument {
  orderId: string;
  /** The part of cart#. */
  cartId?: string;
  submittedAt?: string;
  /** The part of checkout#. */
  movedAt?: string;
  ended?: true;
  /** When it last moved, by either; absent once it has ended. */
  openAt?: string;
}

type CartSubmitted = Extract<CartEvent, { type: 'CartSubmitted' }>;
type OpenCheckoutEvent = CartSubmitted | CheckoutEvent;

const moves: Handler<OpenCheckoutDocument, CheckoutEvent> = {
  keys: ({ data }) => [data.checkoutId],
  evolve: (before, { data }, _, at) =>
    whole({ ...before, orderId: siblingId('order', data.checkoutId), movedAt: new Date(at).toISOString() }),
};

const ends: Handler<OpenCheckoutDocument, CheckoutEvent> = {
  keys: moves.keys,
  evolve: (before, { data }) => whole({ ...before, orderId: siblingId('order', data.checkoutId), ended: true }),
};

export const openCheckouts = projection<OpenCheckoutDocument, OpenCheckoutEvent>({
  name: 'open-checkouts',
  version: 1,
  categories: ['cart', 'checkout'],
  fields: { openAt: 'time' },
  on: {
    CartSubmitted: {
      keys: ({ data }) => [checkoutIdOf(data.orderId)],
      evolve: (before, { data: { orderId, cartId } }, _, at) =>
        whole({ ...before, orderId, cartId, submittedAt: new Date(at).toISOString() }),
    },
    CheckoutStarted: moves,
    CheckoutStockShort: moves,
    CheckoutPaymentAuthorised: moves,
    CheckoutPaymentDeclined: moves,
    CheckoutPaymentUnknown: moves,
    CheckoutRefused: moves,
    CheckoutCompleted: ends,
    CheckoutFailed: ends,
  },
});

function whole({ openAt: _, ...parts }: OpenCheckoutDocument): OpenCheckoutDocument {
  const [movedLast] = [parts.submittedAt ?? '', parts.movedAt ?? ''].sort().reverse();
  return parts.ended ? parts : { ...parts, openAt: movedLast! };
}

export interface OpenCheckoutQueries {
  /** Those that last moved before this time (ms of the log's clock), oldest first. */
  stuck(before: number, limit: number): Promise<{ orderId: string; cartId?: string }[]>;
}
