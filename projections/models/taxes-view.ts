// Taxes in answers: an amount for each rate.
import { z } from 'zod';
import { moneySchema } from '../../domain/kernel/money.js';
import { type TaxAmount, taxAmountSchema } from '../../domain/order/events.js';

export const taxesViewSchema = z.array(taxAmountSchema.extend({ net: moneySchema, tax: moneySchema }));

export function taxesView(taxes: readonly TaxAmount[], currency: string): z.output<typeof taxesViewSchema> {
  return taxes.map((one) => ({ ...one, net: { amount: one.net, currency }, tax: { amount: one.tax, currency } }));
}
