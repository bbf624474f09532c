// The ways to ship a cart, as its owner sees them.
import { z } from 'zod';
import { moneySchema } from '../../domain/kernel/money.js';
import type { ShippingOption } from '../../domain/pricing/quote.js';
import { wholeList, wholeListAnswer } from '../runtime/answers.js';

export const shippingMethodsAnswer = wholeListAnswer(
  z.strictObject({ method: z.string(), title: z.string(), amount: moneySchema }),
);

export function viewOfOptions(
  options: readonly ShippingOption[],
  currency: string,
): z.output<typeof shippingMethodsAnswer> {
  return wholeList(options.map((option) => ({ ...option, amount: { amount: option.amount, currency } })));
}
