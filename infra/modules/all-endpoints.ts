// All endpoints of the product without real dependencies: for those who need only their declarations, such as the AWS stacks.
import { paymentWebhook } from '../../commands/checkout/payment-webhooks.js';
import { testPaymentEndpoints } from '../../commands/checkout/test-payments.js';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { apiParts } from './api.js';

/** With those of the test provider and those of Stripe. */
export async function allEndpoints(): Promise<readonly Endpoint[]> {
  const payments = [
    ...testPaymentEndpoints(nothing),
    paymentWebhook({ ...nothing, provider: 'stripe', signedBy: 'Stripe-Signature' }),
  ];
  const parts = new Proxy(
    { paymentEndpoints: payments },
    { get: (given, name) => Reflect.get(given, name) ?? nothing },
  );
  return apiParts.endpoints(parts as never).make();
}

/** Every property and call returns the same proxy. As a promise it never resolves. */
// biome-ignore lint/suspicious/noExplicitAny: it stands for whatever a factory takes
const nothing: any = new Proxy(() => undefined, {
  get: (_target, name) => (name === 'then' || typeof name === 'symbol' ? undefined : nothing),
  apply: () => nothing,
});
