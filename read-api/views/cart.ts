// A cart as its owner sees it. Prices are computed anew until it is submitted.
import { z } from 'zod';
import { CART_STATUSES, type Cart, linesOfOrder } from '../../domain/cart/cart.js';
import { cartIdSchema, lineIdSchema } from '../../domain/cart/events.js';
import { addressSchema } from '../../domain/kernel/address.js';
import type { View } from '../../domain/kernel/answers.js';
import { skuSchema } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { currencySchema, type Money, moneySchema, sum } from '../../domain/kernel/money.js';
import { couponCodeSchema, type OrderLine, orderIdSchema } from '../../domain/order/events.js';
import { totalsOf } from '../../domain/order/worth.js';
import type { PresentLine, PricedCart } from '../../domain/pricing/priced-cart.js';
import { COUPON_OBSTACLES, type ShippingOption } from '../../domain/pricing/quote.js';
import { SHIPPING_OBSTACLES } from '../../domain/tariffs/shipping-table.js';

const cartSchema = z
  .strictObject({
    id: cartIdSchema.meta({ example: 'cart_7Q2mXw' }),
    status: z.enum(CART_STATUSES),
    currency: currencySchema,
    lines: z.array(
      z.strictObject({
        id: lineIdSchema,
        sku: skuSchema,
        title: z.string(),
        quantity: z.int(),
        unitPrice: moneySchema.meta({ description: 'The current price. It is fixed when the cart is submitted' }),
        was: moneySchema.optional().meta({
          description:
            'The unit price that the customer accepted, if it differs from `unitPrice`. Absent once the customer accepts the ' +
            'current price, by changing the line or by a checkout',
        }),
        unavailable: z
          .literal(true)
          .optional()
          .meta({
            description:
              'The SKU is not for sale now. `unitPrice` is its last price and `total` is 0. The checkout is refused until the ' +
              'line is removed',
          }),
        total: moneySchema.meta({ description: 'Before discount and tax' }),
        discount: moneySchema.optional(),
        tax: moneySchema.optional(),
      }),
    ),
    coupons: z.array(
      z.strictObject({
        code: couponCodeSchema,
        amount: moneySchema.meta({ description: 'The discount of this coupon' }),
        reason: z
          .enum(COUPON_OBSTACLES)
          .optional()
          .meta({
            description:
              'Why the discount is 0. `too_few_units`: the cart has too few units of the SKUs of the coupon. ' +
              '`nothing_to_discount`: the goods or the shipping cost nothing, or the price of shipping is not known yet ' +
              'because no method is chosen',
          }),
      }),
    ),
    shippingAddress: addressSchema.optional(),
    shippingMethod: z.string().optional(),
    shippingProblem: z
      .strictObject({
        reason: z.enum(['unknown_method', ...SHIPPING_OBSTACLES]),
        detail: z.string(),
        methods: z
          .array(z.string())
          .meta({ description: 'The methods that can send this cart. PUT one of them as the shipping method' }),
      })
      .optional()
      .meta({
        description:
          'Why `shippingMethod` cannot send this cart now. `shipping` and `total` do not include its price, and the ' +
          'checkout is refused until another method is chosen. Absent if there is no problem',
      }),
    orderId: orderIdSchema.optional().meta({ description: 'The order of a submitted cart' }),
    mergedInto: cartIdSchema.optional().meta({ description: 'The cart that got the lines of this merged cart' }),
    subtotal: moneySchema,
    discount: moneySchema,
    shipping: moneySchema.meta({
      description: 'Before discount and tax. 0 until the price is known, and while there is a `shippingProblem`',
    }),
    tax: moneySchema.meta({ description: 'Added to the prices. 0 until there is an address' }),
    includedTax: moneySchema.meta({ description: 'Contained in the prices' }),
    taxed: z.boolean().optional().meta({
      description: 'Whether a tax rate applies at the shipping address. Absent until there is an address',
    }),
    total: moneySchema.meta({ description: 'subtotal + shipping + tax − discount' }),
  })
  .meta({ id: 'Cart' });

export type ShownCart = z.output<typeof cartSchema>;

/** Port: the current price of a cart, and of each way to ship it. */
export interface CartQuotes {
  of(cart: Cart): Promise<PricedCart>;
  shippingOptions(cart: Cart): Promise<ShippingOption[]>;
}

export function createCartView(quotes: Pick<CartQuotes, 'of'>): View<Cart, ShownCart> {
  return { schema: cartSchema, of: async (cart) => viewOf(cart, await quotes.of(cart)) };
}

function viewOf(cart: Cart, { quote, lines, address }: PricedCart): ShownCart {
  const { submission } = cart;
  const ordered = linesOfOrder(cart);
  const cost = submission ? { ...submission, ...totalsOf({ ...submission, lines: ordered }) } : quote;
  const money = (amount: number) => ({ amount, currency: cart.currency });
  return {
    id: cart.cartId,
    status: cart.status,
    currency: cart.currency,
    lines: submission
      ? cart.lines.map((line, index) => viewOfLine(line, ordered[index], money))
      : lines.map((line) =>
          viewOfLine(
            line,
            quote.lines.find(({ id }) => id === line.id),
            money,
          ),
        ),
    coupons: submission
      ? (submission.coupons ?? []).map(({ code, amount }) => ({ code, amount: money(amount) }))
      : quote.coupons.map((coupon) => ({ ...coupon, amount: money(coupon.amount) })),
    ...defined({
      shippingAddress: address,
      shippingMethod: cart.shippingMethod,
      shippingProblem: submission ? undefined : quote.shippingProblem,
      orderId: submission?.orderId,
      mergedInto: cart.mergedInto,
    }),
    subtotal: money(cost.subtotal),
    discount: money(cost.discount),
    shipping: money(cost.shipping?.amount ?? 0),
    tax: money(cost.tax),
    includedTax: money(cost.includedTax ?? 0),
    ...(address && { taxed: cost.taxed !== false }),
    total: money(cost.total),
  };
}

function viewOfLine(
  { id, sku, title, quantity, unitPrice, was, unavailable }: PresentLine,
  { total, discounts, tax }: Pick<OrderLine, 'total' | 'discounts' | 'tax'> = { total: 0 },
  money: (amount: number) => Money,
) {
  return {
    id,
    sku,
    title,
    quantity,
    unitPrice: money(unitPrice),
    ...defined({ was: was !== undefined ? money(was) : undefined, unavailable }),
    total: money(total),
    ...defined({
      discount: discounts ? money(sum(discounts)) : undefined,
      tax: tax !== undefined ? money(tax) : undefined,
    }),
  };
}
