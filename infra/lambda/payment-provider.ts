// Asks Stripe, for the other functions: the only one that they can do so through.
import { createProviderCustomers } from '../../commands/payment/provider-customers.js';
import { ConfigError } from '../config.js';
import { recordParts } from '../modules/aws/records.js';
import { openStripe } from '../payments/open-stripe.js';
import { answering } from '../payments/remote-payments.js';
import { handlerOf } from './invocation.js';
import type { FunctionRecipes } from './open.js';

export function paymentProviderHandler(recipes: FunctionRecipes = {}) {
  let answer: ReturnType<typeof answering> | undefined;
  return handlerOf<unknown, unknown>({ ...recordParts, ...recipes }, async (call, { shop }) => {
    const { stripe } = await shop.get('config');
    if (!stripe) throw new ConfigError('STRIPE_SECRET_KEY: is not set.');
    const customers = createProviderCustomers({ runner: await shop.get('runner'), provider: 'stripe' });
    answer ??= answering(openStripe(stripe, customers));
    return answer(call);
  });
}

export const handler = paymentProviderHandler();
