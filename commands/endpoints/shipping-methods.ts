// How orders can be sent. `standard` always exists; it costs nothing, in any currency.
import { z } from 'zod';
import { moneySchema } from '../../domain/kernel/money.js';
import type { Shipping } from '../../domain/order/events.js';

export const SHIPPING_METHODS: readonly (Shipping & { title: string })[] = [
  { method: 'standard', title: 'Standard delivery', amount: 0 },
];

export const shippingMethodsAnswer = z.strictObject({
  data: z.array(z.strictObject({ method: z.string(), title: z.string(), amount: moneySchema })),
});

export function shippingMethodsIn(currency: string): z.output<typeof shippingMethodsAnswer> {
  return { data: SHIPPING_METHODS.map((shipping) => ({ ...shipping, amount: { amount: shipping.amount, currency } })) };
}
