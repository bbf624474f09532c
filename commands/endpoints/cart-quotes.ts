// What a cart costs now, by the tables of the shop, what its products are and where it goes. Its unit prices are its own.
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
import type { Prices } from '../lookups/prices.js';

type Costing = Pick<Cart, 'currency' | 'lines' | 'coupons' | 'shippingAddress' | 'shippingMethod'>;

export interface CartQuotes {
  /** With the address as its owner may read it. */
  of(cart: Costing): Promise<{ quote: Quote; address?: Address }>;
  shippingOptions(cart: Costing): Promise<ShippingOption[]>;
}

export interface CartQuotesDeps {
  prices: Prices;
  tariffs: Pick<Tariffs, 'current'>;
  personal: Pick<PersonalData, 'open'>;
  clock: Clock;
}

export function createCartQuotes({ prices, tariffs, personal, clock }: CartQuotesDeps): CartQuotes {
  async function requestFor({ shippingAddress, ...cart }: Costing): Promise<QuoteRequest & { address?: Address }> {
    const [lines, tables, address] = await Promise.all([
      asSoldNow(cart),
      tariffs.current(),
      shippingAddress && personal.open<Address>(shippingAddress),
    ]);
    return { ...cart, ...tables, lines, now: clock(), ...(address && !isForgotten(address) && { address }) };
  }

  /** Taxed and weighed as what is sold now; what is not sold any more, as it was when it came into the cart. */
  async function asSoldNow({ lines, currency }: Pick<Costing, 'lines' | 'currency'>): Promise<Cart['lines']> {
    const offers = await prices.of(
      lines.map(({ sku }) => sku),
      currency,
    );
    return lines.map((line) => {
      const offer = offers.get(line.sku);
      if (!offer) return line;
      const { id, sku, title, quantity, unitPrice } = line;
      return { ...offer, id, sku, title, quantity, unitPrice };
    });
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
