// All of the shop's Stripe adapters, on one connection.

import type { ProviderCustomers } from '../../commands/payment/provider-customers.js';
import { defined } from '../../domain/kernel/json.js';
import type { StripeConfig } from '../shop-config.js';
import { connectStripe, createStripeProvider } from './stripe.js';
import { createStripeBooks } from './stripe-books.js';
import { createStripeMethods } from './stripe-methods.js';
import { readStripeEvent, STRIPE_SIGNATURE } from './stripe-webhook.js';

export function openStripe(config: StripeConfig, customers: ProviderCustomers) {
  const { publishableKey, webhookSecret } = config;
  const stripe = connectStripe(config);
  return {
    provider: createStripeProvider({ stripe, customerRefOf: (customerId) => customers.refOf(customerId) }),
    methods: createStripeMethods({ stripe, customers }),
    books: createStripeBooks(stripe),
    ...defined({
      publishableKey,
      webhook:
        webhookSecret !== undefined
          ? { provider: 'stripe', signedBy: STRIPE_SIGNATURE, read: readStripeEvent(stripe, webhookSecret) }
          : undefined,
    }),
  };
}
