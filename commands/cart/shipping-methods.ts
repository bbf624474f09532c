// The ways to ship a cart, as its owner sees them.
import { z } from 'zod';
import { wholeList, wholeListAnswer } from '../../domain/kernel/answers.js';
import { moneySchema } from '../../domain/kernel/money.js';
import type { ShippingOption } from '../../domain/pricing/quote.js';

export const shippingMethodsAnswer = wholeListAnswer(
  z.strictObject({ method: z.string(), title: z.string(), amount: moneySchema }),
);

export function viewOfOptions(
  options: readonly ShippingOption[],
  currency: string,
): z.output<typeof shippingMethodsAnswer> {
  return wholeList(options.map((option) => ({ ...option, amount: { amount: option.amount, currency } })));
}
