// Selects the payment provider: Stripe if a Stripe key is configured, otherwise the built-in test provider.
import { Counter, Gauge, type Registry } from 'prom-client';
import { type PaymentWebhookDeps, paymentWebhook } from '../../commands/checkout/payment-webhooks.js';
import { testPaymentEndpoints } from '../../commands/checkout/test-payments.js';
import { createProviderCustomers } from '../../commands/payment/provider-customers.js';
import { reconcile } from '../../commands/payment/reconcile.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import { siblingId } from '../../domain/kernel/id.js';
import { createTestMethods } from '../payments/test-methods.js';
import { createTestProvider } from '../payments/test-provider.js';
import type { StripeConfig } from '../shop-config.js';
import { lazy, type PaymentService, type Recipes } from './parts.js';

export const paymentParts = {
  paymentService: ({ config: { stripe }, runner }) =>
    lazy(async () => (stripe ? stripeService(stripe, runner) : testService(runner))),

  paymentEndpoints: ({
    paymentService: { name, books, webhook },
    runner,
    payments,
    checkout,
    settlement,
    metrics: registry,
    log,
  }) =>
    lazy(() => {
      const events = webhookEvents(registry);
      const onEvent: PaymentWebhookDeps['onEvent'] = ({ id, type }, outcome, error) => {
        events.inc({ type, outcome });
        if (outcome === 'conflict')
          log.error({ event: id, type }, 'a payment event contradicts the ledger; run `commerce reconcile`');
        if (error)
          log.warn({ event: id, type, err: error }, 'work that waited for a payment failed; it will be retried');
      };
      return [
        ...(books && webhook
          ? [paymentWebhook({ ...webhook, books, runner, payments, checkout, settlement, onEvent })]
          : []),
        ...(name === 'test'
          ? testPaymentEndpoints({
              runner,
              bank: createTestProvider(),
              onChange: (paymentId) => checkout.resume(siblingId('order', paymentId)),
            })
          : []),
      ];
    }),

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

function testService(runner: CommandRunner): PaymentService {
  return { name: 'test', providers: { test: createTestProvider() }, methods: createTestMethods({ runner }) };
}

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

export function webhookEvents(registry: Registry) {
  return new Counter({
    name: 'commerce_payment_webhook_events_total',
    help: 'Events that the payment provider sent, by type and result',
    labelNames: ['type', 'outcome'] as const,
    registers: [registry],
  });
}
