// All endpoints of the product as the modules put them together, with nothing behind them: for tests of what they declare.
import { Container, ContainerModule, type ServiceIdentifier } from 'inversify';
import { paymentWebhook } from '../commands/checkout/payment-webhooks.js';
import { testPaymentEndpoints } from '../commands/checkout/test-payments.js';
import { paymentMethodEndpoints } from '../commands/payment/payment-methods.js';
import type { Endpoint } from '../domain/kernel/endpoint.js';
import { apiModule } from '../infra/modules/api.js';
import * as tokens from '../infra/modules/tokens.js';

export async function allEndpoints(): Promise<readonly Endpoint[]> {
  const container = new Container();
  const payments = [
    ...paymentMethodEndpoints(nothing),
    ...testPaymentEndpoints(nothing),
    paymentWebhook({ ...nothing, provider: 'stripe', signedBy: 'Stripe-Signature' }),
  ];
  await container.load(
    apiModule,
    new ContainerModule(({ bind }) => {
      for (const token of Object.values(tokens) as ServiceIdentifier<unknown>[]) {
        if (token === tokens.ENDPOINTS || token === tokens.APP) continue;
        bind(token).toConstantValue(token === tokens.PAYMENT_ENDPOINTS ? payments : nothing);
      }
    }),
  );
  return container.getAsync(tokens.ENDPOINTS);
}

/** Whatever is asked of it is nothing again; as a promise it never comes to anything. */
// biome-ignore lint/suspicious/noExplicitAny: it stands for whatever a factory takes
const nothing: any = new Proxy(() => undefined, {
  get: (_target, name) => (name === 'then' || typeof name === 'symbol' ? undefined : nothing),
  apply: () => nothing,
});
