// The price of a cart: discounts, then shipping, then tax. Pure: the same request always gives the same quote.
import type { CouponTerms } from '../coupon/events.js';
import { outOfTime } from '../coupon/validity.js';
import { pairs, unlessEmpty } from '../kernel/collections.js';
import { defined } from '../kernel/json.js';
import { roundedShare, sum } from '../kernel/money.js';
import type { AppliedTaxRate, OrderLine, Shipping } from '../order/events.js';
import { type Totals, totalsOf } from '../order/worth.js';
import { SHIPPING_TAX_CATEGORY, type TaxRate } from '../tariffs/events.js';
import type { Place } from '../tariffs/place.js';
import {
  type Consignment,
  type ShippingObstacle,
  type ShippingTable,
  shippingObstacle,
  shippingPrice,
} from '../tariffs/shipping-table.js';
import { isTaxed, isTaxedByRegion, isTaxIncluded, type TaxTable, taxRateFor } from '../tariffs/tax-table.js';
import { type DiscountableLine, discountsOf, groupsIn } from './discounts.js';

/** Tax rates are precise to hundredths of a basis point. */
const TAX_RATE_SCALE = 100;

/** Prices in minor units of the request's currency, weight of one unit in grams. */
export interface QuoteLine {
  id: string;
  sku: string;
  title: string;
  quantity: number;
  unitPrice: number;
  taxCategory?: string | undefined;
  weight?: number | undefined;
}

export interface QuoteRequest {
  currency: string;
  lines: readonly QuoteLine[];
  shippingMethod?: string | undefined;
  /** Without an address there is no tax yet, and shipping only if it is the same everywhere. */
  address?: Place | undefined;
  /** Each coupon applies to the price after the previous ones. */
  coupons: readonly { code: string; terms: CouponTerms }[];
  taxTable: TaxTable;
  shippingTable: ShippingTable;
  /** In ms of the log's clock, for the validity of coupons. */
  now: number;
}

export interface Quote extends Totals {
  /** In the format of an order. `discounts` has an entry for each coupon that gives a discount. */
  lines: OrderLine[];
  /** Absent if no method was chosen, or if the method does not ship this cart. */
  shipping?: Shipping;
  /** Why the chosen method does not ship this cart. Without an address, only a removed method is reported. */
  shippingProblem?: ShippingProblem;
  /** The rates that lines and shipping refer to. */
  taxRates?: AppliedTaxRate[];
  /** The discount of each coupon, or why there is none. An order does not redeem a coupon without a discount. */
  coupons: { code: string; amount: number; reason?: CouponObstacle }[];
  /** Prices include the tax. */
  taxIncluded?: true;
  /** No rate applies at the destination. */
  taxed?: false;
  /** The tax there depends on the region, and the address names none. */
  needsRegion?: true;
}

/** `nothing_to_discount`: the discounted items cost nothing, or their price is not known yet. */
export const COUPON_OBSTACLES = [
  'not_yet_valid',
  'no_longer_valid',
  'other_currency',
  'below_minimum',
  'too_few_units',
  'nothing_to_discount',
] as const;

export type CouponObstacle = (typeof COUPON_OBSTACLES)[number];

export interface ShippingProblem {
  reason: 'unknown_method' | ShippingObstacle;
  /** One sentence, with the alternative. */
  detail: string;
  /** The methods that ship it. */
  methods: string[];
}

/** A method that ships the cart to its address. */
export interface ShippingOption {
  method: string;
  title: string;
  /** Before discount and tax. */
  amount: number;
}

export function quoteOf(request: QuoteRequest): Quote {
  const goods = discountedGoods(request);
  const left = goods.map((line) => line.left);
  const shipping = discountedShipping(request, left);
  const { taxTable, address } = request;
  const coupons = request.coupons.map(({ code, terms }, index) => {
    const amount =
      sum(goods.map(({ taken }) => taken[index] ?? 0)) + (shipping?.coupon === index ? shipping.discount : 0);
    if (amount > 0) return { code, amount };
    return { code, amount, reason: obstacleTo(terms, request) ?? ('nothing_to_discount' as const) };
  });
  const redeemed = coupons.map(({ amount }) => amount > 0);
  /** The discounts of the coupons that an order redeems. `taken` has one for each coupon. */
  const discountsIn = (taken: readonly number[]): { discounts?: number[] } => {
    const discounts = taken.filter((_, index) => redeemed[index]);
    return discounts.some((discount) => discount > 0) ? { discounts } : {};
  };
  const tax = taxation(request);
  const shippingProblem = shipping ? undefined : shippingProblemOf(request, left);

  const priced: Pick<Quote, 'lines' | 'shipping' | 'taxIncluded' | 'taxed' | 'taxRates'> = {
    lines: pairs(request.lines, goods).map(([line, { left, taken }]) => {
      const { id, sku, title, quantity, unitPrice, taxCategory } = line;
      const total = quantity * unitPrice;
      const taxed = tax.of(total, left, taxCategory);
      return { id, sku, title, quantity, unitPrice, total, ...discountsIn(taken), ...taxed };
    }),
    ...defined({
      shipping: shipping && {
        method: shipping.method,
        title: shipping.title,
        ...defined({ carrier: shipping.carrier }),
        amount: shipping.amount,
        ...discountsIn(coupons.map((_, coupon) => (shipping.coupon === coupon ? shipping.discount : 0))),
        ...tax.of(shipping.amount, shipping.amount - shipping.discount, SHIPPING_TAX_CATEGORY),
      },
      taxRates: unlessEmpty(tax.rates),
      taxIncluded: (address && isTaxIncluded(taxTable, address.country)) || undefined,
      taxed: address && !isTaxed(taxTable, address) ? (false as const) : undefined,
    }),
  };
  const needsRegion = address && address.region === undefined && isTaxedByRegion(taxTable, address.country);
  const obstacles = defined({ shippingProblem, needsRegion: needsRegion || undefined });
  return { ...priced, ...obstacles, coupons, ...totalsOf(priced) };
}

export function shippingOptions(request: Omit<QuoteRequest, 'shippingMethod'>): ShippingOption[] {
  const left = discountedGoods(request).map((line) => line.left);
  return optionsFor(consignmentOf(request, left), request.shippingTable);
}

function optionsFor(consignment: Consignment, table: ShippingTable): ShippingOption[] {
  return table.flatMap((method) => {
    const amount = shippingPrice(method, consignment);
    return amount === undefined ? [] : [{ method: method.id, title: method.title, amount }];
  });
}

/** `left`: the remaining price of the line. `taken`: the discount of each coupon on it. */
type DiscountedLine = DiscountableLine & { taken: number[] };

function discountedGoods(request: QuoteRequest): DiscountedLine[] {
  const goods = request.lines.map(
    ({ sku, quantity, unitPrice }): DiscountedLine => ({
      sku,
      quantity,
      unitPrice,
      left: quantity * unitPrice,
      taken: [],
    }),
  );
  for (const { terms } of request.coupons) {
    const discounts = obstacleTo(terms, request) ? goods.map(() => 0) : discountsOf(terms, goods);
    for (const [line, discount] of pairs(goods, discounts)) {
      line.left -= discount;
      line.taken.push(discount);
    }
  }
  return goods;
}

/** `coupon`: the index of the coupon that pays for shipping. */
function discountedShipping(
  request: QuoteRequest,
  left: readonly number[],
): (Pick<Shipping, 'method' | 'title' | 'carrier' | 'amount'> & { discount: number; coupon: number }) | undefined {
  const method = request.shippingTable.find(({ id }) => id === request.shippingMethod);
  if (!method) return undefined;
  const amount = shippingPrice(method, consignmentOf(request, left));
  if (amount === undefined) return undefined;
  const coupon = request.coupons.findIndex(
    ({ terms }) => terms.kind === 'free_shipping' && !obstacleTo(terms, request),
  );
  const { id, title, carrier } = method;
  return { method: id, title, carrier, amount, discount: coupon < 0 ? 0 : amount, coupon };
}

/** Only for a method that has no price for this cart. */
function shippingProblemOf(request: QuoteRequest, left: readonly number[]): ShippingProblem | undefined {
  const { shippingMethod: id, shippingTable, address } = request;
  if (id === undefined) return undefined;
  const method = shippingTable.find((each) => each.id === id);
  if (method && !address) return undefined;
  const consignment = consignmentOf(request, left);
  const reason = method ? shippingObstacle(method, consignment) : 'unknown_method';
  const methods = optionsFor(consignment, shippingTable).map((option) => option.method);
  const why = {
    unknown_method: `There is no shipping method ${id}`,
    wrong_currency: `${id} is not available for carts in ${consignment.currency}`,
    wrong_place: `${id} does not send to this address`,
    too_heavy: `${id} does not send ${consignment.weight} g to this address`,
    too_valuable: `${id} does not send goods of this value to this address`,
  }[reason];
  const otherwise = address
    ? 'no shipping method can send this cart there'
    : 'set the shipping address to see the available methods';
  const instead = methods.length > 0 ? `choose ${methods.join(' or ')}` : otherwise;
  return { reason, detail: `${why}; ${instead}.`, methods };
}

function consignmentOf({ currency, address, lines }: QuoteRequest, left: readonly number[]): Consignment {
  const weight = sum(lines.map((line) => line.quantity * (line.weight ?? 0)));
  return { currency, place: address, weight, value: sum(left) };
}

/** The first condition of a coupon that the cart does not meet. */
function obstacleTo(terms: CouponTerms, { currency, lines, now }: QuoteRequest): CouponObstacle | undefined {
  const untimely = outOfTime(terms, now);
  if (untimely) return untimely;
  const { minimum } = terms;
  const asked = terms.kind === 'amount' ? terms.currency : minimum?.currency;
  if (asked !== undefined && asked !== currency) return 'other_currency';
  const subtotal = sum(lines.map(({ quantity, unitPrice }) => quantity * unitPrice));
  if (minimum && subtotal < minimum.amount) return 'below_minimum';
  return terms.kind === 'buy_x_get_y' && groupsIn(terms, lines) === 0 ? 'too_few_units' : undefined;
}

/**
 * The tax on a price of a category at the destination. Only `left`, the price after discounts, is taxed. A zero price has no tax.
 * Rates are looked up once per category, because tables are long.
 */
function taxation({ address, taxTable }: QuoteRequest) {
  const rates: AppliedTaxRate[] = [];
  const known = new Map<string | undefined, { position: number; rate: TaxRate } | undefined>();
  const look = (category: string | undefined) => {
    const rate = address && taxRateFor(taxTable, address, category);
    if (!rate) return undefined;
    const { country, region, basisPoints } = rate;
    const place = { country, ...defined({ region }), basisPoints };
    return { position: rates.push({ ...defined({ category }), ...place }) - 1, rate };
  };
  return {
    rates,
    of(price: number, left: number, category: string | undefined): { tax?: number; taxRate?: number } {
      if (price === 0) return {};
      if (!known.has(category)) known.set(category, look(category));
      const found = known.get(category);
      if (!found) return {};
      const tax = roundedShare(left, ...fractionOf(found.rate));
      return { ...(tax > 0 && { tax }), taxRate: found.position };
    },
  };
}

/** The fraction of a price that is tax. An included tax is rate / (1 + rate) of the price. */
function fractionOf({ basisPoints, included }: TaxRate): [part: number, whole: number] {
  const part = Math.round(basisPoints * TAX_RATE_SCALE);
  const whole = 10_000 * TAX_RATE_SCALE;
  return [part, included ? whole + part : whole];
}
