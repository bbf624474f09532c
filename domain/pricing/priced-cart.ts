// A cart at the current prices.
import type { CartLine } from '../cart/cart.js';
import type { Address } from '../kernel/address.js';
import type { Quote } from './quote.js';

/** A line of a cart with its current price. */
export interface PresentLine extends CartLine {
  /** The unit price that the customer has accepted, if the current one differs. */
  was?: number;
  /** The SKU is not sold now. The line shows the price that the customer accepted, and is not charged. */
  unavailable?: true;
}

export interface PricedCart {
  /** Covers the lines that are sold. */
  quote: Quote;
  /** All lines. */
  lines: readonly PresentLine[];
  /** As the owner of the cart sees it. */
  address?: Address;
}
