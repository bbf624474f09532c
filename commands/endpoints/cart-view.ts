// A cart as its owner sees it, folded from its stream: it is never behind.
import { z } from 'zod';
import { type Cart, cartTotals, lineWithTotal } from '../../domain/cart/cart.js';
import { cartIdSchema, lineIdSchema } from '../../domain/cart/events.js';
import { addressSchema } from '../../domain/kernel/address.js';
import { skuSchema } from '../../domain/kernel/id.js';
import { currencySchema, moneySchema } from '../../domain/kernel/money.js';
import { isForgotten, type PersonalData } from '../../domain/kernel/personal.js';
import { orderIdSchema } from '../../domain/order/events.js';

export const cartAnswer = z
  .strictObject({
    id: cartIdSchema.meta({ example: 'cart_7Q2mXw' }),
    status: z.enum(['open', 'submitted']),
    currency: currencySchema,
    lines: z.array(
      z.strictObject({
        id: lineIdSchema,
        sku: skuSchema,
        title: z.string(),
        quantity: z.int(),
        unitPrice: moneySchema,
        total: moneySchema,
      }),
    ),
    shippingAddress: addressSchema.optional(),
    shippingMethod: z.string().optional(),
    orderId: orderIdSchema.optional().meta({ description: 'What a submitted cart becomes' }),
    subtotal: moneySchema,
    discount: moneySchema,
    shipping: moneySchema,
    tax: moneySchema,
    total: moneySchema.meta({ description: 'subtotal + shipping + tax − discount' }),
  })
  .meta({ id: 'Cart' });

export async function viewOfCart(
  cart: Cart,
  personal: Pick<PersonalData, 'open'>,
): Promise<z.output<typeof cartAnswer>> {
  const money = (amount: number) => ({ amount, currency: cart.currency });
  const totals = cartTotals(cart);
  const address = cart.shippingAddress && (await personal.open(cart.shippingAddress));
  return {
    id: cart.cartId,
    status: cart.status,
    currency: cart.currency,
    lines: cart.lines.map(lineWithTotal).map(({ id, sku, title, quantity, unitPrice, total }) => {
      return { id, sku, title, quantity, unitPrice: money(unitPrice), total: money(total) };
    }),
    ...(address && !isForgotten(address) && { shippingAddress: address }),
    ...(cart.shipping && { shippingMethod: cart.shipping.method }),
    ...(cart.submission && { orderId: cart.submission.orderId }),
    subtotal: money(totals.subtotal),
    discount: money(totals.discount),
    shipping: money(totals.shipping),
    tax: money(totals.tax),
    total: money(totals.total),
  };
}
