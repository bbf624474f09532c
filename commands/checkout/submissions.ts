// Prices a cart for submission: current prices, discounts, tax and shipping, and an order number. The customer agrees to nothing
// unseen: a changed unit price is reported first, and a total above the one in the request is always reported.
import type { Cart, CartCommand } from '../../domain/cart/cart.js';
import { limitsOf } from '../../domain/coupon/coupon.js';
import type { Address } from '../../domain/kernel/address.js';
import { invalidField } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import type { Money } from '../../domain/kernel/money.js';
import { isRejection, type Rejection, reject } from '../../domain/kernel/rejection.js';
import type { AppliedCoupon } from '../../domain/order/events.js';
import { orderLines } from '../../domain/order/order-lines.js';
import type { PresentLine } from '../../domain/pricing/priced-cart.js';
import type { Quote } from '../../domain/pricing/quote.js';
import { type CartQuotes, unsent } from '../cart/quotes.js';
import type { UsableCoupons } from '../coupon/usable-coupons.js';
import type { CurrentSettings } from '../shop/settings.js';
import type { Availability } from './availability.js';
import type { OrderNumbers } from './order-numbers.js';

export type Priced = Omit<Extract<CartCommand, { type: 'SubmitCart' }>, 'type' | 'payment' | 'email' | 'emailKey'>;

/** The prices that the customer agrees to. */
export interface Agreement {
  /** Accept the current unit prices even if they differ from those of the cart. */
  acceptPrices: boolean;
  /** The total that the customer was shown, and the most that they will pay. */
  total?: Money | undefined;
  /** The key of the order's e-mail address. A coupon may be limited per address. */
  emailKey?: string;
}

export interface Submissions {
  /** Rejects with `price_changed`, `out_of_stock` or `rule_violated`. */
  of(cart: Cart, agreement: Agreement): Promise<Priced | Rejection>;
}

export interface SubmissionsDeps {
  availability: Pick<Availability, 'allocationOf'>;
  coupons: Pick<UsableCoupons, 'check'>;
  quotes: Pick<CartQuotes, 'of'>;
  numbers: OrderNumbers;
  settings: Pick<CurrentSettings, 'current' | 'rejectionOf'>;
}

export function createSubmissions(deps: SubmissionsDeps): Submissions {
  const { availability, coupons, quotes, numbers, settings } = deps;
  return {
    async of(cart, agreement) {
      const { currency, customerId } = cart;
      const { emailKey } = agreement;
      const redeemer = { customerId, ...defined({ emailKey }) };
      const [{ quote, lines, address }, allocation, unusable] = await Promise.all([
        quotes.of(cart),
        availability.allocationOf(cart.lines),
        coupons.check(cart.coupons, redeemer),
      ]);
      if (allocation && isRejection(allocation)) return allocation;
      const rejection =
        unusable ??
        (await settings.rejectionOf({ currency, country: address?.country })) ??
        unavailable(lines, currency) ??
        unsent(quote) ??
        untaxable(quote, address) ??
        unseen(lines, { amount: quote.total, currency }, agreement);
      if (rejection) return rejection;
      const redeemed = redeemedIn(quote, cart);
      return {
        number: await numbers.next(),
        lines: orderLines(quote.lines),
        ...defined({
          shipping: quote.shipping && { ...quote.shipping, ...(await refundable(address)) },
          coupons: redeemed.length > 0 ? redeemed : undefined,
          taxIncluded: quote.taxIncluded,
          taxRates: quote.taxRates,
          taxed: quote.taxed,
          allocation,
        }),
      };
    },
  };

  async function refundable(address: Address | undefined): Promise<{ refundable?: true }> {
    const { shippingRefunds = [] } = await settings.current();
    return address && shippingRefunds.includes(address.country) ? { refundable: true } : {};
  }
}

/** Each coupon with the limits that it was checked against. */
function redeemedIn({ coupons }: Quote, cart: Cart): AppliedCoupon[] {
  return cart.coupons.flatMap(({ code, terms }) => {
    const amount = coupons.find((applied) => applied.code === code)?.amount ?? 0;
    return amount > 0 ? [{ code, amount, ...limitsOf(terms) }] : [];
  });
}

/** Rejects lines that cannot be sold at the moment. */
function unavailable(lines: readonly PresentLine[], currency: string): Rejection | undefined {
  const gone = lines.find(({ unavailable }) => unavailable);
  if (!gone) return undefined;
  return reject('rule_violated', `${gone.sku} is currently not sold in ${currency}; remove line ${gone.id}.`);
}

/** The tax depends on the region, and the address names none. This happens when the rates are newer than the address. */
function untaxable({ needsRegion }: Quote, address: Address | undefined): Rejection | undefined {
  if (!needsRegion) return undefined;
  return reject(
    'rule_violated',
    `Tax in ${address?.country} depends on the region; add a region to the shipping address.`,
  );
}

/** Rejects prices that the customer has not seen. A lower total needs no agreement. */
function unseen(
  lines: readonly PresentLine[],
  now: Money,
  { acceptPrices, total: was }: Agreement,
): Rejection | undefined {
  if (was && was.currency !== now.currency) {
    throw invalidField('/total/currency', `is ${was.currency}, but the cart is in ${now.currency}`);
  }
  const changes = acceptPrices ? [] : changesOf(lines, now.currency);
  const isMore = was !== undefined && now.amount > was.amount;
  if (changes.length === 0 && !isMore) return undefined;
  const told =
    changes.length > 0 ? `The price of ${changes.map(({ sku }) => sku).join(', ')} has changed` : 'The total has risen';
  const mend = [changes.length > 0 && 'acceptPrices', isMore && 'the new total'].filter(Boolean).join(' and ');
  const detail = `${told}; send ${mend} to accept this.`;
  return reject('price_changed', detail, { changes, total: { ...defined({ was }), now } });
}

function changesOf(lines: readonly PresentLine[], currency: string) {
  return lines.flatMap(({ sku, was, unitPrice }) => {
    if (was === undefined) return [];
    return [{ sku, was: { amount: was, currency }, now: { amount: unitPrice, currency } }];
  });
}
