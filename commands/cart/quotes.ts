// The current price of a cart, from current prices, the tables of the shop, its products and its destination.
import type { Cart } from '../../domain/cart/cart.js';
import type { Address } from '../../domain/kernel/address.js';
import type { Clock } from '../../domain/kernel/clock.js';
import { defined } from '../../domain/kernel/json.js';
import { isForgotten, type PersonalData } from '../../domain/kernel/personal.js';
import { type Rejection, reject } from '../../domain/kernel/rejection.js';
import type { PresentLine, PricedCart } from '../../domain/pricing/priced-cart.js';
import {
  type Quote,
  type QuoteRequest,
  quoteOf,
  type ShippingOption,
  shippingOptions,
} from '../../domain/pricing/quote.js';
import type { Prices } from '../product/prices.js';
import type { Tariffs } from '../tariffs/current-tariffs.js';

type Costing = Pick<Cart, 'currency' | 'lines' | 'coupons' | 'shippingAddress' | 'shippingMethod'>;

export interface CartQuotes {
  of(cart: Costing): Promise<PricedCart>;
  shippingOptions(cart: Costing): Promise<ShippingOption[]>;
}

export interface CartQuotesDeps {
  prices: Prices;
  tariffs: Pick<Tariffs, 'current'>;
  personal: Pick<PersonalData, 'open'>;
  clock: Clock;
}

export function createCartQuotes({ prices, tariffs, personal, clock }: CartQuotesDeps): CartQuotes {
  async function requestFor({ shippingAddress, ...cart }: Costing) {
    const [lines, tables, address] = await Promise.all([
      asSoldNow(cart),
      tariffs.current(),
      shippingAddress && personal.open<Address>(shippingAddress),
    ]);
    const known = address && !isForgotten(address) && { address };
    const sold = lines.filter(({ unavailable }) => !unavailable);
    const request: QuoteRequest & { address?: Address } = { ...cart, ...tables, lines: sold, now: clock(), ...known };
    return { request, lines };
  }

  async function asSoldNow({ lines, currency }: Pick<Costing, 'lines' | 'currency'>): Promise<PresentLine[]> {
    const offers = await prices.of(
      lines.map(({ sku }) => sku),
      currency,
    );
    return lines.map((line) => {
      const offer = offers.get(line.sku);
      if (!offer) return { ...line, unavailable: true };
      const { id, sku, title, quantity, unitPrice: was } = line;
      const unitPrice = offer.unitPrice.amount;
      return { ...offer, id, sku, title, quantity, unitPrice, ...(was !== unitPrice && { was }) };
    });
  }

  return {
    async of(cart) {
      const { request, lines } = await requestFor(cart);
      const { address } = request;
      return { quote: quoteOf(request), lines, ...defined({ address }) };
    },
    shippingOptions: async (cart) => shippingOptions((await requestFor(cart)).request),
  };
}

/** The reason why the chosen method does not ship the cart. */
export function unsent({ shippingProblem }: Pick<Quote, 'shippingProblem'>): Rejection | undefined {
  if (!shippingProblem) return undefined;
  const { detail, methods } = shippingProblem;
  return reject('rule_violated', detail, { shippingMethods: methods });
}
