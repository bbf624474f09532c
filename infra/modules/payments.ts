// Selects the payment provider: Stripe if a Stripe key is configured, otherwise the built-in test provider.
import { Counter, type Registry } from 'prom-client';
import { type PaymentWebhookDeps, paymentWebhook } from '../../commands/checkout/payment-webhooks.js';
import { testPaymentEndpoints } from '../../commands/checkout/test-payments.js';
import { createPaymentOperations } from '../../commands/payment/operations.js';
import { paymentMethodEndpoints } from '../../commands/payment/payment-methods.js';
import { createProviderCustomers } from '../../commands/payment/provider-customers.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import { siblingId } from '../../domain/kernel/id.js';
import type { StripeConfig } from '../config.js';
import { createTestMethods } from '../payments/test-methods.js';
import { createTestProvider } from '../payments/test-provider.js';
import { type PaymentService, type Recipes, recipe } from './parts.js';

export const paymentParts = {
  paymentService: recipe(['config', 'runner'], async ({ config: { stripe }, runner }) =>
    stripe ? stripeService(stripe, runner) : testService(runner),
  ),

  payments: recipe(
    ['runner', 'clock', 'paymentService', 'log'],
    ({ runner, clock, paymentService: { providers }, log }) =>
      createPaymentOperations({
        runner,
        clock,
        providers,
        onUnknown: (paymentId, error) =>
          log.warn({ paymentId, err: error }, 'the outcome of an authorisation is unknown'),
      }),
  ),

  paymentEndpoints: recipe(
    ['paymentService', 'runner', 'payments', 'checkout', 'settlement', 'metrics', 'log'],
    ({
      paymentService: { name, methods, books, webhook },
      runner,
      payments,
      checkout,
      settlement,
      metrics: registry,
      log,
    }) => {
      const events = webhookEvents(registry);
      const onEvent: PaymentWebhookDeps['onEvent'] = ({ id, type }, outcome, error) => {
        events.inc({ type, outcome });
        if (outcome === 'conflict')
          log.error({ event: id, type }, 'a payment event contradicts the ledger; run `commerce reconcile`');
        if (error)
          log.warn({ event: id, type, err: error }, 'work that waited for a payment failed; it will be retried');
      };
      return [
        ...paymentMethodEndpoints(methods),
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
    },
  ),
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

function webhookEvents(registry: Registry) {
  return new Counter({
    name: 'commerce_payment_webhook_events_total',
    help: 'Events that the payment provider sent, by type and result',
    labelNames: ['type', 'outcome'] as const,
    registers: [registry],
  });
}
