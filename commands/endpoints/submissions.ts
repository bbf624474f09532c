// What a cart is submitted with: prices, discounts, tax and shipping of this moment, and a number. Nothing is agreed to
// that the customer has not seen: a unit price that differs is told first, and so is a total above the one in the request.
import type { Cart, CartCommand } from '../../domain/cart/cart.js';
import { Problem } from '../../domain/kernel/errors.js';
import type { Money } from '../../domain/kernel/money.js';
import { orderLines } from '../../domain/order/order.js';
import type { Availability } from '../lookups/availability.js';
import type { OrderNumbers } from '../lookups/order-numbers.js';
import type { Prices } from '../lookups/prices.js';
import type { UsableCoupons } from '../lookups/usable-coupons.js';
import type { CartQuotes } from './cart-quotes.js';

export type Priced = Omit<
  Extract<CartCommand, { type: 'SubmitCart' }>,
  'type' | 'provider' | 'paymentMethod' | 'email'
>;

/** What the customer agrees to. */
export interface Agreement {
  acceptPrices: boolean;
  /** What the customer was told that it costs. */
  total?: Money | undefined;
}

export interface Submissions {
  /** Throws `price_changed`, `out_of_stock` or `rule_violated`. */
  of(cart: Cart, agreement: Agreement): Promise<Priced>;
}

export interface SubmissionsDeps {
  prices: Prices;
  availability: Pick<Availability, 'allocationOf'>;
  coupons: Pick<UsableCoupons, 'check'>;
  quotes: Pick<CartQuotes, 'of'>;
  numbers: OrderNumbers;
}

export function createSubmissions({ prices, availability, coupons, quotes, numbers }: SubmissionsDeps): Submissions {
  return {
    async of(cart, { acceptPrices, total }) {
      const { currency, customerId } = cart;
      const [lines, allocation] = await Promise.all([
        presentLines(cart),
        availability.allocationOf(cart.lines),
        coupons.check(cart.coupons, customerId),
      ]);
      if (!acceptPrices) refuseChanges(cart, lines);
      const { quote } = await quotes.of({ ...cart, lines });
      if (!acceptPrices && total) refuseMore(total, { amount: quote.total, currency });
      const redeemed = quote.coupons.filter(({ amount }) => amount > 0);
      return {
        number: await numbers.next(),
        lines: orderLines(quote.lines),
        ...(quote.shipping && { shipping: quote.shipping }),
        ...(redeemed.length > 0 && { coupons: redeemed }),
        ...(quote.taxIncluded && { taxIncluded: true }),
        ...(allocation && { allocation }),
      };
    },
  };

  async function presentLines({ lines, currency }: Cart): Promise<Cart['lines']> {
    const offers = await prices.of(
      lines.map(({ sku }) => sku),
      currency,
    );
    return lines.map((line) => {
      const offer = offers.get(line.sku);
      if (offer) return { ...line, unitPrice: offer.unitPrice.amount };
      throw new Problem('rule_violated', `${line.sku} is not sold in ${currency} now; remove line ${line.id}.`);
    });
  }
}

function refuseChanges({ lines, currency }: Cart, present: Cart['lines']): void {
  const changes = lines.flatMap(({ sku, unitPrice }, index) => {
    const now = present[index]!.unitPrice;
    if (now === unitPrice) return [];
    return [{ sku, was: { amount: unitPrice, currency }, now: { amount: now, currency } }];
  });
  if (changes.length === 0) return;
  const skus = changes.map(({ sku }) => sku).join(', ');
  throw new Problem('price_changed', `The price of ${skus} has changed; acceptPrices takes it.`, { changes });
}

/** Less is taken silently. */
function refuseMore(was: Money, now: Money): void {
  if (was.currency === now.currency && now.amount <= was.amount) return;
  const detail = 'Tax, shipping or discount have changed and it costs more now; acceptPrices takes it.';
  throw new Problem('price_changed', detail, { changes: [], total: { was, now } });
}
