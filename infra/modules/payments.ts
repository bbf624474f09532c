// Selects the payment provider: Stripe if a Stripe key is configured, otherwise the built-in test provider.
import { Gauge, type Registry } from 'prom-client';
import { createProviderCustomers } from '../../commands/payment/provider-customers.js';
import { reconcile } from '../../commands/payment/reconcile.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import { createTestProvider } from '../payments/test-provider.js';
import type { StripeConfig } from '../shop-config.js';
import { lazy, type PaymentService, type Recipes } from './parts.js';
import { paymentEndpointParts } from './payment-endpoints.js';
import { testService } from './test-payments.js';

export const paymentParts = {
  ...paymentEndpointParts,

  paymentService: ({ config: { stripe }, runner }) =>
    lazy(async () => (stripe ? stripeService(stripe, runner) : testService(runner))),

  reconciliation: ({
    paymentService: { name: provider, books },
    eventStore: store,
    runner,
    payments,
    settlement,
    clock,
    metrics,
  }) =>
    lazy(() => {
      if (!books) return {};
      const shown = paymentDifferences(metrics);
      return {
        async run(options) {
          const found = await reconcile({ provider, books, store, runner, payments, settlement, clock }, options);
          shown.set({ provider }, found.differences.filter(({ repaired }) => !repaired).length);
          return found;
        },
      };
    }),
} satisfies Partial<Recipes>;

/** Loads Stripe's client only if a Stripe key is configured. */
async function stripeService(config: StripeConfig, runner: CommandRunner): Promise<PaymentService> {
  const { openStripe } = await import('../payments/open-stripe.js');
  const customers = createProviderCustomers({ runner, provider: 'stripe' });
  const { provider, ...rest } = openStripe(config, customers);
  return { name: 'stripe', providers: { test: createTestProvider(), stripe: provider }, ...rest };
}

/** With a label, so that a process that compares nothing shows nothing. */
export function paymentDifferences(registry: Registry) {
  return new Gauge({
    name: 'commerce_payment_differences',
    help: 'Differences between our payments and the records of the provider that the last comparison has found and not repaired',
    labelNames: ['provider'] as const,
    registers: [registry],
  });
}
