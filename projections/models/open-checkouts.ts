// Checkouts that have not ended, so that a worker finds those that stand still.
import type { CheckoutEvent } from '../../domain/processes/checkout-events.js';
import { type Handler, projection } from '../runtime/projection.js';

export interface OpenCheckoutDocument {
  id: string;
  /** Commit time of its last event; imports give `occurredAt` the past. */
  at: string;
}

const keys = ({ data }: { data: { checkoutId: string } }): readonly string[] => [data.checkoutId];

const goesOn: Handler<OpenCheckoutDocument, CheckoutEvent> = {
  keys,
  evolve: (_, { data }, __, at) => ({ id: data.checkoutId, at: new Date(at).toISOString() }),
};
const ends: Handler<OpenCheckoutDocument, CheckoutEvent> = { keys, evolve: () => null };

export const openCheckouts = projection<OpenCheckoutDocument, CheckoutEvent>({
  name: 'open-checkouts',
  version: 1,
  categories: ['checkout'],
  fields: { at: 'time' },
  indexes: [['at']],
  on: {
    CheckoutStarted: goesOn,
    CheckoutStockShort: goesOn,
    CheckoutPaymentAuthorised: goesOn,
    CheckoutPaymentDeclined: goesOn,
    CheckoutPaymentUnknown: goesOn,
    CheckoutRefused: goesOn,
    CheckoutCompleted: ends,
    CheckoutFailed: ends,
  },
});

export interface OpenCheckoutQueries {
  /** Ids of checkouts whose last event is older than `before` (ms of the log's clock), the oldest first. */
  stuck(before: number, limit: number): Promise<string[]>;
}
