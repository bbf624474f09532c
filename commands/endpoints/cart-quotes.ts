// What a cart costs now, by the tables of the shop and where it goes.
import type { Cart } from '../../domain/cart/cart.js';
import type { Address } from '../../domain/kernel/address.js';
import type { Clock } from '../../domain/kernel/clock.js';
import { isForgotten, type PersonalData } from '../../domain/kernel/personal.js';
import {
  type Quote,
  type QuoteRequest,
  quoteOf,
  type ShippingOption,
  shippingOptions,
} from '../../domain/pricing/quote.js';
import type { Tariffs } from '../lookups/current-tariffs.js';

type Costing = Pick<Cart, 'currency' | 'lines' | 'coupons' | 'shippingAddress' | 'shippingMethod'>;

export interface CartQuotes {
  /** With the address as its owner may read it. */
  of(cart: Costing): Promise<{ quote: Quote; address?: Address }>;
  shippingOptions(cart: Costing): Promise<ShippingOption[]>;
}

export interface CartQuotesDeps {
  tariffs: Pick<Tariffs, 'current'>;
  personal: Pick<PersonalData, 'open'>;
  clock: Clock;
}

export function createCartQuotes({ tariffs, personal, clock }: CartQuotesDeps): CartQuotes {
  async function requestFor({ shippingAddress, ...cart }: Costing): Promise<QuoteRequest & { address?: Address }> {
    const [tables, address] = await Promise.all([
      tariffs.current(),
      shippingAddress && personal.open<Address>(shippingAddress),
    ]);
    return { ...cart, ...tables, now: clock(), ...(address && !isForgotten(address) && { address }) };
  }

  return {
    async of(cart) {
      const request = await requestFor(cart);
      const { address } = request;
      return { quote: quoteOf(request), ...(address && { address }) };
    },
    shippingOptions: async (cart) => shippingOptions(await requestFor(cart)),
  };
}
