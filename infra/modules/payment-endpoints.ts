// The endpoints of the payment provider: its webhook, or the stand-in for a customer's bank.
import { Counter, type Registry } from 'prom-client';
import { type PaymentWebhookDeps, paymentWebhook } from '../../commands/checkout/payment-webhooks.js';
import { testPaymentEndpoints } from '../../commands/checkout/test-payments.js';
import { siblingId } from '../../domain/kernel/id.js';
import { createTestProvider } from '../payments/test-provider.js';
import { lazy, type Recipes } from './parts.js';

export const paymentEndpointParts = {
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
} satisfies Partial<Recipes>;

export function webhookEvents(registry: Registry) {
  return new Counter({
    name: 'commerce_payment_webhook_events_total',
    help: 'Events that the payment provider sent, by type and result',
    labelNames: ['type', 'outcome'] as const,
    registers: [registry],
  });
}
